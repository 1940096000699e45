"""Options, and how a memory tells of them: its first columns, which hold the choice, its age, its log-probability, and
whether it was made at the last decision.

They are read and written at every step, so that is compiled: a loop costs less than the calls of the operations that it
stands for. No gradient flows.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numba import njit
from torch import Tensor

from marl_ppo.envs.world import ActionSpace, Array

_NOTHING = np.zeros(0, np.bool_)


class Option(NamedTuple):
    """What a seat is after. Fields [B, ...]."""

    chosen: Tensor
    """the subgoal, as an action of its space"""
    age: Tensor
    """float32: the worker's decisions since it was chosen"""
    logprob: Tensor
    """float32: of the choice"""
    is_new: Tensor
    """bool: whether it was chosen at this decision"""


class OptionColumns:
    """Of options whose subgoals are actions of one space."""

    def __init__(self, action: ActionSpace) -> None:
        self._choices = () if isinstance(action, spaces.Discrete) else action.shape
        self.size = math.prod(self._choices) + 3
        """columns"""

    def read(self, memory: Tensor, silent: Tensor | None = None) -> Option:
        """What a memory [B, M] tells; zeros where it is `silent`, bool [B]: what is left of another episode may be another
        player's, and mean anything. Raises IndexError where it has too few columns."""
        rows = len(memory)
        chosen, is_new = np.empty((rows, self.size - 3), np.int64), np.empty(rows, np.bool_)
        age, logprob = np.empty(rows, np.float32), np.empty(rows, np.float32)
        mute = _NOTHING if silent is None else silent.numpy()
        _read(memory.detach().numpy(), mute, chosen, age, logprob, is_new)
        return Option(*map(torch.from_numpy, (chosen.reshape(rows, *self._choices), age, logprob, is_new)))

    def write(self, option: Option, behind: Sequence[Tensor] = ()) -> Tensor:
        """The memory that tells of an option, and has others' columns [B, m] `behind`."""
        rows = len(option.age)
        memory = torch.empty(rows, self.size + sum(part.shape[1] for part in behind))
        chosen, *numbers = (field.detach().numpy() for field in option)
        _write(chosen.reshape(rows, -1), *numbers, memory.numpy())
        at = self.size
        for part in behind:
            if part.shape[1]:
                memory[:, at : at + part.shape[1]] = part
                at += part.shape[1]
        return memory

    def is_new(self, memory: Tensor) -> Tensor:
        """`Option.is_new` alone."""
        return memory[:, self.size - 1] > 0.5


def over(age: Tensor, reached: Tensor, most: int, least: int) -> Tensor:
    """bool [B]: whether options have lasted `most` decisions, or `least` and their subgoals are `reached`."""
    found = np.empty(len(age), np.bool_)
    _find_over(age.numpy(), reached.numpy(), most, least, found)
    return torch.from_numpy(found)


@njit(cache=True, nogil=True, error_model="numpy")
def _find_over(age: Array, reached: Array, most: int, least: int, found: Array) -> None:
    for row in range(len(age)):
        found[row] = age[row] >= most or (reached[row] and age[row] >= least)


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _read(memory: Array, silent: Array, chosen: Array, age: Array, logprob: Array, is_new: Array) -> None:
    choices = chosen.shape[1]
    for row in range(len(memory)):
        if len(silent) and silent[row]:
            chosen[row], age[row], logprob[row], is_new[row] = 0, 0, 0, False
            continue
        for choice in range(choices):
            chosen[row, choice] = np.int64(memory[row, choice])
        age[row], logprob[row] = memory[row, choices], memory[row, choices + 1]
        is_new[row] = memory[row, choices + 2] > 0.5


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _write(chosen: Array, age: Array, logprob: Array, is_new: Array, memory: Array) -> None:
    choices = chosen.shape[1]
    for row in range(len(memory)):
        for choice in range(choices):
            memory[row, choice] = chosen[row, choice]
        memory[row, choices], memory[row, choices + 1], memory[row, choices + 2] = age[row], logprob[row], is_new[row]
