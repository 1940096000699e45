"""What a network is shown, row by row, gathered straight from where the rollout keeps it.

row      a seat's decision, or a copy's moment for a critic that runs once per copy
shared   what A consecutive rows have in common, such as the world's state
own      a row's own numbers, such as a seat's obs
index    the seat's number, appended one-hot
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.kernels.tile import LANES
from marl_ppo.training.fused.mlp import Net, copy


class Inputs(NamedTuple):
    """Row r shows shared[r // A], own[r] and the one-hot index[r % A]; parts of no columns are left out."""

    shared: np.ndarray
    """float32 [R / A, S]"""
    own: np.ndarray
    """float32 [R, d]"""
    index: np.ndarray  # type: ignore[assignment] # hides the tuple's own method
    """int64 [A]"""
    num_indices: int
    """columns of the one-hot part"""


@njit(cache=True, nogil=True, error_model="numpy")
def gather(inputs: Inputs, rows: np.ndarray, net: Net) -> None:
    """Put `rows` (int64, at most `net.block`) into the net as its next inputs."""
    stride = -(-net.widths[0] // LANES) * LANES
    seats = len(inputs.index)
    shared_size, own_size = inputs.shared.shape[1], inputs.own.shape[1]
    for r in range(len(rows)):
        row = rows[r]
        x = net.activations[r * stride : (r + 1) * stride]
        if shared_size:
            copy(inputs.shared[row // seats], x)
        if own_size:
            copy(inputs.own[row], x[shared_size:])
        one_hot = x[shared_size + own_size :]
        for i in range(inputs.num_indices):
            one_hot[i] = np.float32(inputs.index[row % seats] == i)
