"""Every world in every form, and play that follows from a key: what the tests of the PettingZoo view share."""

import contextlib
from typing import Any, get_args

import pytest

from marl_ppo.envs import make_world, registered_worlds, world_settings
from marl_ppo.envs.pettingzoo.view import WorldParallelEnv
from marl_ppo.errors import ConfigError


def variants() -> list[Any]:
    """Every registered world, and once more for each other value of each setting that is a choice among words."""
    found = []
    for registration in registered_worlds():
        configs: list[dict[str, Any]] = [{}]
        for name, setting in world_settings(registration.id).items():
            configs += [{name: word} for word in get_args(setting.annotation) if word != setting.default]
        for config in configs:
            with contextlib.suppress(ConfigError):  # a word that does not fit this world, as it says itself
                make_world(registration.id, **config)
                found.append(pytest.param(registration.id, config, id="-".join([registration.id, *config.values()])))
    return found


every_world = pytest.mark.parametrize(("world_id", "config"), variants())


def legal_action(env: Any, agent: str, info: dict[str, Any], key: int) -> Any:
    """The action that `key` picks among those that are legal now."""
    space = env.action_space(agent)
    space.seed(key)
    return space.sample(info.get("action_mask"))


def legal_actions(env: WorldParallelEnv, infos: dict[str, dict[str, Any]], key: int) -> dict[str, Any]:
    """One for every agent on turn, and the same for equal keys."""
    return {agent: legal_action(env, agent, infos[agent], key) for agent in env.acting}


def episode(env: WorldParallelEnv, seed: int | None = None) -> list[Any]:
    """All that `reset` and every `step` of one episode return."""
    told: list[Any] = [env.reset(seed)]
    while env.agents:
        told.append(env.step(legal_actions(env, infos=told[-1][-1], key=len(told))))
    return told
