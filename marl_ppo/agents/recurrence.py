"""A GRU over sequences on the CPU, its gradient derived by hand: the twin of `GRUCell` applied step by step.

Autograd keeps some thirty arrays for each step and reads them all again. Here a block of rows goes through the whole
sequence, and back, while what it needs is in the processor's cache.

Shapes: L steps, B rows, I inputs, M units. Gates lie side by side, reset, update, proposed, as torch's weights have them.
Arrays are flat inside the kernels.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numba import njit
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from marl_ppo.envs.world import Array
from marl_ppo.kernels.math32 import exp, tanh
from marl_ppo.kernels.tile import LANES, ROWS, multiply

BLOCK = 64
"""rows that go through a sequence together, a multiple of ROWS"""
_ONE, _ZERO = np.float32(1), np.float32(0)


def serves(x: Tensor, cell: nn.GRUCell) -> bool:
    """Whether `remember` does for these inputs and this cell what the cell does step by step."""
    fits = cell.input_size % LANES == 0 and cell.hidden_size % LANES == 0 and x.dim() == 3 and cell.weight_ih.dim() == 2
    plain = not torch.compiler.is_exporting() and not torch._C._functorch.is_batchedtensor(x)
    return fits and plain and x.device.type == "cpu" and x.dtype == cell.weight_ih.dtype == torch.float32


def remember(
    x: Float[Tensor, "L B I"], is_start: Bool[Tensor, "L B"], memory: Float[Tensor, "B M"], cell: nn.GRUCell
) -> Float[Tensor, "L B M"]:
    """Memory after every step; `is_start` zeroes it before one (Cho et al. 2014, arXiv:1406.1078)."""
    weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    after: Tensor = _Remember.apply(x, is_start, memory, *weights)
    return after


class _Remember(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, is_start: Tensor, memory: Tensor, *weights: Tensor) -> Tensor:
        steps, rows, units = len(x), len(memory), memory.shape[1]
        into, onto, *biases = weights
        given = [_flat(array) for array in (x, memory, into.T, onto.T, *biases)]
        before, after, gates = (np.empty(steps * rows * units * size, np.float32) for size in (1, 1, 4))
        starts = is_start.contiguous().numpy()
        _advance(*given, starts, before, gates, after)
        ctx.save_for_backward(x, into, onto)
        ctx.kept = starts, before, gates
        return torch.from_numpy(after).view(steps, rows, units)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, towards: Tensor) -> tuple[Tensor | None, ...]:
        x, into, onto = ctx.saved_tensors
        starts, before, gates = ctx.kept
        to_x, to_memory = torch.empty_like(x, memory_format=torch.contiguous_format), x.new_empty(x.shape[1], onto.shape[1])
        to_weights = [x.new_zeros(shape) for shape in (into.shape, onto.shape, into.shape[:1], onto.shape[:1])]
        found = [array.numpy().reshape(-1) for array in (to_x, to_memory, *to_weights)]
        _go_back(_flat(towards), _flat(x), _flat(into), _flat(onto), starts, before, gates, *found)
        return to_x, None, to_memory, *to_weights


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(
    x: Array, memory: Array, into: Array, onto: Array, bias_into: Array, bias_onto: Array, starts: Array,
    before: Array, gates: Array, after: Array,
) -> None:  # fmt: skip
    """Write memory `before` and `after` every step, [L, B, M] each, and the `gates` [L, B, 4M], of which the last M are what
    memory adds to the proposed one before it is reset. Weights are transposed, [I, 3M] and [M, 3M]."""
    steps, rows = starts.shape
    wide = len(bias_onto)
    units, inputs = wide // 3, len(into) // wide
    seen, known = np.empty(BLOCK * wide, np.float32), np.empty(BLOCK * wide, np.float32)
    shown, held = np.zeros(BLOCK * inputs, np.float32), np.zeros(BLOCK * units, np.float32)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        filled = -(-count // ROWS) * ROWS
        _copy(memory, first * units, held, 0, count * units)
        for step in range(steps):
            for b in range(count):
                if starts[step, first + b]:
                    held[b * units : (b + 1) * units] = _ZERO
            at = (step * rows + first) * units
            _copy(held, 0, before, at, count * units)
            _copy(x, (step * rows + first) * inputs, shown, 0, count * inputs)
            multiply(shown, inputs, 1, into, wide, bias_into, 0, seen, wide, filled, wide, inputs)
            multiply(held, units, 1, onto, wide, bias_onto, 0, known, wide, filled, wide, units)
            for b in range(count):
                _step(
                    seen[b * wide : (b + 1) * wide],
                    known[b * wide : (b + 1) * wide],
                    held[b * units : (b + 1) * units],
                    gates[4 * (at + b * units) : 4 * (at + (b + 1) * units)],
                )
            _copy(held, 0, after, at, count * units)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _step(seen: Array, known: Array, held: Array, gates: Array) -> None:
    """One row's step: its gates, and the memory it holds."""
    units = len(held)
    for m in range(2 * units):
        gates[m] = _ONE / (_ONE + exp(-(seen[m] + known[m])))
    _copy(known, 2 * units, gates, 3 * units, units)
    for m in range(units):
        seen[m] = tanh(seen[2 * units + m] + gates[m] * known[2 * units + m])
    for m in range(units):
        held[m] = seen[m] + gates[units + m] * (held[m] - seen[m])
    _copy(seen, 0, gates, 2 * units, units)


