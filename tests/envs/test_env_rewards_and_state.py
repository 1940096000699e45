"""Rewards of several parts, state of any shape, and obs outside the space that the env declares."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from one_agent import OneAgent
from test_pettingzoo_adapter import Leavers

from marl_ppo.envs import World, make_world
from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.pettingzoo.reading import STATE_LIMIT
from marl_ppo.errors import ConfigError

UNIT = spaces.Box(0.0, 1.0, (2,), np.float32)


def started(make: Any, num_envs: int = 1, **adapting: Any) -> World:
    world = from_env(make, num_envs=num_envs, **adapting)
    world.reset(np.zeros(num_envs, np.uint64))
    return world


# --- rewards ----------------------------------------------------------------------------------------------------------


class Paying(OneAgent):
    """Pays whatever it is told to pay."""

    def __init__(self, reward: Any) -> None:
        super().__init__(UNIT, np.zeros(2))
        self.reward = reward

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        value, _, *rest = super().step(action)
        return value, self.reward, *rest


def paid(reward: Any, weights: Any = None) -> float:
    world = started(lambda: Paying(reward), reward_weights=weights)
    return float(world.step([np.zeros((1, 1), np.int64)]).rewards[0][0, 0])


@pytest.mark.parametrize("reward", [2, 2.0, np.float64(2), np.array(2.0), np.array([2.0]), [2]], ids=str)
def test_one_number_is_the_reward_in_whatever_it_is_wrapped(reward: Any) -> None:
    assert paid(reward) == 2.0


def test_parts_of_a_reward_are_weighed() -> None:
    """1 * 3 + 0.5 * -4 = 1."""
    assert paid(np.array([3.0, -4.0]), [1.0, 0.5]) == 1.0


@pytest.mark.parametrize(("weights", "given"), [(None, "none"), ([1.0], r"\[1.0\]"), ([1.0, 2.0, 3.0], r"\[1.0, 2.0, 3.0\]")])
def test_parts_of_a_reward_without_as_many_weights_are_refused(weights: Any, given: str) -> None:
    """It is no fault of the env, and no other env would do better."""
    with pytest.raises(ConfigError, match=f"rewards of 2 parts, so it needs as many reward_weights, such as 1,1; got {given}"):
        paid(np.array([3.0, -4.0]), weights)


def test_weights_are_a_setting_of_the_world_in_text() -> None:
    world = make_world("gymnasium:CartPole-v1", reward_weights="1,0.5")

    assert world.spec.config == {"reward_weights": "1,0.5"}
    with pytest.raises(ConfigError, match=r"reward_weights must be numbers such as 1,0\.5, got 'one'"):
        make_world("gymnasium:CartPole-v1", reward_weights="one")


# --- obs outside their space ------------------------------------------------------------------------------------------


def test_obs_outside_the_declared_space_are_reported_once_by_name_and_gone_on_with() -> None:
    world = started(lambda: OneAgent(UNIT, np.array([0.5, 3.0])), num_envs=2)
    told = [world.step([np.zeros((2, 1), np.int64)]) for _ in range(2)][-1]

    assert world.take_notices() == [
        "agent was shown 3 in 'vector', outside the space declared, Box(0.0, 1.0, (2,), float32); said once, and gone on with"
    ]
    assert told.obs[0]["vector"][0, 0].tolist() == [0.5, 3.0]
    assert not told.faulted.any()
    world.reset(np.zeros(2, np.uint64))
    assert world.take_notices() == []


def test_each_leaf_is_reported_for_itself() -> None:
    space = spaces.Dict({"a": UNIT, "b": UNIT})
    world = started(lambda: OneAgent(space, {"a": np.full(2, -1.0), "b": np.full(2, 2.0)}))

    assert [text[:28] for text in world.take_notices()] == ["agent was shown -1 in 'a', o", "agent was shown 2 in 'b', ou"]


def test_obs_within_their_space_are_not_reported_nor_is_rounding() -> None:
    """0.1 in float64 is below 0.1 in float32."""
    space = spaces.Box(np.array([0.1]), np.array([1e9 + 1]), dtype=np.float64)
    for value in (0.1, 1e9 + 1):
        assert started(lambda value=value: OneAgent(space, np.array([value]))).take_notices() == []


def test_tokens_that_there_are_not_become_the_nearest() -> None:
    world = started(lambda: OneAgent(spaces.MultiDiscrete([3] * 8), np.array([0, 1, 2, 3, -1, 0, 0, 0])))

    assert world.outputs.obs[0]["observation"][0, 0].tolist() == [0, 1, 2, 2, 0, 0, 0, 0]
    assert len(world.take_notices()) == 1


def test_whole_numbers_that_no_byte_holds_are_reported_and_not_taken_modulo_256() -> None:
    """Declared in 0 to 9, and so stored in bytes; 300 would become 44, and -1 become 255."""
    space = spaces.Box(0, 9, (2,), np.int64)
    world = started(lambda: OneAgent(space, np.array([300, -1])))

    assert world.outputs.obs[0]["vector"][0, 0].tolist() == [255, 0]
    assert len(world.take_notices()) == 1


# --- state ------------------------------------------------------------------------------------------------------------


class WithState(Leavers):
    """A state of any shape, which counts how often it is asked for."""

    def __init__(self, shape: tuple[int, ...], given: tuple[int, ...] | None = None) -> None:
        super().__init__({3: dict.fromkeys(["a_0", "a_1", "b_0"], "terminated")})
        self.state_space = spaces.Box(-10.0, 10.0, shape, np.float64)
        self.given = shape if given is None else given
        self.asked = 0

    def state(self) -> np.ndarray:
        self.asked += 1
        return np.arange(np.prod(self.given)).reshape(self.given) / 10


def asked(world: World) -> int:
    return world._drivers[0]._env.asked


def step(world: World) -> Any:
    return world.step([np.zeros((1, 3), np.int64)])


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 2, 2)], ids=str)
def test_a_state_of_any_shape_is_a_vector(shape: tuple[int, ...]) -> None:
    world = started(lambda: WithState(shape))
    size = int(np.prod(shape))

    assert world.spec.state_size == size
    assert world.spec.capabilities == {"state"}
    np.testing.assert_allclose(world.outputs.state[0], np.arange(size) / 10, rtol=1e-6)
    assert world.outputs.state.dtype == np.float32


def test_a_state_too_large_is_none() -> None:
    """Pictures of the whole field, as in Atari."""
    world = started(lambda: WithState((STATE_LIMIT + 1,)))

    assert world.spec.state_size == 0
    assert "state" not in world.spec.capabilities
    assert asked(world) == 0


def test_a_state_that_is_not_needed_is_not_asked_for() -> None:
    world = from_env(lambda: WithState((4,)), num_envs=1)
    world.needs_state = False
    world.reset(np.zeros(1, np.uint64))
    step(world)
    assert asked(world) == 0
    world.needs_state = True
    step(world)

    assert asked(world) == 1


@pytest.mark.parametrize("given", [(), (1,), (3,), (5,)], ids=str)
def test_a_state_of_another_shape_than_declared_is_a_fault(given: tuple[int, ...]) -> None:
    """One number would fill the whole state."""

    class Sometimes(WithState):
        def state(self) -> np.ndarray:
            self.given = given if self.tick == 2 else (4,)
            return super().state()

    world = started(lambda: Sometimes((4,)))
    assert not step(world).faulted[0]
    out = step(world)

    assert out.faulted[0]
    assert "cannot reshape array" in world.take_notices()[0]


def test_a_state_that_is_gone_with_the_last_agent_is_not_missed() -> None:
    """Some envs raise once everybody has terminated, when nothing is valued any more."""

    class Gone(WithState):
        def state(self) -> np.ndarray:
            if not self.agents:
                raise RuntimeError("nobody is left")
            return super().state()

    world = started(lambda: Gone((4,)))
    out = [step(world) for _ in range(3)][-1]

    assert out.ended[0]
    assert not out.faulted[0]
