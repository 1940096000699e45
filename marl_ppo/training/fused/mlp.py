"""Forward and backward of a standard MLP, by hand: the twin of linear layers with tanh or relu between them.

A batch goes through in blocks of rows that stay in the core's own cache with all that belongs to them, instead of one
operation after the other over the whole batch. The derivatives are those of backpropagation (Rumelhart et al. 1986):

    x' = f(x W^T + b)        dz = dx' f'(z)       dW += dz^T x      db += sum of dz      dx = dz W

width    numbers per row before a layer or after the last one: inputs, hidden layers, outputs
padded   a width rounded up to whole vectors; what is beyond the width is 0 for ever
net      arrays of one network and one thread: threads share no net

Flat arrays hold layer after layer. Outside, parameters and gradients are one array too: weight [out, in], then bias
[out], of each layer, without padding, as a module of torch.nn.Linear layers lists them.

Axes: L layers, P parameters.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from marl_ppo.agents.networks import Activation
from marl_ppo.errors import ConfigError
from marl_ppo.kernels.math32 import tanh
from marl_ppo.kernels.tile import LANES, ROWS, multiply, padded

Array = np.ndarray
BLOCK = 96
"""rows; with 64 numbers each, what a layer reads and writes stays in the fastest cache"""


class Net(NamedTuple):
    """What the kernels work on."""

    widths: Array
    """int64 [L + 1]"""
    block: int
    """rows of a block; told here since a kernel's cached binary would not notice that another file's constant changed"""
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
    """[block, width] of the inputs, then after each layer"""
    deltas: Array
    """gradients with respect to what the layers sum up, before the activation; places as in `activations`"""
    zeros: Array
    """a row of them"""


class FusedMLP:
    """One thread's copy of a network, with the memory it works in."""

    def __init__(self, widths: Sequence[int], activation: Activation) -> None:
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
            block=BLOCK,
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

    def load(self, parameters: Array) -> None:
        """Copy the parameters (float32 [P]) in; call it after every change of them."""
        load(self.net, parameters)


@njit(cache=True, nogil=True, error_model="numpy")
def load(net: Net, parameters: Array) -> None:
    """See `FusedMLP.load`."""
    at, weight_at, bias_at = 0, 0, 0
    for layer in range(len(net.widths) - 1):
        inputs, outputs = net.widths[layer], net.widths[layer + 1]
        stride, stride_t = _padded(inputs), _padded(outputs)
        size = stride * stride_t
        weight = net.weight[weight_at : weight_at + size].reshape(stride_t, stride)
        weight_t = net.weight_t[weight_at : weight_at + size].reshape(stride, stride_t)
        for o in range(outputs):
            row = parameters[at + o * inputs : at + (o + 1) * inputs]
            for i in range(inputs):
                weight[o, i] = row[i]
                weight_t[i, o] = row[i]
        at += inputs * outputs
        copy(parameters[at : at + outputs], net.bias[bias_at:])
        at, weight_at, bias_at = at + outputs, weight_at + size, bias_at + stride_t


@njit(cache=True, nogil=True, error_model="numpy")
def take_gradient(net: Net, gradient: Array) -> None:
    """Write what `backward` has added up to `gradient` (float32 [P]), and start anew."""
    at, weight_at, bias_at = 0, 0, 0
    for layer in range(len(net.widths) - 1):
        inputs, outputs = net.widths[layer], net.widths[layer + 1]
        stride, stride_t = _padded(inputs), _padded(outputs)
        for o in range(outputs):
            row = weight_at + o * stride
            copy(net.weight_grad[row : row + inputs], gradient[at:])
            at += inputs
        copy(net.bias_grad[bias_at : bias_at + outputs], gradient[at:])
        at, weight_at, bias_at = at + outputs, weight_at + stride * stride_t, bias_at + stride_t
    net.weight_grad.fill(0)
    net.bias_grad.fill(0)


@njit(cache=True, nogil=True, error_model="numpy")
def forward(net: Net, rows: int) -> None:
    """Run `rows` rows, at most `net.block`, from the inputs in `net.activations` to the outputs there."""
    rows = -(-rows // ROWS) * ROWS
    x_at, weight_at, bias_at = 0, 0, 0
    last = len(net.widths) - 2
    for layer in range(last + 1):
        inputs, outputs = _padded(net.widths[layer]), _padded(net.widths[layer + 1])
        y_at = x_at + net.block * inputs
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
        y_at, weight_at, bias_at = y_at - net.block * outputs, weight_at - inputs * outputs, bias_at - outputs
        x_at = y_at - net.block * inputs
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


@njit(cache=True, nogil=True, error_model="numpy")
def copy(source: Array, target: Array) -> None:
    """Copy all of `source` to the beginning of `target`; a plain loop compiles much faster than a slice assignment."""
    for i in range(len(source)):
        target[i] = source[i]
