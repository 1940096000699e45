"""How an env is read: which agents make a group or a team, and what becomes of their observations and actions."""

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.pettingzoo.actions import ActionCodec
from marl_ppo.envs.pettingzoo.drivers import Driver
from marl_ppo.envs.pettingzoo.grouping import groups_of, teams_of
from marl_ppo.envs.pettingzoo.observations import MASK, ObservationCodec
from marl_ppo.envs.world import Array, Group

STATE_LIMIT = 4096
"""numbers a state may have; a picture of the whole field is no input for a plain network"""
PROBES = 5
"""seeds an env is started from to see whether its infos hold masks"""


class Reading:
    """The groups and teams of an env's agents, and the codecs of each group. Raises ConfigError where one cannot be read."""

    def __init__(self, driver: Driver, groups: str | None, teams: str | None) -> None:
        agents = driver.agents
        pairs = {agent: (driver.observation_space(agent), driver.action_space(agent)) for agent in agents}
        team_of = {
            agent: name for name, members in teams_of(agents, teams, by_name=driver.one_team).items() for agent in members
        }
        self.teams = tuple(dict.fromkeys(team_of.values()))
        infos = _first_infos(driver)
        self.observations: list[ObservationCodec] = []
        self.actions: list[ActionCodec] = []
        found = []
        for name, members in groups_of(agents, pairs, groups).items():
            observation, action = pairs[members[0]]
            self.observations.append(ObservationCodec(observation, members[0]))
            self.actions.append(ActionCodec(action, members[0]))
            masked = self.observations[-1].masked or any(MASK in infos.get(agent, {}) for agent in members)
            found.append(
                Group(
                    name=name,
                    agents=tuple(members),
                    team=tuple(self.teams.index(team_of[agent]) for agent in members),
                    obs=self.observations[-1].group_obs,
                    action=self.actions[-1].space,
                    masked=masked and not isinstance(self.actions[-1].space, spaces.Box),
                )
            )
        self.groups = tuple(found)
        space = driver.state_space()
        is_small = isinstance(space, spaces.Box) and 0 < np.prod(space.shape) <= STATE_LIMIT
        self.state_size = int(np.prod(space.shape)) if is_small else 0

    def see(self, agent: str, observation: Any, info: Mapping[str, Any]) -> tuple[dict[str, Array], Array]:
        """What one agent is shown: by leaf of its group, and its mask, bool [K]. Raises ValueError on another shape."""
        g = self._group_of(agent)
        shown = {leaf: np.zeros((1, 1, *space.shape), space.dtype) for leaf, space in self.groups[g].obs.items()}
        self.observations[g].write(observation, shown, (0, 0))
        legal = np.ones(self.groups[g].mask_size, bool)
        if self.groups[g].masked:
            legal[:] = self.legal(g, observation, info)
        seen = {leaf: array[0, 0] for leaf, array in shown.items()}
        for leaf, space in self.groups[g].obs.items():
            if isinstance(space, spaces.MultiDiscrete):
                seen[leaf] = np.clip(seen[leaf], 0, space.nvec - 1)
        return seen, legal

    def act(self, agent: str, action: Any) -> Any:
        """An agent's action in the form that its env takes."""
        return self.actions[self._group_of(agent)].to_env(action)

    def _group_of(self, agent: str) -> int:
        return next(g for g, group in enumerate(self.groups) if agent in group.agents)

    def legal(self, group: int, observation: Any, info: Mapping[str, Any]) -> Array | bool:
        """The mask inside an agent's observation, else in its info: bool [K], or True where neither has one."""
        if self.observations[group].masked:
            return self.actions[group].mask(observation[MASK])
        mask = info.get(MASK)
        return True if mask is None else self.actions[group].mask(mask)


def _first_infos(driver: Driver) -> Mapping[str, Mapping[str, Any]]:
    """What the agents are told beside their obs at the start of an episode: some envs tell their masks there."""
    for seed in range(PROBES):
        with contextlib.suppress(Exception):  # some envs cannot begin from some seed
            return driver.reset(seed).infos
    return {}  # nor from any other, it seems: the first episode will say so
