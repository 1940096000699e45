"""What is read from obs in compiled code is what plain indexing finds there."""

import pytest
import torch
from torch import Tensor

from marl_ppo.agents.place_reader import PlaceReader
from marl_ppo.envs.world import Thing, Whereabouts

THINGS = {"key": Thing(place=4, known=6), "rock": Thing(place=7), "door": Thing(place=9, known=11)}
READ = PlaceReader(Whereabouts(own=2, cells=(5, 3), things=THINGS), offset=1)
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


def test_near_is_within_half_a_cell_and_length_is_in_cells() -> None:
    way = floats()[:, :2] * 0.5
    apart = way * torch.tensor([2.5, 1.5])

    assert torch.equal(READ.is_near(way), (apart.abs() < 0.5).all(-1))
    assert 0 < READ.is_near(way).float().mean() < 1
    torch.testing.assert_close(READ.length(way), torch.linalg.vector_norm(apart, dim=-1))


@pytest.mark.parametrize("thing", [3, -4, 1 << 40, torch.iinfo(torch.int64).min])
def test_a_thing_that_is_none_is_refused(thing: int) -> None:
    """Such as a memory from elsewhere may name."""
    with pytest.raises(IndexError):
        READ.way(torch.tensor([thing]), floats()[:1])
