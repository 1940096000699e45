"""Who plays which seat.

player   plays any agent of a world: a name and a policy for each agent it can play
lineup   one player per team, in the order of the teams, or one per agent by the agent's name
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.stacked import Stack, StackedActors, stacked
from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Something that can play a world."""

    name: str
    policies: Mapping[str, Policy]
    """agent → policy; agents that share a policy share the object"""
    greedy: bool = False
    """whether it takes its most probable action"""
    critics: Mapping[str, Critic] = field(default_factory=dict)
    """agent → critic that learned beside its policy, where it is known; nobody needs one to play"""
    hash: str = ""
    """of the weights; empty where there are none"""


Lineup = Sequence[Player] | Mapping[str, Player]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seating:
    """What a Play is given: distinct policies, and per group who sits where."""

    policies: tuple[Policy, ...]
    greedy: tuple[bool, ...]
    seats: tuple[Array, ...]
    """per group int64 [N, A], an index into `policies`"""


class Cast(NamedTuple):
    """Everybody's policies, and which of them plays what for whom."""

    policies: tuple[Policy, ...]
    greedy: tuple[bool, ...]
    tables: tuple[Array, ...]
    """per group int64 [players, A], an index into `policies`; -1 for an agent that the player cannot play"""


def seat_all(
    spec: WorldSpec,
    players: Sequence[Player],
    *,
    learning: Sequence[Player] = (),
    make_stack: Callable[[Sequence[Actor]], Stack] = StackedActors,
) -> Cast:
    """The policies of all players in one list, the frozen ones of one architecture stacked; those `learning` never are."""
    policies: list[Policy] = []
    greedy: list[bool] = []
    tables = tuple(np.full((len(players), len(group.agents)), -1) for group in spec.groups)
    for number, player in enumerate(players):
        places: dict[int, int] = {}
        for table, group in zip(tables, spec.groups, strict=True):
            for a, agent in enumerate(group.agents):
                policy = player.policies.get(agent)
                if policy is None:
                    continue
                if id(policy) not in places:
                    places[id(policy)] = len(policies)
                    policies.append(policy)
                    greedy.append(player.greedy)
                table[number, a] = places[id(policy)]
    moving = {id(policy) for player in learning for policy in player.policies.values()}
    frozen = [p for p, policy in enumerate(policies) if id(policy) not in moving]
    for p, policy in zip(frozen, stacked([policies[p] for p in frozen], make_stack), strict=True):
        policies[p] = policy
    return Cast(tuple(policies), tuple(greedy), tables)


def playable_teams(spec: WorldSpec, player: Player) -> list[str]:
    """The teams all of whose agents the player can play."""
    seats = [(agent, spec.teams[t]) for group in spec.groups for agent, t in zip(group.agents, group.team, strict=True)]
    missing = {team for agent, team in seats if agent not in player.policies}
    return [team for team in spec.teams if team not in missing]


def by_agent(spec: WorldSpec, lineup: Lineup) -> dict[str, Player]:
    """The lineup agent by agent. Raises ConfigError where it is not of this world's teams or agents."""
    found = dict(lineup) if isinstance(lineup, Mapping) else _by_agent(spec, lineup)
    if missing := [agent for agent in spec.agents if agent not in found]:
        raise ConfigError(f"the lineup has no player for {missing} of world {spec.id!r}; it has {list(found)}")
    return found


def seat_players(spec: WorldSpec, num_envs: int, lineup: Lineup) -> Seating:
    """The same lineup in all N copies. Raises ConfigError when a player cannot play an agent it is given."""
    players = by_agent(spec, lineup)
    policies: list[Policy] = []
    greedy: list[bool] = []
    places: dict[tuple[int, bool], int] = {}
    seats = []
    for group in spec.groups:
        row = []
        for agent in group.agents:
            player = players[agent]
            if agent not in player.policies:
                raise ConfigError(
                    f"player {player.name!r} cannot play {agent!r} of world {spec.id!r}; it plays {list(player.policies)}"
                )
            policy = player.policies[agent]
            place = places.setdefault((id(policy), player.greedy), len(policies))
            if place == len(policies):
                policies.append(policy)
                greedy.append(player.greedy)
            row.append(place)
        seats.append(np.tile(np.array(row, np.int64), (num_envs, 1)))
    return Seating(policies=tuple(policies), greedy=tuple(greedy), seats=tuple(seats))


def _by_agent(spec: WorldSpec, lineup: Sequence[Player]) -> dict[str, Player]:
    if len(lineup) != len(spec.teams):
        raise ConfigError(f"world {spec.id!r} has the teams {list(spec.teams)}; got {len(lineup)} players")
    return {agent: lineup[t] for group in spec.groups for agent, t in zip(group.agents, group.team, strict=True)}
