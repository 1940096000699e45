"""Which episodes are kept, and that what is kept is what was played."""

from pathlib import Path

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.errors import UnknownNameError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.film import film
from marl_ppo.evaluation.match import match
from marl_ppo.evaluation.replays import choose, kinds_from, new_file, save_replay
from marl_ppo.play.seating import by_agent
from marl_ppo.replays.files import read_replay, write_replay
from marl_ppo.replays.verify import verify
from marl_ppo.training.players import find_player
from marl_ppo.viewer.replayed import ReplayTimeline
from marl_ppo.whole_files import whole_file

LENGTHS = np.array([5, 9, 7, 9])
RETURNS = np.array([1.0, 4.0, -3.0, 2.0])
MARGINS = np.array([1.0, 2.0, -3.0, -1.0])


@pytest.mark.parametrize(
    ("kind", "episodes"),
    [("longest", [1, 3]), ("shortest", [0, 2]), ("best", [1, 3]), ("worst", [2, 0]), ("median", [0, 3]), ("first", [0, 1])],
)
def test_a_kind_chooses_the_most_fitting_first(kind: str, episodes: list[int]) -> None:
    assert choose(kind, 2, lengths=LENGTHS, returns=RETURNS, margins=MARGINS) == episodes


def test_upsets_are_games_that_the_favourite_lost_by_most() -> None:
    favourite = np.array([1.0, 1.0, 2.0, -1.0, -3.0])
    fields = {"lengths": np.ones(5), "returns": np.ones(5)}

    assert choose("upsets", 5, margins=favourite, **fields) == [4, 3]
    assert choose("upsets", 5, margins=-favourite, **fields) == [4, 3]
    assert choose("upsets", 5, margins=np.array([1.0, -1.0, 0.0, 0.0, 0.0]), **fields) == []
    assert choose("upsets", 5, margins=None, **fields) == []


def test_a_kind_that_there_is_not_is_named() -> None:
    assert kinds_from("upsets, longest") == ["upsets", "longest"]
    with pytest.raises(UnknownNameError, match="No kind of replay is called 'longst'"):
        kinds_from("upsets,longst")


def test_no_file_is_written_over(tmp_path: Path) -> None:
    first = new_file(tmp_path, "soccer", ["A", "../B"], "best")
    first.touch()

    assert first.name == "soccer-A-vs-..-B-best.replay"
    assert new_file(tmp_path, "soccer", ["A", "../B"], "best").name == "soccer-A-vs-..-B-best-2.replay"


def test_long_names_of_players_do_not_cost_the_match(tmp_path: Path) -> None:
    path = new_file(tmp_path, "soccer", ["ä" * 100, "b" * 100], "best")
    with whole_file(path) as writing:
        writing.touch()

    assert path.name.startswith("soccer-ää")
    assert new_file(tmp_path, "soccer", ["ä" * 100, "b" * 100], "best") != path


def test_every_episode_of_an_evaluation_is_the_one_recorded(tmp_path: Path) -> None:
    world = make_world("tag", num_envs=4)
    lineup = [find_player("tag-chasers", world.spec), find_player("scripted", world.spec)]
    found = evaluate(world, lineup, episodes=10, record=True)

    assert found.recordings is not None
    assert len(found.recordings) == 10
    for episode in range(10):
        recording = found.recordings[episode]
        assert recording is not None
        path = save_replay(recording, world.spec, by_agent(world.spec, lineup), tmp_path / "it.replay")
        replay = read_replay(path)
        assert replay.returns[0] == pytest.approx(found.returns[episode, 0])
        assert replay.outcome == tuple(found.outcomes[episode])
        assert verify(replay).kind == "exact"


def test_every_game_of_a_match_is_the_one_recorded() -> None:
    world = make_world("soccer", num_envs=8, max_steps=50)
    players = [find_player("scripted:hard", world.spec), find_player("random", world.spec)]
    result = match(world, players, episodes=20, record=True)

    assert [len(row) for row in result.recordings] == [10, 10]
    for place, row in enumerate(result.recordings):
        for seed in range(10):
            recording = row[seed]
            assert recording is not None
            assert recording.steps == result.lengths[seed, place]


def test_trained_players_tell_what_they_thought(tmp_path: Path) -> None:
    """Of a greedy player the action is its most probable one; the script tells nothing."""
    world = make_world("tag", num_envs=1)
    lineup = [find_player("tag-chasers", world.spec, greedy=True), find_player("scripted", world.spec)]
    recordings = evaluate(world, lineup, episodes=1, record=True).recordings
    assert recordings is not None
    recording = recordings[0]
    assert recording is not None
    replay = read_replay(save_replay(recording, world.spec, by_agent(world.spec, lineup), tmp_path / "it.replay"))
    chasers, prey = replay.thoughts

    assert (chasers.probabilities.argmax(-1) == replay.actions[0]).all()
    np.testing.assert_allclose(chasers.probabilities.sum(-1), 1.0, atol=2e-3)
    assert chasers.values.shape == (25, 3)
    assert np.isfinite(chasers.values).all()
    assert not prey.probabilities.size
    assert not prey.values.size
    assert replay.hashes.keys() == {"tag-chasers"}

    thoughts = ReplayTimeline(replay).moment(3).thoughts
    assert thoughts.keys() == {"adversary_0", "adversary_1", "adversary_2"}
    assert thoughts["adversary_1"].value == pytest.approx(chasers.values[3, 1])


def test_an_env_of_somebody_else_is_filmed(tmp_path: Path) -> None:
    config = {"render_mode": "rgb_array", "max_cycles": 6}
    world = make_world("pettingzoo:mpe2.simple_spread_v3", num_envs=1, **config)
    replay = film(world, [find_player("random", world.spec)])
    back = read_replay(write_replay(replay, tmp_path / "it.replay"))
    timeline = ReplayTimeline(back)
    (picture,) = timeline.moment(4).scene.primitives

    assert back.steps == timeline.last == 6
    assert verify(back).kind == "frames"
    assert picture.pixels.shape == (640, 640, 3)  # type: ignore[union-attr]
    assert len({bytes(one) for one in back.frames.pictures}) > 3  # type: ignore[union-attr]
    world.close()
