"""Rewards of workers, by the numbers of their papers' formulas, worked by hand."""

import math

import pytest
import torch
from torch import Tensor

from marl_ppo.ppo.intrinsic import (
    direction_reward,
    next_offset,
    offset_reward,
    option_value,
    potential_progress,
    progress,
    skill_reward,
)

BEFORE, AFTER = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 2.5]])
FAR = torch.tensor([[4.0, 3.0]])


def equal(found: Tensor, worked: list[float]) -> None:
    torch.testing.assert_close(found.flatten(), torch.tensor(worked), rtol=0, atol=1e-6)


def test_an_offset_pays_by_the_distance_from_where_it_was_to_lead_and_stays_the_same_place() -> None:
    offset = torch.tensor([[3.0, 1.0]])
    equal(offset_reward(BEFORE, AFTER, offset), [-2.0615528])
    equal(next_offset(BEFORE, AFTER, offset), [2.0, 0.5])


def test_progress_pays_for_what_a_step_has_gained() -> None:
    equal(progress(BEFORE, AFTER, FAR), [1.1007248])
    equal(potential_progress(BEFORE, AFTER, FAR, gamma=0.99), [1.1213404])


def test_a_direction_pays_by_the_cosine_of_the_moves_since_each_was_given() -> None:
    states = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]])
    moves = (states[3] - states[:3])[None]
    directions = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    cosines = torch.stack([direction_reward(moves[:, i : i + 1], directions[:, i : i + 1]) for i in range(3)])
    # The formula looks back from the last state: its moves and the goals given then.
    equal(cosines, [0.894427, 0.707107, 0.707107])
    equal(direction_reward(moves, directions), [0.769547])


def test_a_skill_pays_by_how_well_it_is_told_from_the_others() -> None:
    equal(skill_reward(torch.tensor([0.5]).log(), 8), [1.386294])
    equal(skill_reward(torch.tensor([1.0]).log(), 8), [2.079442])


def test_an_option_is_worth_what_follows_it_and_what_it_goes_on_with() -> None:
    equal(option_value(torch.tensor([0.25]), torch.tensor([4.0]), torch.tensor([5.0])), [4.25])


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_a_potential_pays_nothing_for_going_round_in_a_circle(gamma: float) -> None:
    path = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    paid = potential_progress(path[:-1], path[1:], torch.tensor([[5.0, 5.0]]).expand(3, 2), gamma=gamma)
    total = sum(gamma**t * float(one) for t, one in enumerate(paid))
    assert total == pytest.approx((1 - gamma**3) * math.sqrt(50), abs=1e-5)
