"""Optimal players of the probe worlds: each shows that its world can be solved from what the agent is given."""

import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn
from marl_ppo.envs.probes.bandit import FIXED, REACH
from marl_ppo.envs.world import Group, WorldSpec


class NameTheCue(Script):
    """Answers with the cue shown in the first columns of obs."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        return turn.obs[:, : spaces.flatdim(self.group.action)].argmax(-1), turn.memory


class RememberTheCue(Script):
    """Keeps the cue of the first step, and answers it whenever asked."""

    memory_size = 2

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        seen = torch.maximum(turn.memory, turn.obs[:, :2])
        return seen.argmax(-1), seen


class BestArm(Script):
    """Pulls the arm that is shown; where none is shown, the last legal one, or the one that is always best."""

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        self._space = group.action
        self._shown = bool(spec.config["context"])

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        if turn.action_mask is not None:
            return turn.action_mask.long().cumsum(-1).argmax(-1), turn.memory
        return self._named(turn.obs) if self._shown else self._known(turn.obs), turn.memory

    def _named(self, obs: Tensor) -> Tensor:
        if isinstance(self._space, spaces.Discrete):
            return obs.argmax(-1)
        if isinstance(self._space, spaces.Box):
            return obs
        return obs.unflatten(-1, (len(self._space.nvec), int(self._space.nvec[0]))).argmax(-1)

    def _known(self, obs: Tensor) -> Tensor:
        places = obs.new_tensor(FIXED).expand(len(obs), -1)
        if isinstance(self._space, spaces.Box):
            return REACH * (2.0 * places - 1.0)
        if isinstance(self._space, spaces.Discrete):
            return (places[:, 0] * int(self._space.n)).long()
        return (places * obs.new_tensor(self._space.nvec)).long()
