"""Compiled networks that read a module's weights where they lie, and rows as they are shown to them."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
from torch import Tensor

from marl_ppo.training.fused.inputs import Inputs
from marl_ppo.training.fused.mlp import Array, FusedMLP

Net = TypeVar("Net", bound=FusedMLP)
_NOTHING = np.zeros((1, 0), np.float32)
_NO_INDEX = np.zeros(1, np.int64)


class PerThread(threading.local, Generic[Net]):
    """A net for each thread that asks, of linear layers with these weights and biases; made for their widths."""

    def __init__(self, parameters: Sequence[Tensor], make: Callable[[list[int]], Net]) -> None:
        self._parameters = parameters
        self._net = make(widths(self._parameters))
        self._where: list[int] = []
        self._views: list[Array] = []
        self._loaded = np.zeros(0, np.float32)

    def loaded(self) -> Net:
        """This thread's net, with the weights as they are now."""
        where = [parameter.data_ptr() for parameter in self._parameters]
        if where != self._where:
            self._where, self._views = where, flat_views(self._parameters)
        now = np.concatenate(self._views)
        # To compare is cheaper than to lay the weights out; an optimiser's step leaves no other trace.
        if not np.array_equal(now, self._loaded):
            self._loaded = now
            self._net.load(now)
        return self._net


def flat_views(parameters: Iterable[Tensor]) -> list[Array]:
    """Parameters as flat arrays that show what they hold now."""
    return [parameter.detach().numpy().reshape(-1) for parameter in parameters]


def widths(parameters: Iterable[Tensor]) -> list[int]:
    """Inputs, hidden layers and outputs of linear layers, whose weights and biases these are in turn."""
    first, *others = parameters
    return [first.shape[1], *(len(bias) for bias in others[::2])]


def only_own(own: Tensor, index: Tensor | None = None, num_indices: int = 0) -> Inputs:
    """Rows [B, d] with nothing shared, and their `index` int64 [B] one-hot."""
    return Inputs(_NOTHING, as_array(own), as_array(index) if index is not None and len(own) else _NO_INDEX, num_indices)


def as_array(tensor: Tensor) -> Array:
    """The same memory, unless it is not contiguous: the kernels are compiled for arrays that are."""
    return tensor.contiguous().numpy()
