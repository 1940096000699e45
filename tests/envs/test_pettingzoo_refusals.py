"""What the PettingZoo view refuses, and in which words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nim import Nim

from marl_ppo.envs.pettingzoo import aec_env, parallel_env
from marl_ppo.envs.pettingzoo.aec import WorldAECEnv
from marl_ppo.envs.pettingzoo.view import WorldParallelEnv
from marl_ppo.errors import ConfigError, WorldError


@pytest.mark.parametrize("make", [parallel_env, aec_env])
def test_stepping_before_a_reset_says_so(make: Callable[[str], Any]) -> None:
    with pytest.raises(WorldError, match=r"over or was never started; call reset\(\) first"):
        make("bandit").step({"player": 0})


def test_stepping_after_the_end_says_so() -> None:
    env = parallel_env("bandit")
    env.reset(seed=0)
    env.step({"player": 0})

    with pytest.raises(WorldError, match=r"call reset\(\) first"):
        env.step({"player": 0})


@pytest.mark.parametrize("action", [3, -1, 1.0, None, [0], np.nan], ids=str)
def test_an_action_outside_its_space_is_refused(action: Any) -> None:
    env = parallel_env("staggered")
    env.reset(seed=0)

    with pytest.raises(WorldError, match=r"action of 'player_1' must be a member of Discrete\(3\), got"):
        env.step({"player_0": 0, "player_1": action, "player_2": 0})


def test_a_continuous_action_that_is_not_finite_is_refused_and_one_outside_the_box_is_the_worlds_to_clip() -> None:
    env = parallel_env("bandit", action="continuous")
    env.reset(seed=0)
    with pytest.raises(WorldError, match="must be a member of Box"):
        env.step({"player": [np.nan, 0.0]})

    env.step({"player": [7.0, 0.0]})


def test_an_illegal_action_is_refused_with_the_legal_ones() -> None:
    """Nim with one or two stones left: the third action takes three."""
    for make in (lambda: WorldParallelEnv(Nim(1)), lambda: WorldAECEnv(WorldParallelEnv(Nim(1)))):
        env = make()
        env.reset(seed=0)
        while (heap := int(env.state()[0])) > 2:
            env.step(0 if isinstance(env, WorldAECEnv) else {env.acting[0]: 0})

        assert heap == 2
        with pytest.raises(WorldError, match=r"action 2 of 'player_\d' is illegal now; legal are \[0, 1\]"):
            env.step(2 if isinstance(env, WorldAECEnv) else {env.acting[0]: 2})


def test_a_missing_action_is_named() -> None:
    env = parallel_env("staggered")
    env.reset(seed=0)

    with pytest.raises(WorldError, match=r"'player_1' must act now but has no action; got actions of \['player_0'\]"):
        env.step({"player_0": 0})


def test_a_view_needs_one_copy() -> None:
    with pytest.raises(ConfigError, match="num_envs=2"):
        WorldParallelEnv(Nim(2))
