"""Players written by hand: the anchors between which trained ones are measured, and opponents that never change.

Each plays one group of one world. A group may have several, each under a name of its own, such as `easy`; the strongest is
the one without a name. A plugin names its own as entry points of the group `marl_ppo.scripts`.
"""

import importlib

from marl_ppo import plugins
from marl_ppo.agents.policy import Policy
from marl_ppo.agents.scripted.uniform import UniformPolicy
from marl_ppo.envs.world import Group, WorldSpec
from marl_ppo.errors import ConfigError, UnknownNameError

__all__ = ["register_script", "scripted_policy", "scripted_worlds", "uniform_policy"]

Key = tuple[str, str, str]
"""world, group, name of the script: "" for the one without"""

_REGISTRY: dict[Key, str] = {}


def register_script(world_id: str, group_name: str, entry_point: str, *, name: str = "") -> None:
    """Name a script of a group, as "module:callable", called as callable(group, spec) when it first plays.

    Raises ConfigError when the group has one of that `name` already.
    """
    key = (world_id, group_name, name)
    if key in _REGISTRY:
        called = f" called {name!r}" if name else ""
        raise ConfigError(f"group {group_name!r} of world {world_id!r} already has the script {_REGISTRY[key]!r}{called}")
    _REGISTRY[key] = entry_point


def scripted_worlds() -> tuple[str, ...]:
    """Ids of the worlds that have scripts, in the order of registration, then those of plugins."""
    return tuple(dict.fromkeys(world_id for world_id, _, _ in [*_REGISTRY, *_of_plugins()]))


def scripted_policy(world_id: str, group: Group, spec: WorldSpec, name: str = "") -> Policy:
    """A script of a group of a world: the one called `name`, or the one without a name.

    Raises UnknownNameError where there is none, PluginError where it does not work.
    """
    key = world_id, group.name, name
    if key in _REGISTRY:
        module, _, made_by = _REGISTRY[key].partition(":")
        policy: Policy = getattr(importlib.import_module(module), made_by)(group, spec)
        return policy
    if key in (found := _of_plugins()):
        made = found[key].call(group, spec)
        if not hasattr(made, "act"):
            raise found[key].wrong(made, "a Policy")
        return made
    raise _unknown(world_id, group.name, name)


def uniform_policy(group: Group) -> Policy:
    """The `random` player: uniform over the legal actions. Raises ConfigError on an unbounded Box."""
    return UniformPolicy(group)


def _unknown(world_id: str, group_name: str, name: str) -> UnknownNameError:
    """What to raise where a group has no script called `name`."""
    known = [*_REGISTRY, *_of_plugins()]
    if world_id not in scripted_worlds():
        return UnknownNameError.near(
            "world with scripted players",
            world_id,
            scripted_worlds(),
            otherwise="The player `random` knows every world.",
        )
    names = [called for world, group, called in known if (world, group) == (world_id, group_name)]
    if not names:
        groups = list(dict.fromkeys(group for world, group, _ in known if world == world_id))
        return UnknownNameError.near(
            f"scripted group of world {world_id!r}", group_name, groups, otherwise=f"It has scripts for {groups}."
        )
    there_are = ", ".join(f"`{_player(called)}`" for called in names)
    return UnknownNameError.near(f"scripted player of world {world_id!r}", _player(name), [], otherwise=f"It has {there_are}.")


def _player(name: str) -> str:
    """What a script is called among players."""
    return f"scripted:{name}" if name else "scripted"


def _of_plugins() -> dict[Key, plugins.Entry]:
    """By what they play; a world's id may have dots and colons itself."""
    found = {}
    for entry_name, entry in plugins.entries(plugins.SCRIPTS).items():
        world_id, _, rest = entry_name.rpartition(".")
        group, _, name = rest.partition(":")
        found[world_id, group, name] = entry
    return found


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
    *((world_id, "agents", "rooms:Collector") for world_id in ("four_rooms", "key_doors", "expedition")),
    ("plates", "agents", "rooms_teams:Escort"),
    ("relay", "agents", "rooms_teams:Courier"),
    ("capture_flag", "agents", "rooms_teams:Raider"),
    ("pettingzoo:pettingzoo.classic.rps_v2", "player", "rock:AlwaysRock"),
):
    register_script(_world, _group, f"{__name__}.{_script}")

register_script("soccer", "players", f"{__name__}.soccer:Hard")
for _name in ("easy", "medium", "hard"):
    register_script("soccer", "players", f"{__name__}.soccer:{_name.capitalize()}", name=_name)

for _name in ("nearest", "farthest", "numbered", "shifted", "reversed"):
    register_script("spread", "agents", f"{__name__}.particle:{_name.capitalize()}", name=_name)
