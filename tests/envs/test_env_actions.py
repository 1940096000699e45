"""From every action space of Gymnasium to one that a policy chooses from, and back; and the masks beside them."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from one_agent import OneAgent, blind

from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.pettingzoo.actions import LEVELS, ActionCodec
from marl_ppo.errors import ConfigError


def codec(space: spaces.Space[Any]) -> ActionCodec:
    return ActionCodec(space, "agent_0")


small = st.integers(1, 4)
shapes = st.lists(st.integers(1, 2), max_size=2).map(tuple)
discretes = st.builds(lambda n, start: spaces.Discrete(n, start=start), small, st.integers(-3, 3))
multi_discretes = st.builds(
    lambda nvec, start: spaces.MultiDiscrete(nvec, start=[start] * len(nvec)), st.lists(small, min_size=1, max_size=3), small
)
matrices = st.builds(lambda nvec: spaces.MultiDiscrete(nvec), st.tuples(st.tuples(small, small), st.tuples(small, small)))
multi_binaries = st.builds(spaces.MultiBinary, st.one_of(small, st.tuples(small, small)))
boxes = st.builds(
    lambda low, width, shape, dtype: spaces.Box(low, low + width, shape, dtype),
    st.integers(-100, 100),
    st.integers(0, 27),
    shapes,
    st.sampled_from([np.float32, np.float64, np.int8, np.int64]),
)
widest = st.just(spaces.Box(-128, 127, (2,), np.int8))
discrete_spaces = st.one_of(discretes, multi_discretes, matrices, multi_binaries)


def composites(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(spaces.Tuple),
        st.dictionaries(st.sampled_from(["b", "a", "c"]), parts, min_size=1).map(spaces.Dict),
    )


any_space = st.recursive(st.one_of(discrete_spaces, boxes, widest), composites, max_leaves=4)


@given(any_space, st.integers(0, 2**32 - 1))
def test_every_action_of_the_world_is_one_of_the_env(space: spaces.Space[Any], seed: int) -> None:
    """Sampled from the world's space, it becomes a member of the env's; and so do actions beyond a Box."""
    made = codec(space)
    made.space.seed(seed)
    action = made.space.sample()

    assert space.contains(made.to_env(action))
    if isinstance(made.space, spaces.Box):
        assert space.contains(made.to_env(action * 1000 - 500))


@given(st.recursive(discrete_spaces, composites, max_leaves=3))
def test_every_action_of_the_env_can_be_chosen(space: spaces.Space[Any]) -> None:
    """The world's actions, one after the other, become as many different actions of the env as there are."""
    made = codec(space)
    sizes = made.space.nvec if isinstance(made.space, spaces.MultiDiscrete) else [made.space.n]
    if np.prod(sizes) > 300:
        return
    actions = [np.array(index, np.int64) for index in np.ndindex(*sizes)]
    sent = {repr(made.to_env(action if isinstance(made.space, spaces.MultiDiscrete) else action[0])) for action in actions}

    assert len(sent) == np.prod(sizes)


def test_a_multi_binary_is_as_many_choices_between_two() -> None:
    made = codec(spaces.MultiBinary((2, 2)))

    assert made.space == spaces.MultiDiscrete([2, 2, 2, 2])
    np.testing.assert_array_equal(made.to_env(np.array([1, 0, 0, 1])), [[1, 0], [0, 1]])


def test_discrete_parts_lie_one_behind_the_other_in_the_order_of_the_space() -> None:
    """Gymnasium sorts the keys of a Dict made from a plain one."""
    inner = spaces.Tuple([spaces.Discrete(3, start=1), spaces.MultiBinary(2)])
    made = codec(spaces.Dict({"steer": spaces.MultiDiscrete([4, 5]), "arm": inner}))

    assert made.space == spaces.MultiDiscrete([3, 2, 2, 4, 5])
    sent = made.to_env(np.array([2, 1, 0, 3, 4]))
    assert sent["arm"][0] == 3
    assert sent["arm"][1].tolist() == [1, 0]
    assert sent["steer"].tolist() == [3, 4]


def test_boxes_together_are_one_box() -> None:
    made = codec(spaces.Dict({"a": spaces.Box(-1.0, 1.0, (2,)), "b": spaces.Box(0.0, np.inf, (1, 1))}))
    sent = made.to_env(np.array([0.5, -3.0, 7.0], np.float32))

    assert made.space == spaces.Box(np.float32([-1, -1, 0]), np.float32([1, 1, np.inf]))
    assert sent["a"].tolist() == [0.5, -1.0]
    assert sent["b"].tolist() == [[7.0]]


def test_a_box_beside_discrete_choices_is_chosen_by_even_levels() -> None:
    """Ends included: 11 levels from 0 to 20 are 2 apart."""
    made = codec(spaces.Tuple([spaces.Discrete(2), spaces.Box(0.0, 20.0, (2,))]))

    assert LEVELS == 11
    assert made.space == spaces.MultiDiscrete([2, 11, 11])
    assert made.to_env(np.array([1, 0, 10]))[1].tolist() == [0.0, 20.0]
    assert made.to_env(np.array([1, 1, 5]))[1].tolist() == [2.0, 10.0]


def test_whole_numbers_are_rounded_to_the_nearest() -> None:
    made = codec(spaces.Box(-3, 3, (4,), np.int32))

    assert made.to_env(np.array([-0.6, 0.6, 2.4, 9.0], np.float32)).tolist() == [-1, 1, 2, 3]


