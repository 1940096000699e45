"""Compiled code reads a row of a window as one vector, with the results of the plain loop."""

import numpy as np
import pytest
from numba import njit

from marl_ppo.envs.rooms.board import OWN
from marl_ppo.envs.rooms.window import LANES, look_along
from marl_ppo.envs.rooms.worlds import LARGEST_VIEW
from marl_ppo.envs.world import Array

ROW, FIRST = 1, 20
"""a row among others and a cell far from its ends"""
WALLS, SHUT = 2, 2 + LANES + 3


@njit
def compiled(cells: Array, turn: int, width: int, own: int, obs: Array, shut: int) -> None:
    look_along(cells, ROW, FIRST, turn, width, own, obs, 1, WALLS, shut)


def plain(cells: Array, turn: int, width: int, own: int, obs: Array, shut: int) -> None:
    look_along(cells, ROW, FIRST, turn, width, own, obs, 1, WALLS, shut)


def codes(seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, OWN + 3, (3, 40), dtype=np.uint8)


def untouched(stride: int = 1) -> Array:
    """Obs of three copies and two agents, full of what nobody writes."""
    return np.full((3, 2, stride * 45), 7, np.float32)[:, :, ::stride]


def same(obs: Array, expected: Array) -> bool:
    return obs.tobytes() == expected.tobytes()


@pytest.mark.parametrize("shut", [SHUT, -1], ids=["walls and what is shut", "walls alone"])
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("width", range(1, LANES + 1))
def test_a_row_is_the_same_bit_for_bit_and_nothing_beside_it_is_written(width: int, turn: int, shut: int) -> None:
    for seed in range(20):
        obs, expected = untouched(), untouched()
        compiled(codes(seed), turn, width, OWN + seed % 3, obs, shut)
        plain(codes(seed), turn, width, OWN + seed % 3, expected, shut)
        assert same(obs, expected)


@pytest.mark.parametrize("width", [1, 5, LANES])
def test_rows_at_the_very_first_and_the_very_last_cells_are_the_same(width: int) -> None:
    @njit
    def at(cells: Array, n: int, first: int, turn: int, obs: Array) -> None:
        look_along(cells, n, first, turn, width, OWN, obs, 1, WALLS, -1)

    for n, first, turn in ((2, 40 - width, 1), (0, width - 1, -1)):
        obs, expected = untouched(), untouched()
        at(codes(0), n, first, turn, obs)
        look_along(codes(0), n, first, turn, width, OWN, expected, 1, WALLS, -1)
        assert same(obs, expected)


def test_obs_that_do_not_lie_side_by_side_are_served_too() -> None:
    obs, expected = untouched(stride=2), untouched(stride=2)

    compiled(codes(0), 1, 5, OWN, obs, SHUT)
    plain(codes(0), 1, 5, OWN, expected, SHUT)

    assert same(obs, expected)


def test_no_window_is_wider_than_a_vector() -> None:
    assert LARGEST_VIEW <= LANES
