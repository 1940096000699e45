"""What the recorder keeps, whenever its tables are full."""

import numpy as np
import pytest
from matches import recordings

from marl_ppo.envs import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.replays import recorder
from marl_ppo.training.players import find_player


@pytest.mark.parametrize("room", [1, 3, 64])
@pytest.mark.parametrize("world", ["tag", "connect_four"])
def test_episodes_come_whole_out_of_tables_of_any_size(world: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of connect_four are of many lengths, so that a table is left in the middle of some."""
    expected = recordings(world, 12, num_envs=3)[2]
    monkeypatch.setattr(recorder, "_FIRST_ROOM", room)
    found = recordings(world, 12, num_envs=3)[2]

    assert [one.seed for one in found] == [one.seed for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.digest == other.digest
        assert all(np.array_equal(own, others) for own, others in zip(one.actions, other.actions, strict=True))


def test_what_is_beyond_the_memory_for_it_is_not_kept_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies, 25 steps an episode, 25 rows a table of 2 * 4 bytes each: the third and fourth round are too much."""
    monkeypatch.setattr(recorder, "_FIRST_ROOM", 25)
    monkeypatch.setattr(recorder, "MOST_BYTES", 25 * 2 * 4)
    world = make_world("tag", num_envs=2)
    kept = evaluate(world, [find_player("random", world.spec)] * 2, episodes=8, record=True).recordings
    assert kept is not None
    found = [kept[episode] for episode in range(8)]

    assert [one is not None for one in found] == [True] * 4 + [False] * 4
    assert [one.seed for one in found if one is not None] == stream(0, "eval", 0, np.arange(4)).tolist()
