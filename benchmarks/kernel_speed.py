"""What the fused kernels are made of: nanoseconds per row of each part, and GFLOP/s of each matrix product.

    python benchmarks/kernel_speed.py [--repeats 25]

The networks are those of spread with three agents (learner_speed.py); rows are those of the random minibatches of an epoch.
Processor time of one thread; the median of the repeats. `tanh` is a part of forward, `slope` and `bias` are of backward.
What the whole gradient takes beyond gather, forward and backward is the loss, and waiting for memory: where gather runs
by itself, nothing pushes the rollout out of the cache.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from learner_speed import ACTOR, AGENTS, CRITIC, UNITS, fused_actor, fused_critic, parameters, rollout
from numba import njit
from rich.console import Console
from rich.table import Table

from marl_ppo.kernels.tile import multiply, padded
from marl_ppo.training.fused import mlp
from marl_ppo.training.fused.actor import FusedActor
from marl_ppo.training.fused.critic import FusedCritic
from marl_ppo.training.fused.inputs import gather

MINIBATCHES = 4
HIDDEN = 64
CALLS = 200
"""of a matrix product between two looks at the clock"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=25)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(parts(options.repeats), products(options.repeats))


def parts(repeats: int) -> Table:
    actor_batch, critic_batch = rollout()
    networks = {
        "actor": (FusedActor(ACTOR, "tanh"), ACTOR, actor_batch.inputs, fused_actor(actor_batch), AGENTS),
        "critic": (FusedCritic(CRITIC, "tanh"), CRITIC, critic_batch.inputs, fused_critic(critic_batch), 1),
    }
    shown = Table(title="ns per row", box=None, pad_edge=False)
    for column in ("network", "gradient", "gather", "forward", "tanh", "backward", "slope", "bias"):
        shown.add_column(column, justify="left" if column == "network" else "right")
    for name, (network, widths, inputs, gradient, per_unit) in networks.items():
        network.load(parameters(widths))
        kernels = (_gather, _forward, _tanh, _backward, _slope, _bias)
        ways: list[Callable[[np.ndarray], None]] = [gradient, *(partial(kernel, inputs, network.net) for kernel in kernels)]
        draws = _minibatches(per_unit)
        shown.add_row(name, *(f"{_per_row(way, draws, repeats):.1f}" for way in ways))
    return shown


def products(repeats: int) -> Table:
    """Every product of the actor's forward and backward pass over one block of rows."""
    block, first, last = mlp.BLOCK, padded(ACTOR[0]), padded(ACTOR[-1])
    rng = np.random.default_rng(0)
    a, b, out = (rng.normal(size=block * block).astype(np.float32) for _ in range(3))
    zeros = np.zeros(block * block, np.float32)
    # what it is: strides of a; stride of b; of out; rows, columns, depth
    shapes = {
        "x W^T, first layer": (first, 1, HIDDEN, HIDDEN, block, HIDDEN, ACTOR[0]),
        "x W^T, second": (HIDDEN, 1, HIDDEN, HIDDEN, block, HIDDEN, HIDDEN),
        "x W^T, last": (HIDDEN, 1, last, last, block, last, HIDDEN),
        "dz^T x, last": (1, last, HIDDEN, HIDDEN, 8, HIDDEN, block),
        "dz^T x, second": (1, HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN, block),
        "dz^T x, first": (1, HIDDEN, first, first, HIDDEN, first, block),
        "dz W, last": (last, 1, HIDDEN, HIDDEN, block, HIDDEN, ACTOR[-1]),
        "dz W, second": (HIDDEN, 1, HIDDEN, HIDDEN, block, HIDDEN, HIDDEN),
    }
    shown = Table(title="matrix products of the actor", box=None, pad_edge=False)
    for column in ("product", "shape", "GFLOP/s"):
        shown.add_column(column, justify="left" if column == "product" else "right")
    for name, (a_m, a_k, b_k, out_m, rows, columns, depth) in shapes.items():
        arguments = (a, a_m, a_k, b, b_k, zeros, 0, out, out_m, rows, columns, depth, CALLS)
        nanoseconds = statistics.median(_took(_multiply, *arguments) for _ in range(repeats)) / CALLS
        shown.add_row(name, f"{rows} x {columns} x {depth}", f"{2 * rows * columns * depth / nanoseconds:.0f}")
    return shown


def _minibatches(per_unit: int) -> list[np.ndarray]:
    """The rows of the minibatches of one epoch: all agents of a random part of the units."""
    drawn = np.array_split(np.random.default_rng(1).permutation(UNITS), MINIBATCHES)
    return [(part[:, None] * per_unit + np.arange(per_unit)).ravel() for part in drawn]


def _per_row(way: Callable[[np.ndarray], None], draws: list[np.ndarray], repeats: int) -> float:
    way(draws[0])  # compiles
    return statistics.median(_took(way, rows) / len(rows) for _ in range(repeats) for rows in draws)


def _took(work: Callable[..., None], *arguments: Any) -> int:
    began = time.thread_time_ns()
    work(*arguments)
    return time.thread_time_ns() - began


@njit(nogil=True, error_model="numpy")
def _gather(inputs: Any, net: Any, rows: np.ndarray) -> None:
    for begin in range(0, len(rows), net.block):
        gather(inputs, rows[begin : begin + net.block], net)


@njit(nogil=True, error_model="numpy")
def _forward(inputs: Any, net: Any, rows: np.ndarray) -> None:
    for begin in range(0, len(rows), net.block):
        mlp.forward(net, len(rows[begin : begin + net.block]))


@njit(nogil=True, error_model="numpy")
def _backward(inputs: Any, net: Any, rows: np.ndarray) -> None:
    for begin in range(0, len(rows), net.block):
        mlp.backward(net, len(rows[begin : begin + net.block]))
    net.weight_grad.fill(0)
    net.bias_grad.fill(0)


@njit(nogil=True, error_model="numpy")
def _tanh(inputs: Any, net: Any, rows: np.ndarray) -> None:
    for begin in range(0, len(rows), net.block):
        size = len(rows[begin : begin + net.block]) * HIDDEN
        for _ in range(2):
            mlp._activate(net.deltas[:size], False)


@njit(nogil=True, error_model="numpy")
def _slope(inputs: Any, net: Any, rows: np.ndarray) -> None:
    for begin in range(0, len(rows), net.block):
        size = len(rows[begin : begin + net.block]) * HIDDEN
        for _ in range(2):
            mlp._times_slope(net.deltas[:size], net.activations, False)


@njit(nogil=True, error_model="numpy")
def _bias(inputs: Any, net: Any, rows: np.ndarray) -> None:
    for begin in range(0, len(rows), net.block):
        for _ in range(2):
            mlp._add_rows(net.deltas, net.bias_grad[:HIDDEN], len(rows[begin : begin + net.block]))


@njit(nogil=True, error_model="numpy")
def _multiply(
    a: np.ndarray, a_m: int, a_k: int, b: np.ndarray, b_k: int, start: np.ndarray, start_m: int,
    out: np.ndarray, out_m: int, rows: int, columns: int, depth: int, calls: int,
) -> None:  # fmt: skip
    for _ in range(calls):
        multiply(a, a_m, a_k, b, b_k, start, start_m, out, out_m, rows, columns, depth)


if __name__ == "__main__":
    main()
