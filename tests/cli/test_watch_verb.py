"""`marl-ppo watch`, without a screen: what goes into the gif, and where it is put."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marl_ppo.cli import watch
from marl_ppo.envs.scene import Picture
from marl_ppo.viewer.show import Show


def frames(file: Path) -> int:
    with Image.open(file) as picture:
        return int(getattr(picture, "n_frames", 1))


def test_without_a_screen_a_gif_is_written_here_and_named(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    gif = trained / "watch.gif"
    said = marl_ppo("watch", "solo", "--seconds", "0.5")

    assert said.code == 0
    assert said.out.startswith("There is no screen to open a window on. Wrote watch.gif (")
    assert gif.read_bytes().startswith(b"GIF89a")
    gif.unlink()


def test_a_gif_is_put_where_it_was_asked_for(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    """Half a second at 20 frames per second, of a world that moves at every frame: 10 frames."""
    said = marl_ppo("watch", "duel", "--seconds", "0.5", "--rate", "20", "--out", str(tmp_path / "new/duel.gif"))

    assert said.out.startswith(f"Wrote {tmp_path}/new/duel.gif (")
    assert frames(tmp_path / "new/duel.gif") == 10


@pytest.mark.parametrize("arguments", ["duel --stochastic", "hunt --against random", "hunt --against duel"])
def test_what_a_player_does_not_play_is_played_by_others(marl_ppo: Any, trained: Path, tmp_path: Path, arguments: str) -> None:
    """`hunt` plays the chasers only."""
    said = marl_ppo("watch", *arguments.split(), "--seconds", "0.2", "--out", str(tmp_path / "match.gif"))

    assert said.code == 0
    assert (tmp_path / "match.gif").is_file()


def test_equal_seeds_show_equal_matches_and_others_do_not(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        marl_ppo("watch", "duel", "--seed", seed, "--seconds", "0.3", "--out", str(tmp_path / f"{name}.gif"))
    a, b, c = ((tmp_path / f"{name}.gif").read_bytes() for name in "abc")

    assert a == b
    assert a != c


def test_where_nothing_is_trained_a_bundled_bot_is_shown_and_named(marl_ppo: Any, tmp_path: Path) -> None:
    said = marl_ppo("watch", "--seconds", "0.2", "--out", "first.gif")

    assert said.code == 0
    assert said.lines[0].startswith("There is no trained run in runs/ yet.")
    assert said.lines[0].endswith("Until then, this is the bot 'soccer-hard', which comes with marl_ppo.")
    assert (tmp_path / "first.gif").is_file()


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> list[Show]:
    """What would be shown."""
    caught: list[Show] = []
    monkeypatch.setattr(watch, "watch", lambda show, **_: caught.append(show))
    return caught


def test_recorded_matches_are_shown_side_by_side(marl_ppo: Any, tmp_path: Path, shows: list[Show]) -> None:
    """Ten of them: nine at a time, and the tenth after the first."""
    marl_ppo("evaluate", "random", "--world", "tag", "--episodes", "2", "--record", "first")
    recorded = min(tmp_path.glob("replays/*.replay"))
    files = [str(shutil.copy(recorded, tmp_path / f"{i}.replay")) for i in range(10)]
    one, ten = (marl_ppo("watch", *given) for given in (files[:1], files))

    assert (one.code, ten.code) == (0, 0), one.err
    assert [len(show.playbacks) for show in shows] == [1, 9]
    assert shows[0].playbacks[0].match.last == 25
    assert [playback.next_match() for playback in shows[1].playbacks] == [True] + 8 * [False]


def test_envs_that_draw_themselves_are_watched_as_pictures(marl_ppo: Any, trained: Path, shows: list[Show]) -> None:
    said = marl_ppo("watch", "random", "--world", "pettingzoo:mpe2.simple_spread_v3")
    (drawn,) = shows[0].playbacks[0].match.moment(0).scene.primitives

    assert said.code == 0
    assert isinstance(drawn, Picture)


def test_a_grid_shows_other_matches_of_the_same_players(marl_ppo: Any, trained: Path, shows: list[Show]) -> None:
    marl_ppo("watch", "duel", "--grid", "3")
    scenes = {str(playback.match.moment(0).scene) for playback in shows[0].playbacks}

    assert len(scenes) == 3


def test_a_training_is_followed_from_match_to_match(
    marl_ppo: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: list[Show]
) -> None:
    """A newer checkpoint comes during the first match, and one that is not whole yet during the second."""
    shutil.copytree("runs/duel", tmp_path / "runs/duel")
    monkeypatch.chdir(tmp_path)
    marl_ppo("watch", "duel", "--follow", "--stochastic")
    saves = Path("runs/duel/checkpoints")
    (newest,) = sorted(saves.glob("[0-9]*"))[-1:]
    updates = []
    for update in (7, 9, None):
        updates.append(shows[0].playbacks[0].match.moment(0).hud[0])
        if update is None:
            break
        later = Path(shutil.copytree(newest, saves / f"{update:06d}"))
        meta = json.loads((later / "meta.json").read_text())
        meta["counters"]["update"] = update
        (later / "meta.json").write_text(json.dumps(meta))
        if update == 9:
            shutil.rmtree(later / "policies")
        shows[0].playbacks[0].next_match()

    assert updates == ["update: 2", "update: 7", "update: 7"]


def test_a_training_that_has_just_begun_is_waited_for(
    marl_ppo: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: list[Show]
) -> None:
    """Without --follow it is said that there is nothing to watch yet."""
    shutil.copytree("runs/duel", tmp_path / "runs/duel", ignore=shutil.ignore_patterns("checkpoints"))
    saved = Path("runs/duel/checkpoints").resolve()
    monkeypatch.chdir(tmp_path)
    refused = marl_ppo("watch", "duel")
    threading.Timer(0.7, shutil.copytree, [saved, tmp_path / "runs/duel/checkpoints"]).start()
    said = marl_ppo("watch", "duel", "--follow")

    assert (refused.code, "The run runs/duel has only just begun" in refused.err) == (2, True)
    assert said.out.startswith("Waiting for the first checkpoint of runs/duel")
    assert len(shows) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("watch random", "say which world 'random' plays, with --world"),
        ("watch nobody", "No player is called 'nobody'."),
        ("watch solo duel", "name one player, got ['solo', 'duel']"),
        ("watch solo --seconds 0", "seconds must be positive and finite, got 0.0"),
        ("watch solo --seconds inf", "seconds must be positive and finite, got inf"),
        ("watch --rate 5 solo", "'solo' stands behind the flags; names and world settings come before them"),
        ("watch solo --stochastic agents=5", "'agents=5' stands behind the flags"),
        ("watch solo --rate 0", "rate must be above 0 world steps per second, got 0.0"),
        ("watch solo --grid 10", "grid must be at most 9, got 10"),
        ("watch solo --grid 0", "grid must be at least 1, got 0"),
        ("watch nothing.replay", "No replay is called 'nothing.replay'."),
        (
            "watch nothing.replay solo",
            "recorded matches are watched as they are: name only files, got ['nothing.replay', 'solo']",
        ),
        ("watch random --world tag --follow", "--follow takes a run's or a league's newest player; 'random' is not trained"),
    ],
)
def test_what_cannot_be_watched_is_said(marl_ppo: Any, trained: Path, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert not (trained / "watch.gif").exists()
