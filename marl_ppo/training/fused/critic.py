"""The critic's part of PPO by hand: gradients of the value loss, and values.

The loss of a value is half its squared error, or Huber's, which grows linearly beyond `huber_delta`; with value clipping
it is the larger of that and the same loss of the value kept within `clip_coef` of the old one.

Axes: R rows of the rollout, B rows of a minibatch, A values per row: all agents of a copy, or 1 for one seat.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from marl_ppo.kernels.tile import LANES
from marl_ppo.training.fused.inputs import Inputs, gather
from marl_ppo.training.fused.mlp import Array, FusedMLP, Net, backward, forward, take_gradient

_ZERO, _HALF = np.float32(0), np.float32(0.5)


class CriticBatch(NamedTuple):
    """What a rollout tells the critic, in the units in which the network gives values."""

    inputs: Inputs
    returns: Array
    """float32 [R, A]"""
    old_values: Array
    """float32 [R, A], of the critic that saw the rollout; [0, A] if not clipped"""
    valid: Array
    """bool [R, A]: which values count; [0, A] if all do"""


class FusedCritic(FusedMLP):
    """The fast twin of an MLP critic. One per thread."""

    def gradient(
        self,
        batch: CriticBatch,
        rows: Array,
        gradient: Array,
        *,
        weight: float,
        clip_coef: float = np.inf,
        huber_delta: float = np.inf,
    ) -> float:
        """Write the gradient of `weight` times the summed loss of `rows` (int64 [B]) to `gradient` (float32 [P]).

        `weight` is vf_coef / valid values of the whole minibatch, so that parts of it can be added up. Returns the sum.
        """
        loss: float = _gradient(
            self.net, batch, rows, gradient, np.float32(weight), np.float32(clip_coef), np.float32(huber_delta)
        )
        return loss

    def values(self, inputs: Inputs, values: Array) -> None:
        """Write the values of all R rows: float32 [R, A]."""
        _values(self.net, inputs, values)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _gradient(
    net: Net,
    batch: CriticBatch,
    rows: Array,
    gradient: Array,
    weight: np.float32,
    clip_coef: np.float32,
    huber_delta: np.float32,
) -> float:
    agents = net.widths[-1]
    stride = -(-agents // LANES) * LANES
    outputs = net.activations[-net.block * stride :].reshape(net.block, stride)
    deltas = net.deltas[-net.block * stride :].reshape(net.block, stride)
    all_valid, clips = len(batch.valid) == 0, len(batch.old_values) > 0
    loss_sum: Any = 0.0
    for begin in range(0, len(rows), net.block):
        block = rows[begin : begin + net.block]
        gather(batch.inputs, block, net)
        forward(net, len(block))
        for r in range(len(block)):
            row = block[r]
            for a in range(agents):
                value, target = outputs[r, a], batch.returns[row, a]
                loss, slope = _value_loss(value - target, huber_delta)
                if clips:
                    old = batch.old_values[row, a]
                    kept = min(max(value, old - clip_coef), old + clip_coef)
                    kept_loss, kept_slope = _value_loss(kept - target, huber_delta)
                    if kept_loss > loss:
                        loss, slope = kept_loss, kept_slope if kept == value else _ZERO
                counts = all_valid or batch.valid[row, a]
                deltas[r, a] = weight * slope if counts else _ZERO
                loss_sum += loss if counts else _ZERO
        backward(net, len(block))
    take_gradient(net, gradient)
    return loss_sum


@njit(cache=True, nogil=True, error_model="numpy")
def _values(net: Net, inputs: Inputs, values: Array) -> None:
    agents = net.widths[-1]
    stride = -(-agents // LANES) * LANES
    outputs = net.activations[-net.block * stride :].reshape(net.block, stride)
    for begin in range(0, len(values), net.block):
        block = np.arange(begin, min(begin + net.block, len(values)))
        gather(inputs, block, net)
        forward(net, len(block))
        for r in range(len(block)):
            for a in range(agents):
                values[begin + r, a] = outputs[r, a]


@njit(cache=True, nogil=True, inline="always")
def _value_loss(error: np.float32, huber_delta: np.float32) -> tuple[np.float32, np.float32]:
    """The loss of one error, and its derivative."""
    if abs(error) <= huber_delta:
        return _HALF * error * error, error
    sign = np.float32(1) if error > 0 else np.float32(-1)
    return huber_delta * (abs(error) - _HALF * huber_delta), sign * huber_delta
