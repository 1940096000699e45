"""`marl-ppo watch`, without a screen: what goes into the gif, and where it is put."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image


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
        ("watch random --world pettingzoo:mpe2.simple_spread_v3", "cannot be drawn: it has no scene"),
    ],
)
def test_what_cannot_be_watched_is_said(marl_ppo: Any, trained: Path, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert not (trained / "watch.gif").exists()
