"""From every observation space of Gymnasium to the leaves of a group, and values with it."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from one_agent import OneAgent

from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.pettingzoo.observations import ObservationCodec
from marl_ppo.errors import ConfigError

FLOAT = {"dtype": np.float32}


def shown(space: spaces.Space[Any], value: Any) -> dict[str, Any]:
    """Leaf → what is written for `value`, as lists; what the arrays held before is sevens."""
    codec = ObservationCodec(space, "agent_0")
    obs = {name: np.full((1, 1, *leaf.shape), 7, leaf.dtype) for name, leaf in codec.group_obs.items()}
    codec.write(value, obs, (0, 0))
    return {name: array[0, 0].tolist() for name, array in obs.items()}


def leaves(space: spaces.Space[Any]) -> dict[str, Any]:
    return ObservationCodec(space, "agent_0").group_obs


@pytest.mark.parametrize(
    ("shape", "name", "leaf_shape"),
    [
        ((), "vector", (1,)),
        ((3,), "vector", (3,)),
        ((2, 3), "observation", (2, 3)),
        ((4, 4, 3), "observation", (4, 4, 3)),
        ((2, 2, 2, 2), "observation", (2, 2, 2, 2)),
    ],
    ids=["a number", "vector", "rank 2", "rank 3", "rank 4"],
)
def test_a_box_keeps_its_shape_and_a_number_becomes_a_vector_of_one(
    shape: tuple[int, ...], name: str, leaf_shape: tuple[int, ...]
) -> None:
    space = spaces.Box(-1.0, 1.0, shape, np.float32)
    value = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)

    assert leaves(space) == {name: spaces.Box(-1.0, 1.0, leaf_shape, np.float32)}
    assert shown(space, value) == {name: value.reshape(leaf_shape).tolist()}


BOXES: dict[str, tuple[spaces.Box, Any, list[float]]] = {
    "float64": (spaces.Box(-2.0, 2.0, (2,), np.float64), np.float32, [-1.5, 0.25]),
    "float16": (spaces.Box(-2.0, 2.0, (2,), np.float16), np.float32, [-1.5, 0.25]),
    "whole numbers below zero": (spaces.Box(-1, 1, (2,), np.int8), np.float32, [-1, 1]),
    "whole numbers above 255": (spaces.Box(0, 256, (2,), np.int64), np.float32, [0, 256]),
    "whole numbers that fit a byte": (spaces.Box(0, 255, (2,), np.int64), np.uint8, [0, 255]),
    "bytes": (spaces.Box(0, 255, (2,), np.uint8), np.uint8, [0, 255]),
    "zeros and ones": (spaces.Box(0, 1, (2,), np.int8), np.uint8, [0, 1]),
    "truths": (spaces.Box(0, 1, (2,), np.bool_), np.uint8, [0, 1]),
}


@pytest.mark.parametrize(("box", "dtype", "value"), BOXES.values(), ids=BOXES.keys())
def test_numbers_are_stored_as_bytes_where_those_hold_them_and_else_in_float32(
    box: spaces.Box, dtype: Any, value: list[float]
) -> None:
    """Pictures of float stay float: only whole numbers are bytes."""
    leaf = leaves(box)["vector"]

    assert leaf.dtype == dtype
    assert (leaf.low == box.low).all()
    assert (leaf.high == box.high).all()
    assert shown(box, np.array(value, box.dtype)) == {"vector": value}


def test_bounds_beyond_float32_are_no_bounds() -> None:
    leaf = leaves(spaces.Box(-1e300, 1e300, (2,), np.float64))["vector"]

    assert leaf == spaces.Box(-np.inf, np.inf, (2,), np.float32)


def test_a_discrete_is_one_hot_wherever_it_starts() -> None:
    space = spaces.Discrete(4, start=-1)

    assert leaves(space) == {"vector": spaces.Box(0, 1, (4,), **FLOAT)}
    assert [shown(space, value)["vector"].index(1) for value in (-1, 0, np.int64(2))] == [0, 1, 3]
    assert sum(shown(space, 2)["vector"]) == 1


def test_a_choice_that_there_is_not_is_written_as_zeros() -> None:
    """Some envs show -1, or one more than there are, for none."""
    assert shown(spaces.Discrete(3), -1) == shown(spaces.Discrete(3), 3) == {"vector": [0, 0, 0]}
    assert shown(spaces.MultiDiscrete([2, 3]), np.array([-1, 2])) == {"vector": [0, 0, 0, 0, 1]}


def test_a_short_multi_discrete_is_one_hot_behind_one_hot() -> None:
    space = spaces.MultiDiscrete([2, 3], start=[5, 1])

    assert leaves(space) == {"vector": spaces.Box(0, 1, (5,), **FLOAT)}
    assert shown(space, np.array([6, 1])) == {"vector": [0, 1, 1, 0, 0]}


def test_a_multi_discrete_of_two_axes_is_one_hot_row_after_row() -> None:
    assert shown(spaces.MultiDiscrete([[2, 2], [2, 2]]), np.array([[0, 1], [1, 0]])) == {"vector": [1, 0, 0, 1, 0, 1, 1, 0]}


@pytest.mark.parametrize(("length", "is_tokens"), [(7, False), (8, True)])
def test_a_long_list_of_equal_choices_is_one_of_tokens(length: int, is_tokens: bool) -> None:
    space = spaces.MultiDiscrete([5] * length, start=[2] * length)
    (leaf,) = leaves(space).values()

    assert isinstance(leaf, spaces.MultiDiscrete) == is_tokens
    if is_tokens:
        assert leaf == spaces.MultiDiscrete([5] * length)
        assert shown(space, np.full(length, 6)) == {"observation": [4] * length}


def test_a_long_list_of_unequal_choices_is_not() -> None:
    assert isinstance(leaves(spaces.MultiDiscrete([5] * 7 + [6]))["vector"], spaces.Box)


@pytest.mark.parametrize(("shape", "name"), [(3, "vector"), ((2, 2), "observation")])
def test_a_multi_binary_is_numbers(shape: Any, name: str) -> None:
    space = spaces.MultiBinary(shape)
    value = np.ones(space.shape, np.int8)

    assert leaves(space) == {name: spaces.Box(0, 1, space.shape, **FLOAT)}
    assert shown(space, value) == {name: value.tolist()}


def test_dict_and_tuple_are_taken_apart_by_path() -> None:
    hand = spaces.Dict({"cards": spaces.MultiBinary(2), "trump": spaces.Discrete(2)})
    space = spaces.Dict({"hand": hand, "seen": spaces.Tuple([spaces.Discrete(2), spaces.Box(0.0, 9.0, (1,), np.float32)])})
    value = {"seen": (1, np.array([4.0])), "hand": {"trump": 0, "cards": np.array([1, 0])}}

    assert shown(space, value) == {"hand.cards": [1, 0], "hand.trump": [1, 0], "seen.0": [0, 1], "seen.1": [4]}


def test_a_tuple_alone_is_numbered() -> None:
    assert shown(spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(1)]), (1, [1])) == {"0": [0, 1], "1": [1]}


def test_beside_a_mask_the_observation_stands_alone() -> None:
    """PettingZoo's Dict(observation, action_mask): the mask is no leaf."""
    mask = spaces.Box(0, 1, (3,), np.int8)
    space = spaces.Dict({"observation": spaces.Box(0.0, 1.0, (2,), np.float32), "action_mask": mask})
    codec = ObservationCodec(space, "agent_0")
    value = {"observation": np.array([0.5, 1.0]), "action_mask": np.array([1, 0, 1], np.int8)}

    assert codec.masked
    assert shown(space, value) == {"vector": [0.5, 1.0]}


