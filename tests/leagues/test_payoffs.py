"""The table of who scored what against whom, by hand."""

import numpy as np
import pytest

from marl_ppo.leagues.payoffs import Payoffs
from marl_ppo.leagues.store import MatchRow


def match(first: str, second: str, scores: list[float], side: str = "blue") -> MatchRow:
    s = np.array(scores)
    return MatchRow(
        source="ladder",
        first=first,
        second=second,
        side=side,
        games=len(s),
        wins=int((s == 1).sum()),
        draws=int((s == 0.5).sum()),
        total=float(s.sum()),
        squares=float(s @ s),
    )


def test_both_sides_of_a_pair_are_added_up() -> None:
    """a: 2 wins and a draw of 4 on one side, a win on the other: 3.5 of 5."""
    found = Payoffs.of(["a", "b"], [match("a", "b", [1, 1, 0.5, 0]), match("b", "a", [0], "orange")], together=False)

    assert found.games.tolist() == [[0, 5], [5, 0]]
    assert found.means == pytest.approx(np.array([[0.5, 0.7], [0.3, 0.5]]))


def test_who_never_met_has_no_payoff() -> None:
    found = Payoffs.of(["a", "b", "c"], [match("a", "b", [1])], together=False)

    assert np.isnan(found.means).tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    assert np.isnan(found.interval(0, 2)).all()


def test_intervals_are_wilsons_and_mirror_each_other() -> None:
    """60 of 100: .5020 to .6906, so the other has .3094 to .4980."""
    found = Payoffs.of(["a", "b"], [match("a", "b", [1] * 60 + [0] * 40)], together=False)

    assert found.interval(0, 1) == pytest.approx((0.5020, 0.6906), abs=1e-4)
    assert found.interval(1, 0) == pytest.approx((0.3094, 0.4980), abs=1e-4)


def test_on_one_team_both_have_the_same_return() -> None:
    """Returns 2 and 4 of a with b: mean 3, and so of b with a; standard error √(1 / 1) = 1. Alone, a has 7."""
    found = Payoffs.of(["a", "b"], [match("a", "b", [2, 4], "x"), match("a", "a", [7], "x")], together=True)

    assert found.means[:, 0] == pytest.approx([7, 3])
    assert found.means[0, 1] == 3
    assert found.interval(0, 1) == found.interval(1, 0) == pytest.approx((3 - 1.96, 3 + 1.96))


def test_games_of_strangers_are_left_out() -> None:
    found = Payoffs.of(["a"], [match("a", "b", [1])], together=False)

    assert found.games.tolist() == [[0]]
