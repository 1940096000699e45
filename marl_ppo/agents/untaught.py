"""Managers and workers that nobody trains: what a hierarchy gains by learning shows beside them."""

import torch
from torch import Tensor

from marl_ppo.agents.hierarchy import SUBGOAL
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, Obs, Policy
from marl_ppo.agents.scripted.script import HeadsForPlaces
from marl_ppo.agents.subgoals import Located, SubgoalSpace
from marl_ppo.errors import ConfigError


class Guide:
    """A manager that nobody trained: it names what a script heads for."""

    def __init__(self, script: Policy, space: SubgoalSpace) -> None:
        """Raises ConfigError where the script does not tell where it goes, or subgoals lie nowhere."""
        if not isinstance(script, HeadsForPlaces):
            raise ConfigError(f"managed_by='oracle' needs a script that heads for places, and {type(script).__name__} does not")
        if not isinstance(space, Located):
            raise ConfigError(f"managed_by='oracle' needs subgoals that lie somewhere, and {type(space).__name__} do not")
        self._script, self._space = script, space
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
        place, memory = self._script.heads_for(turn)
        return Decision(self._space.nearest(place, flat_obs(obs)), torch.zeros(len(place)), memory)


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
