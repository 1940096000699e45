"""Trunks: observations in, features out, with or without memory. Plain modules that run on any device.

A trunk takes rows [B, size] or, with memory, also sequences [L, B, size]. Weights are orthogonal, biases zero
(Saxe et al. 2014, arXiv:1312.6120; gains as in "The 37 implementation details of PPO", ICLR blog 2022).
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from marl_ppo.agents.recurrence import remember, serves
from marl_ppo.errors import ConfigError

Activation = Literal["tanh", "relu", "silu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Shape of an actor or critic."""

    hidden: tuple[int, ...] = (64, 64)
    """widths of the hidden layers"""
    activation: Activation = "tanh"
    """between the layers"""
    memory: Literal["none", "gru"] = "none"
    """gru: the last hidden layer remembers what the seat saw at its earlier decisions"""
    agent_index: bool = True
    """show the actor its agent's number inside its team, one-hot, so that agents that share weights can differ; a critic
    that runs once per seat is always shown one"""
    encoders: tuple[str, ...] = ()
    """of plugins, by name: each is asked in turn whether it serves a part of the obs, before those that are built in"""
    normalize_obs: Literal["auto", "always", "never"] = "auto"
    """standardise vectors by what was seen of them, and scale those with wide bounds; auto: where nothing bounds them"""
    precision: Literal["float32", "bf16"] = "float32"
    """of the trunks' matrix products; heads, losses and optimiser stay float32"""

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigError(f"hidden must name at least one layer of at least one unit, got {self.hidden}")


class Tanh(nn.Module):
    """tanh as 2 sigmoid(2x) - 1: the same function to 1e-7, and much faster than torch's tanh on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(2.0 * x) * 2.0 - 1.0


_ACTIVATIONS: dict[Activation, type[nn.Module]] = {"tanh": Tanh, "relu": nn.ReLU, "silu": nn.SiLU}


def linear(inputs: int, outputs: int, *, gain: float, generator: torch.Generator) -> nn.Linear:
    """A linear layer with orthogonal weights of the given gain and zero bias."""
    # Not initialised twice: the first time would draw from the global generator.
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class Trunk(nn.Module):
    """Hidden layers; with memory, the last one is a GRU cell that advances once per call."""

    def __init__(self, inputs: int, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        widths = config.hidden if config.memory == "none" else config.hidden[:-1]
        layers: list[nn.Module] = []
        for width in widths:
            layers += [linear(inputs, width, gain=math.sqrt(2), generator=generator), _ACTIVATIONS[config.activation]()]
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.size = config.hidden[-1]
        self.cell = None if config.memory == "none" else _gru_cell(inputs, self.size, generator)
        self.memory_size = 0 if self.cell is None else self.size
        self.autocast = config.precision == "bf16"

    def forward(self, x: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Features and the memory after them.

        x is [B, size] or a sequence [L, B, size]; is_start bool [B] or [L, B] zeroes memory before a step;
        memory is [B, M], the one before the first step. Returns features [..., F] and memory [B, M].
        """
        # Not every device knows autocast, not even switched off.
        with torch.autocast(x.device.type, torch.bfloat16) if self.autocast else nullcontext():
            x = self.layers(x)
            if self.cell is not None:
                x, memory = self._remember(x, is_start, memory)
        return x.float(), memory.float()

    def _remember(self, x: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        assert self.cell is not None
        steps, starts = (x, is_start) if is_start.dim() == 2 else (x[None], is_start[None])
        if serves(steps, self.cell):
            after = remember(steps, starts, memory, self.cell)
        else:
            after = torch.stack(list(self._step_by_step(steps, starts, memory)))
        return (after if is_start.dim() == 2 else after[0]), after[-1]

    def _step_by_step(self, steps: Tensor, starts: Tensor, memory: Tensor) -> Iterator[Tensor]:
        assert self.cell is not None
        for step, start in zip(steps, starts, strict=True):
            memory = self.cell(step, memory.masked_fill(start.unsqueeze(-1), 0.0))
            yield memory


class GRUCell(nn.GRUCell):
    """Cho et al. 2014 (arXiv:1406.1078), written out: torch's own kernel knows no stacked weights, and is no faster."""

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:  # type: ignore[override]
        """x [B, size], memory [B, M] → the memory after it."""
        seen = nn.functional.linear(x, self.weight_ih, self.bias_ih).chunk(3, -1)
        known = nn.functional.linear(memory, self.weight_hh, self.bias_hh).chunk(3, -1)
        reset, update = torch.sigmoid(seen[0] + known[0]), torch.sigmoid(seen[1] + known[1])
        proposed = torch.tanh(seen[2] + reset * known[2])
        return proposed + update * (memory - proposed)


def _gru_cell(inputs: int, size: int, generator: torch.Generator) -> GRUCell:
    cell: GRUCell = nn.utils.skip_init(GRUCell, inputs, size)
    for weight in (cell.weight_ih, cell.weight_hh):
        nn.init.orthogonal_(weight, generator=generator)
    for bias in (cell.bias_ih, cell.bias_hh):
        nn.init.zeros_(bias)
    return cell
