"""Forward and backward of a standard MLP, by hand: the twin of linear layers with tanh or relu between them.

A batch goes through in blocks of rows that stay in the core's own cache with all that belongs to them, instead of one
operation after the other over the whole batch. The derivatives are those of backpropagation (Rumelhart et al. 1986):

    x' = f(x W^T + b)        dz = dx' f'(z)       dW += dz^T x      db += sum of dz      dx = dz W

width    numbers per row before a layer or after the last one: inputs, hidden layers, outputs
padded   a width rounded up to whole vectors; what is beyond the width is 0 for ever
net      arrays of one network and one thread: threads share no net

Flat arrays hold layer after layer. Axes: L layers, BLOCK rows of a block.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numba import njit

from marl_ppo.errors import ConfigError
from marl_ppo.training.fused.math32 import tanh
from marl_ppo.training.fused.tile import LANES, ROWS, multiply, padded

Array = np.ndarray
Layers = Sequence[tuple[Array, Array]]
"""weight float32 [out, in] and bias float32 [out] of each linear layer, as torch.nn.Linear has them"""
BLOCK = 128


class Net(NamedTuple):
    """What the kernels work on."""

    widths: Array
    """int64 [L + 1]"""
    relu: bool
    """relu between the layers instead of tanh"""
    weight: Array
    """[out, in] of each layer, padded"""
    weight_t: Array
    """the same, transposed"""
    bias: Array
    weight_grad: Array
    bias_grad: Array
    activations: Array
    """[BLOCK, width] of the inputs, then after each layer"""
    deltas: Array
    """gradients with respect to what the layers sum up, before the activation; places as in `activations`"""
    zeros: Array
    """a row of them"""


class FusedMLP:
    """One thread's copy of a network, with the memory it works in."""

    def __init__(self, widths: Sequence[int], activation: Literal["tanh", "relu"]) -> None:
        if activation not in ("tanh", "relu"):
            raise ConfigError(f"the fused learner has no activation {activation!r}; use 'tanh' or 'relu'")
        if len(widths) < 2 or min(widths) < 1:
            raise ConfigError(f"widths must be at least two positive numbers, got {list(widths)}")
        sizes = [padded(width) for width in widths]
        weights = sum(i * o for i, o in itertools.pairwise(sizes))

        def zeros(size: int) -> Array:
            return np.zeros(size, np.float32)

        self.net = Net(
            widths=np.array(widths, np.int64),
            relu=activation == "relu",
            weight=zeros(weights),
            weight_t=zeros(weights),
            bias=zeros(sum(sizes[1:])),
            weight_grad=zeros(weights),
            bias_grad=zeros(sum(sizes[1:])),
            activations=zeros(BLOCK * sum(sizes)),
            deltas=zeros(BLOCK * sum(sizes)),
            zeros=zeros(max(sizes)),
        )
        self._weight = _views(self.net.weight, sizes)
        self._weight_t = [
            view.reshape(i, o) for view, i, o in zip(_views(self.net.weight_t, sizes), sizes, sizes[1:], strict=False)
        ]
        self._weight_grad = _views(self.net.weight_grad, sizes)
        self._bias = np.split(self.net.bias, np.cumsum(sizes[1:-1]))
        self._bias_grad = np.split(self.net.bias_grad, np.cumsum(sizes[1:-1]))

    def load(self, layers: Layers) -> None:
        """Copy the weights in; call it after every change of them."""
        for layer, (weight, bias) in enumerate(layers):
            outputs, inputs = weight.shape
            self._weight[layer][:outputs, :inputs] = weight
            self._weight_t[layer][:inputs, :outputs] = weight.T
            self._bias[layer][:outputs] = bias

    def clear_gradient(self) -> None:
        """Forget what `backward` has added up."""
        self.net.weight_grad.fill(0)
        self.net.bias_grad.fill(0)

    def add_gradient(self, gradients: Layers) -> None:
        """Add what `backward` has added up to `gradients`."""
        for layer, (weight, bias) in enumerate(gradients):
            outputs, inputs = weight.shape
            weight += self._weight_grad[layer][:outputs, :inputs]
            bias += self._bias_grad[layer][:outputs]