def test_an_unbounded_box_beside_discrete_choices_is_refused() -> None:
    space = spaces.Tuple([spaces.Discrete(2), spaces.Box(-np.inf, np.inf, (2,))])

    with pytest.raises(ConfigError, match="action space of 'agent' has an unbounded Box beside discrete choices, got Tuple"):
        from_env(lambda: blind(space), num_envs=1)


def test_a_space_to_which_there_is_no_way_is_refused_with_those_to_which_there_is() -> None:
    space = spaces.Tuple([spaces.Discrete(2), spaces.Text(3)])

    with pytest.raises(ConfigError, match=r"action space of 'agent', got Text.*Discrete, MultiDiscrete, .* will do"):
        from_env(lambda: blind(space), num_envs=1)


PAIR = spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Tuple([spaces.MultiDiscrete([2, 3]), spaces.Discrete(2)])})
LEGAL = [1, 0, 0, 1, 1, 1, 0, 1, 1]
"""of `a`, then of both numbers of the MultiDiscrete, then of the last Discrete"""
FIRST, SECOND, THIRD, FOURTH = (np.array(part, np.int8) for part in ([1, 0], [0, 1], [1, 1, 0], [1, 1]))

MASKS: dict[str, tuple[spaces.Space[Any], Any, list[int]]] = {
    "one row": (spaces.Discrete(3), np.array([1, 0, 1]), [1, 0, 1]),
    "a list": (spaces.Discrete(3), [1, 0, 1], [1, 0, 1]),
    "truths": (spaces.Discrete(3), (True, False, True), [1, 0, 1]),
    "a start": (spaces.Discrete(3, start=4), np.array([0, 0, 1]), [0, 0, 1]),
    "a tuple of arrays": (spaces.MultiDiscrete([2, 3]), (SECOND, THIRD), [0, 1, 1, 1, 0]),
    "all in a row": (spaces.MultiDiscrete([2, 3]), np.concatenate([SECOND, THIRD]), [0, 1, 1, 1, 0]),
    "as nested as the space": (PAIR, {"a": FIRST, "b": ((SECOND, THIRD), FOURTH)}, [1, 0, 0, 1, 1, 1, 0, 1, 1]),
    "in another order": (PAIR, {"b": ((SECOND, THIRD), FOURTH), "a": FIRST}, [1, 0, 0, 1, 1, 1, 0, 1, 1]),
    "nested, with rows inside": (PAIR, {"a": FIRST, "b": (np.concatenate([SECOND, THIRD]), FOURTH)}, LEGAL),
}


@pytest.mark.parametrize(("space", "mask", "legal"), MASKS.values(), ids=MASKS.keys())
def test_a_mask_has_the_form_of_the_actions_or_is_one_row(space: spaces.Space[Any], mask: Any, legal: list[int]) -> None:
    assert codec(space).mask(mask).tolist() == [bool(entry) for entry in legal]


def test_all_levels_of_a_box_are_legal_where_the_mask_tells_of_choices_alone() -> None:
    made = codec(spaces.Dict({"amount": spaces.Box(0.0, 1.0, (1,)), "move": spaces.Discrete(3)}))

    assert list(made.space.nvec) == [LEVELS, 3]
    for mask in ({"move": np.array([0, 1, 1])}, np.array([0, 1, 1]), np.array([1] * LEVELS + [0, 1, 1])):
        assert made.mask(mask).tolist() == [True] * LEVELS + [False, True, True]


@pytest.mark.parametrize(
    ("space", "mask", "message"),
    [
        (spaces.Discrete(3), np.ones(4), "of 4 entries, where there are 3 choices"),
        (spaces.MultiDiscrete([2, 3]), (np.ones(2), np.ones(2)), "of 4 entries, where there are 5 choices"),
        (PAIR, {"a": FIRST}, "of 2 entries, where there are 9 choices"),
        (spaces.Discrete(3), np.zeros(3), "without a legal action"),
        (spaces.MultiDiscrete([2, 3]), (np.ones(2), np.zeros(3)), "without a legal action"),
    ],
    ids=["too long", "too short", "a part missing", "nothing legal", "nothing legal for one number"],
)
def test_a_mask_that_tells_nothing_of_use_is_refused(space: spaces.Space[Any], mask: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"an action mask {message}"):
        codec(space).mask(mask)


def told_in_the_info(mask: Any, action: spaces.Space[Any]) -> OneAgent:
    env = blind(action)
    env.info = {"action_mask": mask}
    return env


def test_a_mask_may_be_told_in_the_info() -> None:
    world = from_env(lambda: told_in_the_info(np.array([0, 1]), spaces.Discrete(2)), num_envs=2)
    world.reset(np.zeros(2, np.uint64))

    assert world.spec.groups[0].masked
    assert world.outputs.action_mask[0].tolist() == [[[False, True]]] * 2
    told = [world.step([np.ones((2, 1), np.int64)]) for _ in range(2)][-1]
    assert told.action_mask[0].tolist() == [[[False, True]]] * 2
    told = world.step([np.ones((2, 1), np.int64)])
    assert told.ended.all()
    assert told.action_mask[0].all()


def test_an_env_without_masks_is_a_world_without_them() -> None:
    world = from_env(lambda: blind(spaces.Discrete(2)), num_envs=1)

    assert not world.spec.groups[0].masked
    assert world.outputs.action_mask == (None,)


def test_no_mask_is_asked_of_continuous_actions() -> None:
    env = told_in_the_info(np.ones(2), spaces.Box(-1.0, 1.0, (2,)))

    assert not from_env(lambda: env, num_envs=1).spec.groups[0].masked
