"""Leagues as pictures."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from marl_ppo.leagues.pictures import NAMED, draw_payoff, draw_rating_history
from marl_ppo.leagues.ratings import Rating

NAN = float("nan")


def payoff(players: int, file: Path, figures: list[Figure]) -> dict[tuple[float, float], str]:
    """Text by (column, row) of a league in which later players win more."""
    p = 0.5 + np.subtract.outer(np.arange(players), np.arange(players)) / (2 * players)
    draw_payoff([f"player-{i}" for i in range(players)], p, np.full(p.shape, 120), file)
    return {text.get_position(): text.get_text() for text in figures[-1].axes[0].texts}


def test_a_payoff_has_win_rates_with_their_games(tmp_path: Path, figures: list[Figure]) -> None:
    """Nobody's games against itself are named, and pairs that never met say so."""
    file = draw_payoff(
        ["a", "b", "c"],
        [[0.5, 0.75, NAN], [0.25, 0.5, 1], [NAN, 0, 0.5]],
        [[0, 40, 0], [40, 0, 9], [0, 9, 0]],
        tmp_path / "new" / "payoff.png",
        title="turn 12",
    )
    axes = figures[-1].axes[0]
    texts = {text.get_position(): text.get_text() for text in axes.texts}

    assert texts[1, 0] == "0.75\n40 games"
    assert texts[0, 1] == "0.25\n40 games"
    assert texts[2, 0] == texts[0, 2] == "n/a"
    assert texts[0, 0] == "0.50"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.get_title() == "turn 12"
    assert imread(file).shape[2] == 4


def test_large_payoffs_show_less_in_every_cell_and_stay_smaller_than_4000_pixels(tmp_path: Path, figures: list[Figure]) -> None:
    """14 players: rate and games; 15 to 60: rates; more: colours only."""
    file = tmp_path / "payoff.png"

    assert payoff(14, file, figures)[13, 0] == "0.04\n120 games"
    assert payoff(15, file, figures)[14, 0] == "0.03"
    assert payoff(61, file, figures) == {}
    assert max(imread(file).shape) < 4000


def test_long_names_are_inside_the_picture(tmp_path: Path) -> None:
    """The margin is white all around: a name that is cut off would touch it."""
    names = [f"league-exploiter-{i:02d}" for i in range(14)]
    picture = imread(draw_payoff(names, np.full((14, 14), 0.5), np.ones((14, 14)), tmp_path / "payoff.png"))

    assert all((edge == 1).all() for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]))


def test_a_history_names_the_best_and_keeps_their_names_apart(tmp_path: Path, figures: list[Figure]) -> None:
    """Thirty players that end within one point of each other."""
    history = {f"player-{i}": [(t, Rating(mu=20 + i * t / 300)) for t in range(11)] for i in range(30)}
    draw_rating_history({**history, "newcomer": []}, tmp_path / "history.png")
    names = figures[-1].axes[0].texts
    heights = [name.get_window_extent().y0 for name in names]

    assert [name.get_text() for name in names] == [f"player-{29 - i}" for i in range(NAMED)]
    assert (-np.diff(heights) >= names[0].get_window_extent().height * 0.9).all()


def test_a_history_without_ratings_is_an_empty_picture(tmp_path: Path) -> None:
    assert draw_rating_history({}, tmp_path / "history.png").exists()


def test_tables_that_do_not_fit_the_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be \[K, K\] for 1 names, got \[2, 2\] and \[2, 2\]"):
        draw_payoff(["a"], np.ones((2, 2)), np.ones((2, 2)), tmp_path / "payoff.png")
