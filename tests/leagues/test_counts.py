"""What a learner scored lately; worked numbers by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.leagues.counts import Count, DecayedCounts


def test_old_games_fade() -> None:
    """Win, win, win, loss: w = .99 (1 + .99 + .99²) = 2.940399, n = 1 + .99 * 2.9701 = 3.940399, w / n = .746219."""
    counts = DecayedCounts()
    for score in (1, 1, 1, 0):
        counts.add("a", "b", score)

    assert counts["a", "b"].score_sum == pytest.approx(2.940399)
    assert counts["a", "b"].weight == pytest.approx(3.940399)
    assert counts["a", "b"].win_rate == pytest.approx(0.746219, abs=1e-6)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=30))
def test_games_added_together_count_as_added_one_by_one(scores: list[float]) -> None:
    together, single = DecayedCounts(), DecayedCounts()
    together.add("a", "b", scores)
    for score in scores:
        single.add("a", "b", score)

    np.testing.assert_allclose(together["a", "b"].score_sum, single["a", "b"].score_sum, atol=1e-12)
    np.testing.assert_allclose(together["a", "b"].weight, single["a", "b"].weight, atol=1e-12)
    assert together["a", "b"].games == single["a", "b"].games == len(scores)


@pytest.mark.parametrize("games", range(1, 60))
def test_who_always_wins_has_a_win_rate_of_one_whatever_rounding_does(games: int) -> None:
    """Rates above 1 are no rates: matchmakers refuse them."""
    counts = DecayedCounts()
    for _ in range(3):
        counts.add("a", "b", np.ones(games))

    assert counts["a", "b"].win_rate == pytest.approx(1.0)
    assert counts["a", "b"].win_rate <= 1.0


def test_who_never_met_is_even() -> None:
    counts = DecayedCounts()
    counts.add("a", "b", [1, 1])

    assert counts["a", "c"].win_rate == counts["b", "a"].win_rate == 0.5


def test_a_learner_that_was_reset_has_no_games() -> None:
    """Neither its own, nor those of others against what it was."""
    counts = DecayedCounts()
    for pair in (("a", "b"), ("b", "a"), ("b", "c")):
        counts.add(*pair, 1)
    counts.forget("a")

    assert [(learner, player) for learner, player, _ in counts.items()] == [("b", "c")]


def test_counts_survive_storage_to_the_last_bit() -> None:
    counts, loaded = DecayedCounts(decay=0.9), DecayedCounts(decay=0.9)
    counts.add("a", "b", [1, 0.5, 0, 1])
    loaded.load(counts.items())
    for one in (counts, loaded):
        one.add("a", "b", 0.5)

    assert loaded["a", "b"] == counts["a", "b"] != Count()


def test_what_is_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must be from 0 to 1, got \[2\.0\]"):
        DecayedCounts().add("a", "b", [2.0])
    with pytest.raises(ValueError, match="decay must be above 0 and at most 1, got 0"):
        DecayedCounts(decay=0)
