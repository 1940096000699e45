"""PettingZoo's own tests, over the whole registry."""

import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from nim import Nim
from views import every_world

from marl_ppo.envs import make_world
from marl_ppo.envs.pettingzoo import aec_env, parallel_env
from marl_ppo.envs.pettingzoo.aec import WorldAECEnv
from marl_ppo.envs.pettingzoo.view import WorldParallelEnv

with warnings.catch_warnings():
    # PettingZoo's tests import one of its own games by a name that PettingZoo deprecates.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo import test as official


SOMETIMES_ILLEGAL = ("leduc", "connect_four")
"""worlds whose masks are not all True"""


def tolerant(test: Callable[..., None]) -> Callable[..., None]:
    """Let pass what PettingZoo only recommends and our worlds do on purpose; all else stays an error."""
    for message in (
        # Its list of envs that may have unbounded obs, dicts or unequal agents is a list of its own envs' names.
        "Agent's (min|max)imum observation space value is -?infinity",
        "Environment's (min|max)imum state space value is -?infinity",
        "Observation space for each agent probably should be gymnasium.spaces.box",
        "Action space for each agent probably should be gymnasium.spaces.box",
        "Observation is not a NumPy array",
        "Observations are different shapes",
        "Agents have different (observation|action) space sizes",
        "Observation is a single number",
        # Agents that are over see zeros (the world contract), and so does a recall task while it hides its cue.
        "Observation numpy array is all zeros",
        # Agents are named after what they are: `speaker`, `scout`, a lone `player`.
        "We recommend agents to be named in the format",
    ):
        test = pytest.mark.filterwarnings(f"ignore:{message}:UserWarning")(test)
    return test


@tolerant
@every_world
def test_every_world_passes_the_parallel_api_test(world_id: str, config: dict[str, Any]) -> None:
    official.parallel_api_test(parallel_env(world_id, **config), num_cycles=60)


@tolerant
@every_world
def test_every_world_passes_the_aec_api_test(world_id: str, config: dict[str, Any]) -> None:
    official.api_test(aec_env(world_id, **config), num_cycles=60)


@every_world
def test_every_world_passes_the_seed_tests(world_id: str, config: dict[str, Any]) -> None:
    """PettingZoo's parallel test knows no masks: it plays illegal actions, which are refused."""
    if world_id not in SOMETIMES_ILLEGAL:
        official.parallel_seed_test(lambda: parallel_env(world_id, **config), num_cycles=60)
    official.seed_test(lambda: aec_env(world_id, **config), num_cycles=60)


@tolerant
@every_world
def test_every_world_with_state_passes_the_state_test(world_id: str, config: dict[str, Any]) -> None:
    """PettingZoo's test knows no masks: it plays the illegal actions of a masked world, which are refused."""
    spec = make_world(world_id, **config).spec
    if "state" not in spec.capabilities or any(group.masked for group in spec.groups):
        return
    official.state_test(aec_env(world_id, **config), parallel_env(world_id, **config))


@tolerant
def test_a_world_of_turns_and_masks_passes_the_official_tests() -> None:
    official.parallel_api_test(WorldParallelEnv(Nim(1)), num_cycles=60)
    official.api_test(WorldAECEnv(WorldParallelEnv(Nim(1))), num_cycles=60)
    official.seed_test(lambda: WorldAECEnv(WorldParallelEnv(Nim(1))), num_cycles=60)


def test_a_step_limit_is_kept_in_both_forms() -> None:
    """PettingZoo's test sets `max_cycles`; our worlds call their step limit `max_steps`."""
    module = types.SimpleNamespace(
        parallel_env=lambda max_cycles: parallel_env("spread", max_steps=max_cycles),
        env=lambda max_cycles: aec_env("spread", max_steps=max_cycles),
    )
    official.max_cycles_test(module)


@every_world
def test_every_world_with_a_scene_passes_the_render_test(
    world_id: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    if "scene" not in make_world(world_id, **config).spec.capabilities:
        return
    official.render_test(lambda render_mode: aec_env(world_id, render_mode=render_mode, **config))
