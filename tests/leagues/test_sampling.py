"""Whom a learner meets; worked numbers by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.leagues.sampling import (
    WEIGHTINGS,
    Weighting,
    delta_uniform,
    five_join,
    five_mixture,
    five_probabilities,
    five_update,
    forgotten,
    latest,
    pfsp,
    systematic_draw,
    uniform,
)

WIN_RATES = [0.1, 0.3, 0.5, 0.7, 0.9]


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("hard", [0.490909, 0.296970, 0.151515, 0.054545, 0.006061]),
        ("linear", [0.36, 0.28, 0.20, 0.12, 0.04]),
        ("capped", [0.263158, 0.263158, 0.263158, 0.157895, 0.052632]),
        ("variance", [0.105882, 0.247059, 0.294118, 0.247059, 0.105882]),
    ],
)
def test_pfsp_weighs_by_win_rate(weighting: Weighting, expected: list[float]) -> None:
    """Hard: .81 .49 .25 .09 .01, sum 1.65; linear sum 2.5; capped .5 .5 .5 .3 .1, sum 1.9; variance sum .85."""
    assert pfsp(WIN_RATES, weighting) == pytest.approx(expected, abs=1e-6)


def test_hard_pfsp_never_meets_those_who_are_always_beaten_while_others_are_not() -> None:
    """Weights 0 0 .25; all 0 for three that are always beaten: uniform."""
    assert pfsp([1, 1, 0.5], "hard") == pytest.approx([0, 0, 1])
    assert pfsp([1, 1, 1], "hard") == pytest.approx([1 / 3] * 3)


def test_the_power_decides_how_much_the_hardest_count() -> None:
    """(1 - .5)^1 : (1 - .75)^1 = 2 : 1; to the fourth 16 : 1."""
    assert pfsp([0.5, 0.75], "hard", 1) == pytest.approx([2 / 3, 1 / 3])
    assert pfsp([0.5, 0.75], "hard", 4) == pytest.approx([16 / 17, 1 / 17])


def test_who_was_never_met_counts_as_an_equal() -> None:
    assert pfsp([float("nan"), 0.9], "linear") == pytest.approx(pfsp([0.5, 0.9], "linear"))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from(WEIGHTINGS))
def test_pfsp_gives_probabilities(win_rates: list[float], weighting: Weighting) -> None:
    probabilities = pfsp(win_rates, weighting)

    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("delta", "first"),
    [(0.0, 0), (0.5, 5), (0.9, 9), (1.0, 9)],
)
def test_delta_uniform_forgets_the_oldest_share(delta: float, first: int) -> None:
    """Ten players, evenly over [⌊10 delta⌋, 10): all, 5 to 9, 9 only, and 9 again for "latest only"."""
    assert np.flatnonzero(delta_uniform(10, delta)).tolist() == list(range(first, 10))
    assert delta_uniform(10, delta)[-1] == pytest.approx(1 / (10 - first))


def test_delta_uniform_loses_no_player_to_rounding() -> None:
    """.29 * 100 is 28.999999999999996 in floating point, and is to be 29."""
    assert np.flatnonzero(delta_uniform(100, 0.29))[0] == 29


def test_the_extremes_of_delta_are_all_of_history_and_the_latest() -> None:
    assert delta_uniform(4, 0) == pytest.approx(uniform(4))
    assert latest(4).tolist() == [0, 0, 0, 1]


def test_five_draws_by_softmax_of_quality() -> None:
    """e, 1, 1/e over their sum 4.086161."""
    assert five_probabilities([1, 0, -1]) == pytest.approx([0.665241, 0.244728, 0.090031], abs=1e-6)
    assert five_probabilities([1000, 0]) == pytest.approx([1, 0])


def test_a_player_that_five_beats_loses_quality_in_inverse_proportion_to_its_chance() -> None:
    """Four alike: .01 / (4 * .25) = .01. Three: 1 - .01 / (3 * .665241) = .994989; -1 - .01 / (3 * .090031) = -1.037024."""
    assert five_update([0, 0, 0, 0], 2, 0.25).tolist() == [0, 0, -0.01, 0]
    assert five_update([1, 0, -1], 0, 0.665241) == pytest.approx([0.994989, 0, -1], abs=1e-6)
    assert five_update([1, 0, -1], 2, 0.090031) == pytest.approx([1, 0, -1.037024], abs=1e-6)


def test_a_new_player_of_five_starts_as_the_best() -> None:
    assert five_join([0.2, 0.7]).tolist() == [0.2, 0.7, 0.7]
    assert five_join([]).tolist() == [0.0]


def test_five_meets_its_present_self_in_four_games_of_five() -> None:
    """Two equal past players share a fifth; without a past all games are self-play."""
    assert five_mixture([0, 0]) == pytest.approx([0.1, 0.1, 0.8])
    assert five_mixture([]).tolist() == [1.0]


@pytest.mark.parametrize(
    ("win_rates", "kept"),
    [
        ([], []),
        ([0.9, 0.8, 0.6], []),  # newer is harder throughout: progress
        ([0.9, 0.4, 0.8, 0.7, 0.6], [0, 1, 2]),  # the second oldest became hard again
        ([0.5, 0.6], [0, 1]),
        ([0.7, 0.7, 0.7], []),
    ],
)
def test_only_selves_before_the_monotone_tail_may_have_been_forgotten(win_rates: list[float], kept: list[int]) -> None:
    assert forgotten(win_rates).tolist() == kept


def test_a_systematic_draw_by_hand() -> None:
    """Points (u + 0..3) / 4 = .125 .375 .625 .875 for u = .5 in cumulated .2 .7 1: first, second twice, third."""
    assert systematic_draw([0.2, 0.5, 0.3], 4, 0.5).tolist() == [0, 1, 1, 2]
    assert systematic_draw([0.2, 0.5, 0.3], 4, 0.9).tolist() == [1, 1, 2, 2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 40), st.floats(0, 1, exclude_max=True))
def test_a_systematic_draw_rounds_every_share_up_or_down(weights: list[float], slots: int, u: float) -> None:
    """A player of probability p has ⌊K p⌋ or ⌈K p⌉ of K slots, give or take rounding; one of probability 0 none."""
    if sum(weights) < 1e-3:
        return
    p = np.array(weights) / sum(weights)
    drawn = systematic_draw(p, slots, u)
    counts = np.bincount(drawn, minlength=len(p))

    assert len(drawn) == slots
    assert (np.diff(drawn) >= 0).all()
    assert (np.abs(counts - slots * p) < 1 + 1e-9).all()
    assert (counts[p == 0] == 0).all()


def test_a_player_of_probability_zero_is_not_drawn_by_a_point_on_its_border() -> None:
    """u = 0: points 0 and .5 in cumulated 0 .5 .5 1 belong to those who begin there."""
    assert systematic_draw([0, 0.5, 0, 0.5], 2, 0).tolist() == [1, 3]


def test_systematic_draws_are_fair_over_their_uniform_number() -> None:
    """u over a fine even grid: player j gets slots * p_j on average."""
    p = [0.07, 0.33, 0.6]
    grid = (np.arange(1000) + 0.5) / 1000
    mean = np.mean([np.bincount(systematic_draw(p, 3, u), minlength=3) for u in grid], axis=0)

    assert mean == pytest.approx(3 * np.array(p), abs=2e-3)


def test_what_cannot_be_drawn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="weighting must be one of hard, variance, linear, capped, got 'soft'"):
        pfsp([0.5], "soft")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"win rates must be from 0 to 1, or NaN where never met, got \[1\.5\]"):
        pfsp([1.5], "hard")
    with pytest.raises(ValueError, match="at least one player"):
        pfsp([], "hard")
    with pytest.raises(ValueError, match="delta must be from 0 to 1, got 2"):
        delta_uniform(3, 2)
    with pytest.raises(ValueError, match="latest_share must be from 0 to 1, got -1"):
        five_mixture([0.0], -1)
    with pytest.raises(ValueError, match="above 0 and at most 1, got 0"):
        five_update([0.0], 0, 0)
    with pytest.raises(ValueError, match=r"u must be in \[0, 1\), got 1"):
        systematic_draw([1.0], 3, 1)
    with pytest.raises(ValueError, match="slots must not be negative, got -1"):
        systematic_draw([1.0], -1, 0)
    with pytest.raises(ValueError, match=r"have sum 1, got \[0\.5, 0\.4\]"):
        systematic_draw([0.5, 0.4], 3, 0)