@njit(cache=True, nogil=True, error_model="numpy")
def step_once(seen: Array, known: Array, held: Array) -> None:
    """Change the memory `held` [B, M] as a step does, by what its gates make of the inputs, `seen` [B, 3M], and of memory,
    `known` [B, 3M], biases included; `seen` is overwritten."""
    gates = np.empty(4 * held.shape[1], np.float32)
    for b in range(len(held)):
        _step(seen[b], known[b], held[b], gates)


@njit(cache=True, nogil=True, error_model="numpy")
def _go_back(
    towards: Array, x: Array, into: Array, onto: Array, starts: Array, before: Array, gates: Array,
    to_x: Array, to_memory: Array, to_into: Array, to_onto: Array, to_bias_into: Array, to_bias_onto: Array,
) -> None:  # fmt: skip
    """Write the gradients by inputs [L, B, I] and by the first memory [B, M], and add those by weights [3M, I] and [3M, M]
    and biases [3M], of a loss whose gradient by memory after every step is `towards`."""
    steps, rows = starts.shape
    wide = len(to_bias_onto)
    units, inputs = wide // 3, len(into) // wide
    by_seen, by_known = np.zeros(BLOCK * wide, np.float32), np.zeros(BLOCK * wide, np.float32)
    shown, held = np.zeros(BLOCK * inputs, np.float32), np.zeros(BLOCK * units, np.float32)
    by_shown, by_held = np.zeros(BLOCK * inputs, np.float32), np.zeros(BLOCK * units, np.float32)
    nothing = np.zeros(inputs, np.float32)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        filled = -(-count // ROWS) * ROWS
        by_held[:] = _ZERO
        for row in range(count, filled):
            by_seen[row * wide : (row + 1) * wide] = _ZERO
            by_known[row * wide : (row + 1) * wide] = _ZERO
        for step in range(steps - 1, -1, -1):
            at = (step * rows + first) * units
            _copy(before, at, held, 0, count * units)
            _copy(x, (step * rows + first) * inputs, shown, 0, count * inputs)
            for b in range(count):
                _step_back(
                    towards[at + b * units : at + (b + 1) * units],
                    gates[4 * (at + b * units) : 4 * (at + (b + 1) * units)],
                    held[b * units : (b + 1) * units],
                    by_held[b * units : (b + 1) * units],
                    by_seen[b * wide : (b + 1) * wide],
                    by_known[b * wide : (b + 1) * wide],
                )
            multiply(by_seen, wide, 1, into, inputs, nothing, 0, by_shown, inputs, filled, inputs, wide)
            _copy(by_shown, 0, to_x, (step * rows + first) * inputs, count * inputs)
            multiply(by_known, wide, 1, onto, units, by_held, units, by_held, units, filled, units, wide)
            multiply(by_seen, 1, wide, shown, inputs, to_into, inputs, to_into, inputs, wide, inputs, count)
            multiply(by_known, 1, wide, held, units, to_onto, units, to_onto, units, wide, units, count)
            for b in range(count):
                _add(by_seen[b * wide : (b + 1) * wide], to_bias_into)
                _add(by_known[b * wide : (b + 1) * wide], to_bias_onto)
                if starts[step, first + b]:
                    by_held[b * units : (b + 1) * units] = _ZERO
        _copy(by_held, 0, to_memory, first * units, count * units)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _step_back(towards: Array, gates: Array, held: Array, by_held: Array, by_seen: Array, by_known: Array) -> None:
    """One row's step: the gradients by what was seen and known, and by memory before it as far as it does not go through
    the gates; `by_held` comes in as that by memory after it, without `towards`."""
    units = len(held)
    for m in range(units):
        by_held[m] += towards[m]
    for m in range(units):
        update, proposed = gates[units + m], gates[2 * units + m]
        by_seen[units + m] = by_held[m] * (held[m] - proposed) * update * (_ONE - update)
    for m in range(units):
        update, proposed = gates[units + m], gates[2 * units + m]
        by_seen[2 * units + m] = by_held[m] * (_ONE - update) * (_ONE - proposed * proposed)
    for m in range(units):
        by_seen[m] = by_seen[2 * units + m] * gates[3 * units + m] * gates[m] * (_ONE - gates[m])
    _copy(by_seen, 0, by_known, 0, 2 * units)
    for m in range(units):
        by_known[2 * units + m] = by_seen[2 * units + m] * gates[m]
    for m in range(units):
        by_held[m] *= gates[units + m]


@njit(cache=True, nogil=True, error_model="numpy")
def _copy(source: Array, source_at: int, target: Array, target_at: int, count: int) -> None:
    for i in range(count):
        target[target_at + i] = source[source_at + i]


@njit(cache=True, nogil=True, error_model="numpy")
def _add(more: Array, total: Array) -> None:
    for i in range(len(total)):
        total[i] += more[i]


def _flat(tensor: Tensor) -> Array:
    flat: Array = tensor.detach().contiguous().numpy().reshape(-1)
    return flat
