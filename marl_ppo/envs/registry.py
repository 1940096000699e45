"""World ids and how to make them. An entry holds its constructor as text and imports it on use."""

import functools
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_origin

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


PETTINGZOO_PREFIX = "pettingzoo:"
GYMNASIUM_PREFIX = "gymnasium:"
"""of the ids of installed envs, see `marl_ppo.envs.pettingzoo.installed`"""

ADAPTING = ("groups", "teams", "wrap", "reward_weights")
"""settings that say how an installed env is read, and do not reach the env"""

RESERVED = ("num_envs", "world_id")
"""arguments of `make_world` itself, which no setting of a world may be called"""

_REGISTRY: dict[str, Registration] = {}


def register_world(world_id: str, entry_point: str, *, description: str, probe: bool = False) -> None:
    """Make `world_id` known. Raises ConfigError when the id is taken."""
    if world_id in _REGISTRY:
        raise ConfigError(f"world {world_id!r} is already registered by {_REGISTRY[world_id].entry_point!r}")
    _REGISTRY[world_id] = Registration(id=world_id, entry_point=entry_point, description=description, probe=probe)


def registered_worlds() -> tuple[Registration, ...]:
    """Every registered world, in the order of registration."""
    return tuple(_REGISTRY.values())


def is_installed(world_id: str) -> bool:
    """Whether the id names somebody else's env, played as a world."""
    return world_id.startswith((PETTINGZOO_PREFIX, GYMNASIUM_PREFIX))


def make_world(world_id: str, *, num_envs: int = 1, **config: Any) -> World:
    """N copies of a registered world, e.g. `make_world("spread", num_envs=256, agents=5)`.

    An id such as `pettingzoo:mpe2.simple_spread_v3` or `gymnasium:CartPole-v1` names an installed env, whose arguments
    pass through.
    Raises UnknownNameError with the nearest name, or ConfigError naming the arguments the world takes.
    """
    constructor = _constructor(world_id)
    if not is_installed(world_id):
        _check_settings(world_id, config)
    world = constructor(num_envs=num_envs, **config)
    if not isinstance(world, World):
        raise ConfigError(f"the entry point of world {world_id!r} must return a World, got {type(world).__name__}")
    return world


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


def _constructor(world_id: str) -> Any:
    if is_installed(world_id):
        return functools.partial(importlib.import_module("marl_ppo.envs.pettingzoo.installed").installed_env, world_id)
    if world_id not in _REGISTRY:
        raise UnknownNameError.near("world", world_id, _REGISTRY, otherwise="`marl-ppo worlds` lists what there is.")
    module, _, name = _REGISTRY[world_id].entry_point.partition(":")
    return getattr(importlib.import_module(module), name)


def world_package(world_id: str) -> str:
    """The package a world's constructor lives in, beside which its presets lie."""
    constructor = _constructor(world_id)
    if isinstance(constructor, functools.partial):
        constructor = constructor.func
    return str(constructor.__module__).rpartition(".")[0]
