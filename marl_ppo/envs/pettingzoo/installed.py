"""Envs that are installed, by id: `pettingzoo:mpe2.simple_spread_v3`, `gymnasium:CartPole-v1`.

`pettingzoo:MODULE` names a module with a `parallel_env`, or with an `env` where it has the AEC form alone;
`pettingzoo:MODULE:NAME` names a class of envs, such as `pettingzoo:shimmy:OpenSpielCompatibilityV0`, or one of MAKERS.
Nothing else is called: an id and its arguments may come from the file of a stranger.
Arguments other than ADAPTING go to whatever makes the env.
"""

import importlib
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
from pettingzoo import AECEnv, ParallelEnv

from marl_ppo.envs.pettingzoo.adapter import from_env
from marl_ppo.envs.registry import GYMNASIUM_PREFIX, PETTINGZOO_PREFIX
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError, MarlPPOError, UnknownNameError

MAKERS = ("parallel_env", "env", "raw_env")
"""functions that make an env, by PettingZoo's custom"""


def installed_env(
    world_id: str,
    *,
    num_envs: int,
    groups: str | None = None,
    teams: str | None = None,
    wrap: str = "",
    reward_weights: str | float | None = None,
    **config: Any,
) -> World:
    """N copies of an installed env; `config` goes to its constructor, the others are those of `from_env`.

    Raises UnknownNameError where nothing of the name is installed, ConfigError where the env refuses its arguments.
    """
    groups, teams = (None if patterns is None else str(patterns) for patterns in (groups, teams))
    wrap = str(wrap or "")
    make = _gymnasium_maker(world_id) if world_id.startswith(GYMNASIUM_PREFIX) else _pettingzoo_maker(world_id)
    adapting = {"groups": groups, "teams": teams, "wrap": wrap or None, "reward_weights": reward_weights}

    def make_env() -> Any:
        try:
            # Of how the package would rather be called, and what it thinks of its own spaces.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return make(**config)
        except Exception as error:  # whatever an env thinks of its arguments
            raise ConfigError(f"{world_id!r} cannot be made with {config}: {type(error).__name__} {error}") from error

    try:
        return from_env(
            make_env,
            num_envs=num_envs,
            groups=groups,
            teams=teams,
            wrap=wrap,
            reward_weights=_numbers(reward_weights),
            world_id=world_id,
            config=config | {name: value for name, value in adapting.items() if value is not None},
        )
    except MarlPPOError:
        raise
    except Exception as error:  # an env that cannot even tell its spaces
        raise ConfigError(f"{world_id!r} cannot be played as a world: {type(error).__name__} {error}") from error


def _pettingzoo_maker(world_id: str) -> Callable[..., Any]:
    name, _, attribute = world_id.removeprefix(PETTINGZOO_PREFIX).partition(":")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = importlib.import_module(name)
    except (ImportError, TypeError, ValueError) as error:  # the latter two: no module is named, or none from the root
        raise UnknownNameError(
            f"{world_id!r} must name an installed module with a `parallel_env` or `env`, but {error}; install its package"
        ) from error
    for candidate in (attribute,) if attribute else ("parallel_env", "env"):
        if hasattr(module, candidate):
            return _maker(world_id, candidate, getattr(module, candidate))
    wanted = repr(attribute) if attribute else "`parallel_env` or `env`"
    raise UnknownNameError(f"{world_id!r} must name a module with a {wanted}; {name} has none")


def _maker(world_id: str, name: str, found: Any) -> Callable[..., Any]:
    """`found`, if it makes envs. Raises ConfigError for a callable that might do anything."""
    if name in MAKERS or (inspect.isclass(found) and issubclass(found, AECEnv | ParallelEnv | gymnasium.Env)):
        return found
    raise ConfigError(
        f"{world_id!r} must name a class of envs, or a function called {', '.join(MAKERS)}, got {found!r}; "
        "marl_ppo.envs.pettingzoo.from_env takes any function that makes an env"
    )


def _gymnasium_maker(world_id: str) -> Callable[..., Any]:
    name = world_id.removeprefix(GYMNASIUM_PREFIX)
    # MODULE:NAME imports the module that registers the env first, so that nothing is known of it yet.
    if ":" not in name and name not in gymnasium.registry:
        raise UnknownNameError.near(
            "Gymnasium env",
            name,
            gymnasium.registry,
            otherwise="Install its package, and write MODULE:NAME if it has to be imported.",
        )

    def make(**config: Any) -> Any:
        return gymnasium.make(name, **config)

    return make


def _numbers(text: str | float | None) -> list[float] | None:
    """`1,0.5` as numbers."""
    if text is None:
        return None
    try:
        return [float(part) for part in str(text).split(",")]
    except ValueError:
        raise ConfigError(f"reward_weights must be numbers such as 1,0.5, got {text!r}") from None
