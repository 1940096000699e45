"""Skills: what a table of where each was pursued says of them. A world of two cells side by side."""

import math

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.skills import KEEPS, SKILLS, Skills
from marl_ppo.envs.world import Group, Whereabouts
from marl_ppo.errors import FileFormatError


def group(columns: int = 2) -> Group:
    return Group(
        name="players",
        agents=("a",),
        team=(0,),
        obs={"vector": spaces.Box(-1.0, 1.0, (2,))},
        action=spaces.Discrete(3),
        whereabouts=Whereabouts(own=0, cells=(columns, 1)),
    )


LEFT, RIGHT = [-0.5, 0.0], [0.5, 0.0]


def paid(skills: Skills, skill: int, place: list[float]) -> float:
    obs = torch.tensor([place])
    return float(skills.reward(torch.tensor([skill]), obs, obs))


def learned(skill: list[int], places: list[list[float]]) -> Skills:
    skills = Skills(group())
    skills.learn(torch.tensor(skill), torch.tensor(places))
    return skills


def test_nothing_is_paid_before_anything_is_known() -> None:
    assert SKILLS == 8
    assert [paid(Skills(group()), skill, LEFT) for skill in range(8)] == pytest.approx([0.0] * 8)


def test_a_skill_is_paid_by_how_well_its_cell_tells_it_from_the_others() -> None:
    """Skill 0 was twice on the left and once on the right, skill 1 once on the right. Each weighs .5 in all: on the left are
    1 + 2/6 and seven times 1, on the right 1 + 1/6, 1 + 1/2 and six times 1."""
    skills = learned([0, 0, 0, 1], [LEFT, LEFT, RIGHT, RIGHT])

    assert paid(skills, 0, LEFT) == pytest.approx(math.log(8 * (4 / 3) / (25 / 3)))
    assert paid(skills, 1, LEFT) == pytest.approx(math.log(8 / (25 / 3)))
    assert paid(skills, 0, RIGHT) == pytest.approx(math.log(8 * (7 / 6) / (26 / 3)), rel=1e-5)
    assert paid(skills, 1, RIGHT) == pytest.approx(math.log(8 * 1.5 / (26 / 3)))


def test_a_skill_that_managers_prefer_is_not_more_probable_for_that() -> None:
    skills = learned([0] * 9 + [1], [LEFT] * 10)

    assert paid(skills, 0, LEFT) == pytest.approx(paid(skills, 1, LEFT))


def test_a_skill_that_is_alone_in_its_cell_is_paid_the_log_of_their_number() -> None:
    everywhere = torch.arange(8).repeat(1000)
    skills = Skills(group(8))
    skills.learn(everywhere, torch.stack([(2 * everywhere + 1) / 8 - 1, torch.zeros(8000)], -1))

    assert paid(skills, 3, [-0.125, 0.0]) == pytest.approx(math.log(8), abs=0.01)
    assert paid(skills, 3, [0.125, 0.0]) < -4


def test_what_was_learned_fades_and_can_be_put_back() -> None:
    skills = learned([2, 2], [LEFT, RIGHT])
    skills.learn(torch.tensor([2]), torch.tensor([LEFT]))
    counts = skills.state()["counts"]
    other = Skills(group())
    other.load(skills.state())

    assert counts[:, 2].tolist() == pytest.approx([1 + KEEPS, KEEPS])
    assert paid(other, 2, LEFT) == paid(skills, 2, LEFT) > 0
    with pytest.raises(FileFormatError, match="skills are of a world of another size"):
        Skills(group(3)).load(skills.state())


def test_a_skill_ends_by_time_alone_and_lies_nowhere() -> None:
    skills, obs, chosen = learned([0], [LEFT]), torch.tensor([LEFT]), torch.tensor([3])

    assert skills.legal(obs).all()
    assert not skills.reached(chosen, obs).any()
    assert skills.place(chosen, obs).isnan().all()
    torch.testing.assert_close(skills.shown(chosen, obs), one_of_eight(3))


def one_of_eight(place: int) -> Tensor:
    return torch.eye(8)[place : place + 1]