@njit(cache=True, nogil=True, error_model="numpy")
def forward(net: Net, rows: int) -> None:
    """Run `rows` rows, at most BLOCK, from the inputs in `net.activations` to the outputs there."""
    rows = -(-rows // ROWS) * ROWS
    x_at, weight_at, bias_at = 0, 0, 0
    last = len(net.widths) - 2
    for layer in range(last + 1):
        inputs, outputs = _padded(net.widths[layer]), _padded(net.widths[layer + 1])
        y_at = x_at + BLOCK * inputs
        x, y = net.activations[x_at:], net.activations[y_at : y_at + rows * outputs]
        weight_t, bias = net.weight_t[weight_at:], net.bias[bias_at:]
        multiply(x, inputs, 1, weight_t, outputs, bias, 0, y, outputs, rows, outputs, net.widths[layer])
        if layer < last:
            _activate(y, net.relu)
        x_at, weight_at, bias_at = y_at, weight_at + inputs * outputs, bias_at + outputs


@njit(cache=True, nogil=True, error_model="numpy")
def backward(net: Net, rows: int) -> None:
    """Add the gradients of `rows` rows that `forward` has run; their deltas of the outputs are in `net.deltas`."""
    last = len(net.widths) - 2
    y_at, weight_at, bias_at = len(net.deltas), len(net.weight), len(net.bias)
    for layer in range(last, -1, -1):
        inputs, outputs = _padded(net.widths[layer]), _padded(net.widths[layer + 1])
        y_at, weight_at, bias_at = y_at - BLOCK * outputs, weight_at - inputs * outputs, bias_at - outputs
        x_at = y_at - BLOCK * inputs
        delta, x = net.deltas[y_at:], net.activations[x_at:]
        grad = net.weight_grad[weight_at:]
        used = -(-net.widths[layer + 1] // ROWS) * ROWS
        multiply(delta, 1, outputs, x, inputs, grad, inputs, grad, inputs, used, inputs, rows)
        _add_rows(delta, net.bias_grad[bias_at : bias_at + outputs], rows)
        if layer > 0:
            filled = -(-rows // ROWS) * ROWS
            weight, below = net.weight[weight_at:], net.deltas[x_at : x_at + filled * inputs]
            multiply(delta, outputs, 1, weight, inputs, net.zeros, 0, below, inputs, filled, inputs, net.widths[layer + 1])
            _times_slope(below, x, net.relu)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _activate(z: Array, relu: bool) -> None:
    if relu:
        for i in range(len(z)):
            z[i] = max(z[i], np.float32(0))
    else:
        for i in range(len(z)):
            z[i] = tanh(z[i])


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _times_slope(delta: Array, activation: Array, relu: bool) -> None:
    """Times f', which tanh and relu tell from their results: 1 - f^2, or 1 where f > 0."""
    if relu:
        for i in range(len(delta)):
            delta[i] = delta[i] if activation[i] > 0 else np.float32(0)
    else:
        for i in range(len(delta)):
            delta[i] *= np.float32(1) - activation[i] * activation[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _add_rows(delta: Array, total: Array, rows: int) -> None:
    width = len(total)
    for row in range(rows):
        added = delta[row * width : (row + 1) * width]
        for i in range(width):
            total[i] += added[i]


@njit(cache=True, nogil=True, inline="always")
def _padded(width: int) -> int:
    return -(-width // LANES) * LANES


def _views(flat: Array, sizes: Sequence[int]) -> list[Array]:
    """The [out, in] matrices of all layers in a flat array."""
    shapes = list(zip(sizes[1:], sizes, strict=False))
    parts = np.split(flat, np.cumsum([o * i for o, i in shapes])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