def test_a_key_of_that_name_further_inside_is_an_observation_like_any_other() -> None:
    space = spaces.Dict({"other": spaces.Dict({"action_mask": spaces.MultiBinary(2)})})

    assert not ObservationCodec(space, "agent_0").masked
    assert list(leaves(space)) == ["other.action_mask"]


def test_parts_that_cannot_be_shown_are_left_out_and_named() -> None:
    space = spaces.Dict({"mission": spaces.Text(10), "sight": spaces.MultiBinary(2)})
    world = from_env(lambda: OneAgent(space, {"mission": "go", "sight": [0, 1]}), num_envs=1)

    assert world.take_notices() == ["the part 'mission' of what agent sees, a Text, is left out"]
    assert world.reset(np.zeros(1, np.uint64)).obs[0]["sight"].tolist() == [[[0, 1]]]
    assert world.take_notices() == []


@pytest.mark.parametrize(
    "space", [spaces.Text(10), spaces.Dict({"a": spaces.Text(3), "b": spaces.Sequence(spaces.Discrete(2))})]
)
def test_an_env_that_shows_nothing_else_is_refused(space: spaces.Space[Any]) -> None:
    with pytest.raises(ConfigError, match=r"nothing of the observation space of 'agent' can be shown to a policy, got"):
        from_env(lambda: OneAgent(space, "go"), num_envs=1)


@pytest.mark.parametrize(
    ("space", "value", "message"),
    [
        (spaces.Box(0.0, 1.0, (2,), np.float32), np.zeros(3), r"of shape \[3\], where \[2\] is declared"),
        (spaces.Box(0.0, 1.0, (2,), np.float32), np.zeros((1, 2)), r"of shape \[1, 2\], where \[2\] is declared"),
        (spaces.Box(0.0, 1.0, (2, 2), np.float32), 0.5, r"of shape \[\], where \[2, 2\] is declared"),
        (spaces.MultiBinary(3), np.ones(1), r"of shape \[1\], where \[3\] is declared"),
        (spaces.MultiDiscrete([2, 2]), np.zeros(3), "of 3 choices, where 2 are declared"),
        (spaces.MultiDiscrete([2] * 9), np.zeros(8), "of 8 choices, where 9 are declared"),
        (spaces.Discrete(2), np.zeros(2), "of 2 choices, where 1 are declared"),
    ],
)
def test_a_value_of_another_shape_is_refused(space: spaces.Space[Any], value: Any, message: str) -> None:
    """Numpy would repeat one number over a whole picture."""
    with pytest.raises(ValueError, match=message):
        shown(space, value)


def test_a_part_that_is_missing_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="sight"):
        shown(spaces.Dict({"sight": spaces.MultiBinary(2)}), {})
