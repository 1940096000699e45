"""Which games of a league are kept as replays."""

from dataclasses import replace
from pathlib import Path

import pytest

from marl_ppo.envs import make_world
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.leagues.highlights import Highlight, Showing
from marl_ppo.play.seating import by_agent
from marl_ppo.training.players import find_player


@pytest.fixture(scope="module")
def upset() -> Highlight:
    world = make_world("rps")
    lineup = [find_player("random", world.spec)] * 2
    recorded = evaluate(world, lineup, episodes=1, record=True).recordings
    assert recorded is not None
    recording = recorded[0]
    assert recording is not None
    return Highlight(kind="upset", recording=recording, players=by_agent(world.spec, lineup), turn=1, gap=3.0)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "replays").glob("*"))


def test_of_several_turns_upsets_the_greatest_is_written_under_its_own_turn(upset: Highlight, tmp_path: Path) -> None:
    spec, showing = make_world("rps").spec, Showing(tmp_path, every=3, most=5)
    for turn, gap in ((1, 3.0), (2, 9.0), (3, 4.0), (4, 1.0)):
        showing.show(spec, turn, [replace(upset, turn=turn, gap=gap)])

    assert files(tmp_path) == ["turn-00002-upset.replay"]


def test_a_promotion_is_written_at_once_and_the_newest_are_kept(upset: Highlight, tmp_path: Path) -> None:
    spec, showing = make_world("rps").spec, Showing(tmp_path, every=100, most=2)
    for turn in (1, 2, 3):
        showing.show(spec, turn, [replace(upset, kind="promotion", turn=turn), replace(upset, kind="turn", turn=turn)])

    assert files(tmp_path) == ["turn-00002-promotion.replay", "turn-00003-promotion.replay"]
