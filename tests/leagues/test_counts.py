"""What was met and how it ended; worked numbers by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.leagues.counts import DecayedCounts, PayoffCounts

SCORES = st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=30)


def test_old_games_fade() -> None:
    """Win, win, win, loss: w = .99 (1 + .99 + .99²) = 2.940399, n = 1 + .99 * 2.9701 = 3.940399, w / n = .746219."""
    counts = DecayedCounts(2)
    for score in (1, 1, 1, 0):
        counts.add(0, 1, score)

    assert counts.score_sums[0, 1] == pytest.approx(2.940399)
    assert counts.weights[0, 1] == pytest.approx(3.940399)
    assert counts.win_rate(0, 1) == pytest.approx(0.746219, abs=1e-6)
    assert counts.win_rate(1, 0) == pytest.approx(1 - 0.746219, abs=1e-6)


@given(SCORES)
def test_games_added_together_count_as_added_one_by_one(scores: list[float]) -> None:
    together, single = DecayedCounts(2), DecayedCounts(2)
    together.add(0, 1, scores)
    for score in scores:
        single.add(0, 1, score)

    np.testing.assert_allclose(together.score_sums, single.score_sums, atol=1e-12)
    np.testing.assert_allclose(together.weights, single.weights, atol=1e-12)
    assert (together.games == single.games).all()


def test_who_never_met_is_even() -> None:
    counts = DecayedCounts(3)
    counts.add(0, 1, [1, 1])

    assert counts.win_rates().tolist() == [[0.5, 1, 0.5], [0, 0.5, 0.5], [0.5, 0.5, 0.5]]
    assert counts.win_rate(0, 2) == 0.5


def test_a_win_rate_is_trusted_after_thirty_games() -> None:
    counts = DecayedCounts(2)
    counts.add(0, 1, np.ones(29))

    assert not counts.trusted().any()
    assert counts.win_rates(trusted_only=True)[0, 1] == 0.5
    counts.add(0, 1, 1)
    assert counts.trusted().tolist() == [[False, True], [True, False]]
    assert counts.win_rates(trusted_only=True)[0, 1] == pytest.approx(1)


def test_games_against_oneself_say_nothing() -> None:
    counts = DecayedCounts(1)
    counts.add(0, 0, [1, 0, 1])

    assert counts.games[0, 0] == 0
    assert counts.win_rate(0, 0) == 0.5


def test_a_player_that_was_reset_has_no_games() -> None:
    counts = DecayedCounts(3)
    counts.add(0, 1, 1)
    counts.add(1, 2, 1)
    counts.clear(0)

    assert counts.games.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert counts.win_rates()[0].tolist() == [0.5, 0.5, 0.5]


def test_new_players_start_without_games_and_the_others_keep_theirs() -> None:
    decayed, payoffs = DecayedCounts(2), PayoffCounts(2)
    for counts in (decayed, payoffs):
        counts.add(0, 1, [1, 0.5])
        counts.grow(3)
        counts.add(2, 0, [1])

    assert decayed.games.tolist() == [[0, 2, 1], [2, 0, 0], [1, 0, 0]]
    assert payoffs.games.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]
    assert decayed.players == payoffs.players == 3


def test_payoffs_keep_the_sides_apart_and_rates_join_them() -> None:
    """First side: 2 wins and a draw of 4; second side: 1 loss of the other. 0 has 2.5 + 1 of 5."""
    counts = PayoffCounts(2)
    counts.add(0, 1, [1, 1, 0.5, 0])
    counts.add(1, 0, 0)

    assert counts.wins.tolist() == [[0, 2], [0, 0]]
    assert counts.draws.tolist() == [[0, 1], [0, 0]]
    assert counts.losses.tolist() == [[0, 1], [1, 0]]
    assert counts.score_sums.tolist() == [[0, 2.5], [0, 0]]
    assert counts.symmetric().wins.tolist() == [[0, 3], [1, 0]]
    assert counts.symmetric().games.tolist() == [[0, 5], [5, 0]]
    assert counts.win_rates() == pytest.approx(np.array([[0.5, 0.7], [0.3, 0.5]]))


def test_who_never_met_has_no_payoff() -> None:
    counts = PayoffCounts(3)
    counts.add(0, 1, 1)
    low, high = counts.intervals()

    assert np.isnan(counts.win_rates()).tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    assert np.isnan([low[0, 2], high[0, 2], low[0, 0], high[0, 0]]).all()


def test_intervals_are_wilsons_and_mirror_each_other() -> None:
    """60 of 100: .5020 to .6906, so the other has .3094 to .4980."""
    counts = PayoffCounts(2)
    counts.add(0, 1, [1] * 35 + [0] * 15)
    counts.add(1, 0, [0] * 25 + [1] * 25)
    low, high = counts.intervals()

    assert (low[0, 1], high[0, 1]) == pytest.approx((0.5020, 0.6906), abs=1e-4)
    assert (low[1, 0], high[1, 0]) == pytest.approx((0.3094, 0.4980), abs=1e-4)


@given(SCORES, SCORES)
def test_win_rates_of_a_pair_add_up_to_one(first: list[float], second: list[float]) -> None:
    counts = PayoffCounts(2)
    counts.add(0, 1, first)
    counts.add(1, 0, second)
    rates = counts.win_rates()

    assert np.isnan(rates[0, 1]) if not first + second else rates[0, 1] + rates[1, 0] == pytest.approx(1)


def test_counts_survive_storage_to_the_last_bit() -> None:
    decayed, payoffs = DecayedCounts(2, decay=0.9, trusted_games=3), PayoffCounts(2)
    for counts in (decayed, payoffs):
        counts.add(0, 1, [1, 0.5, 0, 1])
    loaded = DecayedCounts.load(decayed.arrays(), decay=0.9, trusted_games=3)
    copies = [(decayed.arrays(), loaded.arrays()), (payoffs.arrays(), PayoffCounts.load(payoffs.arrays()).arrays())]
    decayed.add(0, 1, 1)
    loaded.add(0, 1, 1)

    assert all((before[name] == after[name]).all() for before, after in copies for name in before)
    assert (decayed.score_sums == loaded.score_sums).all()
    assert loaded.trusted()[0, 1]


def test_what_is_no_count_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must be from 0 to 1, got \[2\.0\]"):
        DecayedCounts(2).add(0, 1, [2.0])
    with pytest.raises(ValueError, match=r"count wins \(1\), draws \(0.5\) and losses \(0\), got scores \[0.25\]"):
        PayoffCounts(2).add(0, 1, [0.25])
    with pytest.raises(ValueError, match="counts only grow: 3 players are known, got 2"):
        PayoffCounts(3).grow(2)
    with pytest.raises(ValueError, match="decay must be above 0 and at most 1, got 0"):
        DecayedCounts(decay=0)
