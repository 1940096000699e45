"""Which agents of an env share a policy, and which win or lose together: found by themselves, or said by patterns.

A pattern is a glob of agent ids, as in `archer_*`; `NAME=GLOB` gives its group or team a name, and `GLOB+GLOB` joins two.
"""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Any

from marl_ppo.errors import ConfigError

Spaces = tuple[Any, Any]
"""what an agent sees and what it does"""


def groups_of(agents: Sequence[str], spaces: Mapping[str, Spaces], patterns: str | None) -> dict[str, list[str]]:
    """Group name → agents with equal spaces, in the order of their first agents. Raises ConfigError on unequal ones."""
    if patterns is not None:
        named = _matched("groups", agents, patterns)
        for name, members in named.items():
            for agent in members:
                if spaces[agent] != spaces[members[0]]:
                    raise ConfigError(
                        f"group {name!r} must have agents with equal spaces, got {members[0]} with {spaces[members[0]]} "
                        f"and {agent} with {spaces[agent]}"
                    )
        return named
    kinds: list[tuple[Spaces, list[str]]] = []
    for agent in agents:
        for known, members in kinds:
            if known == spaces[agent]:
                members.append(agent)
                break
        else:
            kinds.append((spaces[agent], [agent]))
    names = [_common_name(members) for _, members in kinds]
    taken: dict[str, list[str]] = {}
    for name, (_, members) in zip(names, kinds, strict=True):
        free = (name, members[0], *(f"{name}-{number}" for number in range(2, len(kinds) + 2)))
        choices = free if names.count(name) == 1 else free[1:]
        taken[next(choice for choice in choices if choice not in taken)] = members
    return taken


def teams_of(agents: Sequence[str], patterns: str | None, *, by_name: bool) -> dict[str, list[str]]:
    """Team name → agents. Without patterns: those of one name but for its number if `by_name`, else each its own."""
    if patterns is not None:
        return _matched("teams", agents, patterns)
    teams: dict[str, list[str]] = {}
    for agent in agents:
        teams.setdefault(stem(agent) if by_name else agent, []).append(agent)
    return teams


def stem(agent: str) -> str:
    """An id without its number: `agent` of agent_0."""
    return re.sub(r"_?\d+$", "", agent) or agent


def _common_name(members: Sequence[str]) -> str:
    """What the members' ids have in common; the first id where that is nothing."""
    stems = list(dict.fromkeys(map(stem, members)))
    return stems[0] if len(stems) == 1 else members[0]


def _matched(what: str, agents: Sequence[str], patterns: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    left = list(agents)
    for entry in patterns.split(","):
        name, _, globs = entry.strip().rpartition("=")
        members = [agent for agent in left if any(fnmatch.fnmatchcase(agent, glob) for glob in globs.split("+"))]
        if not members:
            raise ConfigError(
                f"{what}: the pattern {globs!r} matches no agent that is left; there are {', '.join(left) or 'none'}"
            )
        name = name or globs.rstrip("*_") or "all"
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ConfigError(f"{what}: a name must be letters, digits and any of _ . -, got {name!r}; write NAME={globs}")
        if name in found:
            raise ConfigError(f"{what}: the name {name!r} is given twice; join its patterns, as in {name}=GLOB+GLOB")
        found[name] = members
        left = [agent for agent in left if agent not in members]
    if left:
        raise ConfigError(
            f"{what}: {', '.join(left)} match none of the patterns {patterns!r}; a last pattern `*` takes the rest"
        )
    return found
