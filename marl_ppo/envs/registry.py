"""World ids and how to make them: the built-in ones and those of plugins. Constructors are text, imported on use."""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_origin

from marl_ppo import plugins
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.settings import fits, in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How to make a world: `entry_point` is "module:callable", called as callable(num_envs=N, **config)."""

    id: str
    entry_point: str
    description: str
    probe: bool = False
    """a tiny world that tests one ability; listed apart"""
    tree: str | None = None
    """"module:callable" of the game as a tree, called with the world's settings; see `marl_ppo.envs.tree.root_of`"""
    plugin: plugins.Entry | None = None
    """where it comes from, unless it is built in"""


PETTINGZOO_PREFIX = "pettingzoo:"
GYMNASIUM_PREFIX = "gymnasium:"
"""of the ids of installed envs, see `marl_ppo.envs.pettingzoo.installed`"""

ADAPTING = ("groups", "teams", "wrap", "reward_weights")
"""settings that say how an installed env is read, and do not reach the env"""

RESERVED = ("num_envs", "world_id")
"""arguments of `make_world` itself, which no setting of a world may be called"""

_REGISTRY: dict[str, Registration] = {}


def register_world(world_id: str, entry_point: str, *, description: str, probe: bool = False, tree: str | None = None) -> None:
    """Make `world_id` known. Raises ConfigError when the id is taken."""
    if world_id in _REGISTRY:
        raise ConfigError(f"world {world_id!r} is already registered by {_REGISTRY[world_id].entry_point!r}")
    _REGISTRY[world_id] = Registration(id=world_id, entry_point=entry_point, description=description, probe=probe, tree=tree)


def registered_worlds() -> tuple[Registration, ...]:
    """Every world that is known here, in the order of registration, then those of plugins. Imports none of them."""
    return tuple(_known().values())


def is_installed(world_id: str) -> bool:
    """Whether the id names somebody else's env, played as a world."""
    return world_id.startswith((PETTINGZOO_PREFIX, GYMNASIUM_PREFIX))


def make_world(world_id: str, *, num_envs: int = 1, **config: Any) -> World:
    """N copies of a registered world, e.g. `make_world("spread", num_envs=256, agents=5)`.

    An id such as `pettingzoo:mpe2.simple_spread_v3` or `gymnasium:CartPole-v1` names an installed env, whose arguments
    pass through.
    Raises UnknownNameError with the nearest name, ConfigError naming the arguments the world takes, or PluginError where
    the code of a plugin does not work.
    """
    if is_installed(world_id):
        made: World = _constructor(world_id)(num_envs=num_envs, **config)
        return made
    _check_settings(world_id, config)
    plugin = world_plugin(world_id)
    world = (_constructor(world_id) if plugin is None else plugin.call)(num_envs=num_envs, **config)
    if isinstance(world, World):
        return world
    if plugin is not None:
        raise plugin.wrong(world, "a World")
    raise ConfigError(f"the entry point of world {world_id!r} must return a World, got {type(world).__name__}")


def world_plugin(world_id: str) -> plugins.Entry | None:
    """What a plugin says of its world; None for one that is built in. Raises UnknownNameError with the nearest name."""
    return None if is_installed(world_id) else _registration(world_id).plugin


def world_settings(world_id: str) -> dict[str, inspect.Parameter]:
    """The settings a world takes, with their types and defaults; those of an installed PettingZoo env are not known."""
    parameters = inspect.signature(_constructor(world_id)).parameters
    return {
        name: parameter
        for name, parameter in parameters.items()
        if name != "num_envs" and parameter.kind is not parameter.VAR_KEYWORD
    }


def _check_settings(world_id: str, config: Mapping[str, Any]) -> None:
    accepted = world_settings(world_id)
    for name, value in config.items():
        if name not in accepted:
            raise ConfigError(f"world {world_id!r} has no setting {name!r}; it has {', '.join(accepted) or 'none'}")
        kind = accepted[name].annotation
        # A choice among words is the world's own to check: not every world takes every word of a kind.
        checked = kind is not inspect.Parameter.empty and get_origin(kind) is not Literal
        if checked and not fits(value, kind):
            raise ConfigError(f"{name} of world {world_id!r} must be {in_words(kind)}, got {value!r}")


def presets_folder(world_id: str) -> Path:
    """Where a world's presets lie: in `presets`, beside the module that makes it."""
    constructor = _constructor(world_id)
    made_by = constructor.func.__module__ if isinstance(constructor, partial) else _registration(world_id).entry_point
    return Path(str(sys.modules[made_by.partition(":")[0]].__file__)).parent / "presets"


def _known() -> dict[str, Registration]:
    found = dict(_REGISTRY)
    for name, entry in plugins.entries(plugins.WORLDS).items():
        if name not in found:
            found[name] = Registration(id=name, entry_point=entry.target, description=entry.description, plugin=entry)
    return found


def _registration(world_id: str) -> Registration:
    if world_id in _REGISTRY:
        return _REGISTRY[world_id]
    known = _known()
    if world_id not in known:
        raise UnknownNameError.near("world", world_id, known, otherwise="`marl-ppo worlds` lists what there is.")
    return known[world_id]


def _constructor(world_id: str) -> Callable[..., Any]:
    if is_installed(world_id):
        return partial(importlib.import_module("marl_ppo.envs.pettingzoo.installed").installed_env, world_id)
    registration = _registration(world_id)
    if registration.plugin is not None:
        return registration.plugin.load()
    module, _, name = registration.entry_point.partition(":")
    return getattr(importlib.import_module(module), name)
