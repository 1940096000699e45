"""A duelist written by hand: fires when aligned, answers a threat by guard, sidestep or shot, fetches ammunition,
takes the throne while the other is far.

It sees what every player sees and remembers nothing. All in the own frame; directions are 0 forward, 1 right, 2 back, 3 left.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn
from marl_ppo.envs import Group, WorldSpec
from marl_ppo_duel.observe import DEPOTS, FACING, LINE, OFFSET, OTHER, OTHER_FACING, OWN, PLACE, VIEW, WALLS
from marl_ppo_duel.rules import FIRE, FORWARD, GUARD, RANGE, STAY

FIRES, GUARDS, DODGES = 0.8, 0.4, 0.7
"""how often it fires when aligned, guards when threatened, and sidesteps when threatened and not guarding; who always did
the same could be read"""
STROLLS = 0.1
"""how often it goes somewhere at random, which gets it out of every dead end"""
STEPS = ((0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0))
"""x and y of the four directions"""
BLOCKED = 1e3
NEAR = 1e-4
"""shorter than any cell, in units of the board"""


class Duelist(Script):
    """Plays either side of a duel, on boards of every size."""

    noise_size = 4

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        self._cell = 1.0 / (int(spec.config["size"]) - 1)

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        obs = turn.obs
        assert turn.action_mask is not None  # the group is masked
        can_fire, can_guard = turn.action_mask[:, FIRE], turn.action_mask[:, GUARD]
        chance = turn.noise
        line, facing, other_facing = (
            obs[:, LINE : LINE + 4],
            obs[:, FACING : FACING + 4],
            obs[:, OTHER_FACING : OTHER_FACING + 4],
        )
        in_line = line.sum(1) > 0
        aimed = (line * facing).sum(1) > 0
        armed = (obs[:, OTHER + 1] > 0) & (obs[:, OTHER + 2] == 0)
        threatened = (line.roll(2, dims=1) * other_facing).sum(1) > 0
        threatened &= armed

        # From the least urgent to the most: what comes later overrules.
        empty = obs[:, OWN + 1] == 0
        other = obs[:, OFFSET : OFFSET + 2] / self._cell
        throne = (0.5 - obs[:, PLACE : PLACE + 2]) / self._cell
        near = other.abs().sum(1) <= RANGE
        target = torch.where(empty[:, None], self._depot(obs), torch.where(near[:, None], other, throne))
        action = self._towards(obs, target, chance[:, 0])
        turned = FORWARD + line.argmax(1)
        action = torch.where(in_line & ~aimed & ~empty, turned, action)
        dodge = FORWARD + self._sidestep(obs, line, chance[:, 1])
        action = torch.where(threatened & (chance[:, 2] < DODGES), dodge, action)
        action = torch.where(threatened & can_guard & (chance[:, 2] > 1.0 - GUARDS), GUARD, action)
        action = torch.where(aimed & can_fire & (chance[:, 3] < FIRES), FIRE, action)
        strolls = ~in_line & (chance[:, 3] > 1.0 - STROLLS)
        action = torch.where(strolls, FORWARD + (chance[:, 0] * 4).long(), action)
        return torch.where(_may(turn.action_mask, action), action, STAY), turn.memory

    def _depot(self, obs: Float[Tensor, "B O"]) -> Float[Tensor, "B 2"]:
        """The offset to the nearer depot, in cells; an empty one is as far again as it takes to fill."""
        depots = obs[:, DEPOTS : DEPOTS + 6].unflatten(1, (2, 3))
        offsets = depots[..., :2] / self._cell
        distance = offsets.abs().sum(-1) + 15.0 * depots[..., 2]
        return offsets[torch.arange(len(obs), device=obs.device), distance.argmin(1)]

    def _towards(self, obs: Float[Tensor, "B O"], offset: Float[Tensor, "B 2"], chance: Float[Tensor, "B"]) -> Int[Tensor, "B"]:
        """The walk along the free direction that leads on most; sideways, at random, where a pillar is in the way."""
        steps = obs.new_tensor(STEPS)
        gain = offset @ steps.T
        sideways = torch.where(
            chance[:, None] < 0.5, obs.new_tensor((0.1, 0.2, 0.1, 0.0)), obs.new_tensor((0.1, 0.0, 0.1, 0.2))
        )
        walks = FORWARD + (gain + sideways - BLOCKED * _blocked(obs)).argmax(1)
        return torch.where(offset.abs().sum(1) < NEAR, STAY, walks)

    def _sidestep(self, obs: Float[Tensor, "B O"], line: Float[Tensor, "B 4"], chance: Float[Tensor, "B"]) -> Int[Tensor, "B"]:
        """A free direction across the line, if there is one."""
        along = line + line.roll(2, dims=1)
        either = torch.where(chance[:, None] < 0.5, obs.new_tensor((0.0, 0.0, 1.0, 1.0)), obs.new_tensor((1.0, 1.0, 0.0, 0.0)))
        return (either - 10.0 * along - BLOCKED * _blocked(obs)).argmax(1)


def _blocked(obs: Float[Tensor, "B O"]) -> Float[Tensor, "B 4"]:
    """Whether a wall is next to the duelist, by direction."""
    walls = obs[:, WALLS:].unflatten(1, (VIEW, VIEW))
    m = VIEW // 2
    return torch.stack([walls[:, m + 1, m], walls[:, m, m + 1], walls[:, m - 1, m], walls[:, m, m - 1]], dim=1)


def _may(action_mask: Bool[Tensor, "B K"], action: Int[Tensor, "B"]) -> Bool[Tensor, "B"]:
    return action_mask.gather(1, action[:, None])[:, 0]
