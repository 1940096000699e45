"""What is read from obs in compiled code, and told of subgoals, is what plain tensor operations find there."""

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.place_reader import PlaceReader
from marl_ppo.agents.places import Places
from marl_ppo.agents.subgoals import PROGRESS
from marl_ppo.agents.things import Things
from marl_ppo.envs.world import Group, Thing, Whereabouts

THINGS = {"key": Thing(place=4, known=6), "rock": Thing(place=7), "door": Thing(place=9, known=11)}
WHEREABOUTS = Whereabouts(own=2, cells=(5, 3), things=THINGS)
CELLS = torch.tensor([2.5, 1.5])
"""what makes a cell's width 1"""
READ = PlaceReader(WHEREABOUTS, offset=1)
GROUP = Group(
    name="players",
    agents=("a",),
    team=(0,),
    obs={"first": spaces.Box(-1.0, 1.0, (1,)), "vector": spaces.Box(-2.0, 2.0, (12,))},
    action=spaces.Discrete(3),
    whereabouts=WHEREABOUTS,
)
ROWS = 200


def floats() -> Tensor:
    return torch.rand(ROWS, 13, generator=torch.Generator().manual_seed(0)) * 2 - 1


OBS = {
    "float32": floats(),
    "bytes": (floats() * 100).abs().to(torch.uint8) % 2,
    "every second row": floats().repeat_interleave(2, 0)[::2],
    "one row for all": floats()[:1].expand(ROWS, -1),
    "of which a gradient is wanted": floats().requires_grad_(),
}


@pytest.mark.parametrize("kind", OBS)
def test_the_way_to_a_thing_is_where_obs_tell_it(kind: str) -> None:
    obs = OBS[kind]
    thing = torch.arange(ROWS) % 3
    way, known = READ.way(thing, obs)
    ways, all_known = READ.ways(obs)

    rows = torch.arange(ROWS)
    assert torch.equal(way, ways[rows, thing])
    assert torch.equal(known, all_known[rows, thing])
    assert known[thing == 1].all(), "whose being there nothing tells, is there"
    assert kind == "one row for all" or 0 < known[thing == 0].float().mean() < 1


@pytest.mark.parametrize("kind", OBS)
def test_a_thing_is_told_reached_and_paid_for_as_the_way_to_it_tells(kind: str) -> None:
    obs, after, thing = OBS[kind], floats().flip(0) * 0.7, torch.arange(ROWS) % 3
    (way, known), (left, still_known) = READ.way(thing, obs), READ.way(thing, after)
    far, nearer = far_by(way), far_by(way) - far_by(left)
    there = torch.where(still_known, near(left), far < 1.5)

    things = Things(GROUP)
    assert torch.equal(things.shown(thing, obs), torch.cat([torch.eye(3)[thing], way], -1))
    assert torch.equal(things.reached(thing, obs), ~known | near(way))
    assert torch.equal(things.legal(obs), READ.ways(obs)[1] | ~READ.ways(obs)[1].any(-1, keepdim=True))
    paid = torch.where(known, PROGRESS * torch.where(still_known, nearer, 0.0) + there.float(), 0.0)
    torch.testing.assert_close(things.reward(thing, obs, after), paid)
    assert kind == "one row for all" or 0 < there.float().mean() < 1


@pytest.mark.parametrize("kind", OBS)
def test_a_place_is_told_reached_and_paid_for_as_obs_tell_where_one_is(kind: str) -> None:
    obs, after, cell = OBS[kind], floats().flip(0) * 0.4, torch.arange(ROWS) % 15
    places = Places(GROUP)
    place = places.place(cell, obs)
    way, left = place - READ.own(obs), place - READ.own(after)

    assert torch.equal(places.shown(cell, obs), torch.cat([place, way], -1))
    assert torch.equal(places.reached(cell, obs), near(way))
    torch.testing.assert_close(places.reward(cell, obs, after), PROGRESS * (far_by(way) - far_by(left)) + near(left).float())
    assert 0 < near(left).float().mean() < 1


def near(way: Tensor) -> Tensor:
    """Within half a cell."""
    return ((way * CELLS).abs() < 0.5).all(-1)


def far_by(way: Tensor) -> Tensor:
    """In cells."""
    return torch.linalg.vector_norm(way * CELLS, dim=-1)


@pytest.mark.parametrize("thing", [3, -4, 1 << 40, torch.iinfo(torch.int64).min])
def test_a_thing_that_is_none_is_refused(thing: int) -> None:
    """Such as a memory from elsewhere may name."""
    with pytest.raises(IndexError):
        READ.way(torch.tensor([thing]), floats()[:1])
    with pytest.raises(IndexError):
        Things(GROUP).shown(torch.tensor([thing]), floats()[:1])
