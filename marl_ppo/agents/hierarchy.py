"""A manager that sets subgoals and a worker that pursues them, as one policy.

option   the time from one decision of the manager to its next: until the subgoal is reached or `subgoal_steps` of the
         worker's decisions have passed
phase    how much of its option's time is used up, 0 to 1; the worker sees it (Feudal networks, Dayan and Hinton 1992;
         options, Sutton, Precup and Singh 1999)

Everything that is going on is in the memory, so both are as stateless as any policy, and so is what they are together.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.observations import flat_obs, obs_size
from marl_ppo.agents.options import Option, OptionColumns, over
from marl_ppo.agents.policy import Decision, MindsMates, Obs, Policy, Team
from marl_ppo.agents.subgoals import SubgoalSpace
from marl_ppo.envs.world import Group
from marl_ppo.errors import ConfigError

SUBGOAL = "subgoal"
"""the leaf of a worker's obs that tells it what to do: what the space shows, and the phase"""
MATES = "mates"
"""the leaf of a team's manager's obs: what the mates see, and what they were last told"""
Mates = tuple[tuple[int, ...], ...]
"""of each agent of a group, the places in it of those on its team, -1 where other teams have more"""


def manager_group(group: Group, space: SubgoalSpace, *, of_team: bool = False) -> Group:
    """Those who act in `group`, as their managers see it: they choose subgoals. A manager of a team sees it all."""
    seen = replace(group, action=space.action, masked=space.masked)
    if not of_team:
        return seen
    size = len(mates_of(group)[0]) * (obs_size(group) + space.size + 1)
    if not size:
        raise ConfigError(f"a team's manager needs a team, and each agent of group {group.name!r} is alone")
    return replace(seen, obs={**group.obs, MATES: spaces.Box(-np.inf, np.inf, (size,))})


def mates_of(group: Group) -> Mates:
    """The mates of each agent of a group."""
    teams = [[b for b, team in enumerate(group.team) if team == own and b != a] for a, own in enumerate(group.team)]
    most = max(map(len, teams))
    return tuple((*mates, *[-1] * (most - len(mates))) for mates in teams)


def worker_group(group: Group, space: SubgoalSpace) -> Group:
    """As their workers see it: they are shown a subgoal."""
    if SUBGOAL in group.obs:
        raise ConfigError(
            f"the obs of group {group.name!r} have a leaf {SUBGOAL!r} already, which hierarchies need for their own"
        )
    return replace(group, obs={**group.obs, SUBGOAL: spaces.Box(-2.0, 2.0, (space.size + 1,))})


