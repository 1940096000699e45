"""A seat whose actions come from outside, such as from a person's hands."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.envs.world import Group


class Person:
    """A `Policy` for one seat of a group: it decides what it was told last."""

    noise_size = 0
    memory_size = 0

    def __init__(self, group: Group) -> None:
        self._dtype, self._shape = group.action_dtype, group.action_shape
        self.choose(np.zeros(group.action_shape))

    def choose(self, action: ArrayLike) -> None:
        """What to do at the next decisions."""
        told: np.ndarray[Any, np.dtype[Any]] = np.asarray(action, self._dtype).reshape(self._shape)
        self._action = torch.from_numpy(told.copy())

    def act(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Decision:
        """See `Policy.act`; the actions are the same in all rows."""
        rows = len(agent_index)
        return Decision(self._action.expand(rows, *self._shape), noise.new_zeros(rows), memory)
