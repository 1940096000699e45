"""PettingZoo envs that are played as worlds keep what the contract asks of a world that cannot be played twice."""

from typing import Any

import pytest

from marl_ppo.envs import make_world
from marl_ppo.envs.conformance import Check
from marl_ppo.envs.conformance.outputs import OUTPUT_CHECKS

ENVS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("simple_spread_v3", {}),
    ("simple_tag_v3", {}),
    ("simple_speaker_listener_v4", {}),
    ("simple_reference_v3", {"continuous_actions": True}),
)


@pytest.mark.parametrize(("env", "config"), ENVS, ids=[env for env, _ in ENVS])
@pytest.mark.parametrize("check", OUTPUT_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_an_installed_env_keeps_the_contract(env: str, config: dict[str, Any], check: Check) -> None:
    check(lambda num_envs: make_world(f"pettingzoo:mpe2.{env}", num_envs=num_envs, **config))