class HierarchicalActor(MindsMates):
    """A manager and a worker; satisfies the Policy contract. Either may be any policy that plays its level's group."""

    def __init__(
        self,
        manager: Policy,
        worker: Policy,
        space: SubgoalSpace,
        subgoal_steps: int,
        *,
        least_steps: int = 1,
        watches: bool = False,
        tells: bool = True,
        mates: Mates | None = None,
    ) -> None:
        """A worker that is where it is to go has at least `least_steps` decisions all the same. The manager `watches` if it
        looks at every decision, to remember what it saw, though it decides no more often. The worker is shown zeros
        unless it `tells`. A team's manager minds `mates`, see `mates_of`."""
        self.manager, self.worker, self.space = manager, worker, space
        self.subgoal_steps, self.least_steps = subgoal_steps, least_steps
        self.watches, self.tells, self.mates = watches, tells, mates
        self.options = OptionColumns(space.action)
        """how a memory tells of the option; the levels' own columns come after"""
        self.noise_size = manager.noise_size + worker.noise_size
        self.memory_size = self.options.size + manager.memory_size + worker.memory_size

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
        own = {leaf: array for leaf, array in obs.items() if leaf != MATES}
        flat = flat_obs(own)
        option = self.options.read(memory, is_start)
        managing, working = self.memories(memory)
        is_new = self.is_due(option, flat, is_start)
        age = option.age.masked_fill(is_new, 0.0)
        rows = fresh = torch.nonzero(is_new).flatten()
        if self.watches:
            rows = torch.arange(len(flat))
        chosen, logprob = option.chosen, option.logprob
        if len(rows):
            decided = self.manager_of(rows).act(
                {leaf: array[rows] for leaf, array in obs.items()},
                self.space.legal(flat[rows]) if self.space.masked else None,
                agent_index[rows],
                is_start[rows],
                managing[rows],
                noise[:, : self.manager.noise_size][rows],
                greedy,
            )
            if managing.shape[1]:
                managing = managing.index_copy(0, rows, decided.memory)
            actions, logprobs = decided.actions, decided.logprob
            if self.watches:
                actions, logprobs = actions[fresh], logprobs[fresh]
            chosen.index_copy_(0, fresh, actions)
            logprob.index_copy_(0, fresh, logprobs)
        acted = self.worker.act(
            {**own, SUBGOAL: self.shown(chosen, age, flat)},
            action_mask,
            agent_index,
            is_start,
            working,
            noise[:, self.manager.noise_size :],
            greedy,
        )
        memory = self.options.write(Option(chosen, age + 1, logprob, is_new), (managing, acted.memory))
        return Decision(acted.actions, acted.logprob, memory)

    @property
    def minds_mates(self) -> bool:
        """See `MindsMates`: whether its manager is a team's."""
        return self.mates is not None

    def of_mates(self, team: Team) -> Obs:
        """See `MindsMates`: the obs of a seat's mates, and what each was told last and when; zeros where there is none, and for
        whom nothing is to be decided."""
        assert self.mates is not None
        looked_at = self._rows_looked_at(team)
        leaf = torch.zeros(1, len(self.mates[0]), team.obs.shape[1] + self.space.size + 1)
        if not len(looked_at):
            return {MATES: leaf.flatten(1).expand(len(team.rows), -1)}
        rows = team.rows[looked_at]
        places = torch.tensor(self.mates)[rows % len(self.mates)]
        seats = ((rows - rows % len(self.mates))[:, None] + places.clamp(min=0)).flatten()
        silent, obs = team.silent[seats], team.obs[seats]
        option = self.options.read(team.memory[seats], silent)
        told = self._told(option.chosen, option.age, obs).masked_fill(silent[:, None], 0.0)
        seen = torch.cat([obs, told], -1)
        leaf = leaf.repeat(len(team.rows), 1, 1)
        leaf[looked_at] = seen.view(*places.shape, seen.shape[1]).masked_fill((places < 0).unsqueeze(-1), 0.0)
        return {MATES: leaf.flatten(1)}

    def _rows_looked_at(self, team: Team) -> Tensor:
        """int64: those of the deciding seats that the manager looks at, as places among them."""
        if self.watches:
            return torch.arange(len(team.rows))
        everybody = len(team.rows) == len(team.obs)
        own: slice | Tensor = slice(None) if everybody else team.rows
        starting = team.silent[own]
        return torch.nonzero(self.is_due(self.options.read(team.memory[own], starting), team.obs[own], starting)).flatten()

    @property
    def terms(self) -> dict[str, Any]:
        """On which manager and worker go together: all that it was made of besides."""
        return {
            "space": self.space,
            "subgoal_steps": self.subgoal_steps,
            "least_steps": self.least_steps,
            "watches": self.watches,
            "tells": self.tells,
            "mates": self.mates,
        }

    def manager_of(self, rows: Tensor) -> Policy:
        """What decides for `rows` (int64 [R]) of a batch."""
        return self.manager

    def is_due(self, option: Option, obs: Tensor, is_start: Tensor) -> Tensor:
        """bool [B]: whether the manager decides on these flat obs."""
        return is_start | self.is_over(option.age, self.space.reached(option.chosen, obs))

    def is_over(self, age: Tensor, reached: Tensor) -> Tensor:
        """bool [B]: whether options of this age are, whose subgoals are `reached` or not."""
        return over(age, reached, self.subgoal_steps, self.least_steps)

    def shown(self, chosen: Tensor, age: Tensor, obs: Tensor) -> Tensor:
        """What the worker is shown [B, size + 1], `age` decisions after the choice."""
        shown = self._told(chosen, age, obs)
        return shown if self.tells else torch.zeros_like(shown)

    def memories(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(the manager's, the worker's) part of a memory."""
        rest = memory[:, self.options.size : self.memory_size]
        return rest[:, : self.manager.memory_size], rest[:, self.manager.memory_size :]

    def _told(self, chosen: Tensor, age: Tensor, obs: Tensor) -> Tensor:
        """What a manager tells [B, size + 1], whether its worker is shown it or not."""
        return torch.cat([self.space.shown(chosen, obs), (age / self.subgoal_steps)[:, None]], -1)
