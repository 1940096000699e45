"""Players written by hand: the anchors between which trained ones are measured, and opponents that never change.

Each plays one group of one world. A plugin names its own as entry points of the group `marl_ppo.scripts`.
"""

import importlib

from marl_ppo import plugins
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.scripted.uniform import UniformPolicy
from marl_ppo.envs.world import Group, WorldSpec
from marl_ppo.errors import ConfigError, UnknownNameError

__all__ = ["register_script", "scripted_policy", "scripted_worlds", "uniform_policy"]

_REGISTRY: dict[tuple[str, str], str] = {}


def register_script(world_id: str, group_name: str, entry_point: str) -> None:
    """Name the script of a group, as "module:callable", called as callable(group, spec) when it first plays.

    Raises ConfigError when the group has one already.
    """
    key = (world_id, group_name)
    if key in _REGISTRY:
        raise ConfigError(f"group {group_name!r} of world {world_id!r} already has the script {_REGISTRY[key]!r}")
    _REGISTRY[key] = entry_point


def scripted_worlds() -> tuple[str, ...]:
    """Ids of the worlds that have scripts, in the order of registration, then those of plugins."""
    return tuple(dict.fromkeys(world_id for world_id, _ in [*_REGISTRY, *_of_plugins()]))


def scripted_policy(world_id: str, group: Group, spec: WorldSpec) -> Policy:
    """The script of a group of a world. Raises UnknownNameError where there is none, PluginError where it does not work."""
    key = world_id, group.name
    if key in _REGISTRY:
        module, _, name = _REGISTRY[key].partition(":")
        policy: Policy = getattr(importlib.import_module(module), name)(group, spec)
        return policy
    if key in (found := _of_plugins()):
        made = found[key].call(group, spec)
        if not hasattr(made, "act"):
            raise found[key].wrong(made, "a Policy")
        return made
    if world_id not in scripted_worlds():
        raise UnknownNameError.near(
            "world with scripted players",
            world_id,
            scripted_worlds(),
            otherwise="The player `random` knows every world.",
        )
    names = [name for known, name in [*_REGISTRY, *found] if known == world_id]
    raise UnknownNameError.near(
        f"scripted group of world {world_id!r}", group.name, names, otherwise=f"It has scripts for {names}."
    )


def uniform_policy(group: Group) -> Policy:
    """The `random` player: uniform over the legal actions. Raises ConfigError on an unbounded Box."""
    return UniformPolicy(group)


def _of_plugins() -> dict[tuple[str, str], plugins.Entry]:
    """(world, group) → entry; a world's id may have dots itself."""
    named = {name.rpartition("."): entry for name, entry in plugins.entries(plugins.SCRIPTS).items()}
    return {(world_id, group): entry for (world_id, _, group), entry in named.items()}


for _world, _group, _script in (
    ("spread", "agents", "particle:Spread"),
    ("speaker_listener", "speaker", "particle:Speaker"),
    ("speaker_listener", "listener", "particle:Listener"),
    ("reference", "agents", "particle:Reference"),
    ("tag", "chasers", "particle:Chaser"),
    ("tag", "prey", "particle:Prey"),
    ("adversary", "adversary", "particle:Adversary"),
    ("adversary", "agents", "particle:Deceiver"),
    ("kuhn", "players", "kuhn:KuhnNash"),
    ("connect_four", "players", "connect_four:LooksAhead"),
    ("leduc", "players", "leduc:LeducByRank"),
    *((world_id, "players", "matrix:Equilibrium") for world_id in ("rps", "weighted_rps", "climbing", "penalty", "levers")),
    ("bandit", "players", "probes:BestArm"),
    ("staggered", "players", "probes:NameTheCue"),
    ("two_kinds", "scouts", "probes:NameTheCue"),
    ("two_kinds", "workers", "probes:NameTheCue"),
    ("waits", "players", "probes:NameTheCue"),
    ("recall", "players", "probes:RememberTheCue"),
    ("pettingzoo:pettingzoo.classic.rps_v2", "player", "rock:AlwaysRock"),
):
    register_script(_world, _group, f"{__name__}.{_script}")
