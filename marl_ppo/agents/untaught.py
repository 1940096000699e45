"""Managers and workers that nobody trains: what a hierarchy gains by learning shows beside them."""

import torch
from torch import Tensor

from marl_ppo.agents.hierarchy import SUBGOAL
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, Obs, Policy
from marl_ppo.agents.scripted.script import KnowsTheWay
from marl_ppo.agents.subgoals import Located, SubgoalSpace
from marl_ppo.errors import ConfigError


class Guide:
    """A manager that nobody trained: it names what lies on the way of a script."""

    def __init__(self, script: Policy, space: SubgoalSpace, steps: int) -> None:
        """`steps` is how far ahead it looks. Raises ConfigError where the script knows no way, or subgoals lie nowhere."""
        if not isinstance(script, KnowsTheWay):
            raise ConfigError(f"managed_by='oracle' needs a script that knows the way, and {type(script).__name__} does not")
        if not isinstance(space, Located):
            raise ConfigError(f"managed_by='oracle' needs subgoals that lie somewhere, and {type(space).__name__} do not")
        self._script, self._space, self._steps = script, space, steps
        self.noise_size, self.memory_size = script.noise_size, script.memory_size

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
        """See `Policy.act`."""
        turn = self._script.turn(obs, None, agent_index, is_start, memory, noise, greedy)
        way, memory = self._script.way(turn)
        return Decision(self._space.on_the_way(way[:, : self._steps], flat_obs(obs)), torch.zeros(len(way)), memory)


class Repeating:
    """A worker that does what it is told: the actions of `Actions`."""

    noise_size = memory_size = 0

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
        """See `Policy.act`."""
        actions = obs[SUBGOAL][:, :-1].argmax(-1)
        return Decision(actions, torch.zeros(len(actions)), memory)
