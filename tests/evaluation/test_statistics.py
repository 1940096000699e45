"""Averages and intervals; worked numbers by hand or in exact arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.evaluation.statistics import (
    interquartile_mean,
    mean,
    median,
    normalized_skill,
    optimality_gap,
    probability_of_improvement,
    standard_error,
    stratified_bootstrap,
    wilson_interval,
)

SCORES = [0, 0.1, 0.2, 0.9, 1, 5, 0.3, 0.4, 0.5, 0.6]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_averages_differ_in_what_an_outlier_does_to_them() -> None:
    """The 5 pulls the mean to .9; the middle six sum to 2.9, / 6 = .483333; the middle two average .45."""
    assert mean(SCORES) == pytest.approx(0.9)
    assert interquartile_mean(SCORES) == pytest.approx(0.483333, abs=1e-6)
    assert median(SCORES) == pytest.approx(0.45)


def test_the_optimality_gap_gives_no_credit_beyond_the_target() -> None:
    """Capped at 1 the scores sum to 5 of 10: .5 short on average. Capped at .5: 3.5 of 5, .15 short."""
    assert optimality_gap(SCORES) == pytest.approx(0.5)
    assert optimality_gap(SCORES, target=0.5) == pytest.approx(0.15)


def test_averages_go_over_the_last_axis() -> None:
    rows = np.array([SCORES, SCORES[::-1]])

    for statistic in (mean, median, interquartile_mean, optimality_gap):
        assert statistic(rows).shape == (2,)
        assert statistic(rows)[1] == pytest.approx(statistic(SCORES))


def test_the_standard_error_shrinks_with_the_root_of_the_runs() -> None:
    """1 2 3: sample deviation 1, / sqrt 3; one run says nothing."""
    assert standard_error([1, 2, 3]) == pytest.approx(0.577350, abs=1e-6)
    assert math.isnan(standard_error([1]))


def test_the_probability_of_improvement_counts_ties_as_half() -> None:
    """1..5 against 2 2 3 1 0: 1.5 + 3 + 4.5 + 5 + 5 of 25 pairs."""
    better, worse = [1, 2, 3, 4, 5], [2, 2, 3, 1, 0]

    assert probability_of_improvement(better, worse) == pytest.approx(0.76)
    assert probability_of_improvement(worse, better) == pytest.approx(0.24)
    assert probability_of_improvement([3, 3], [3]) == 0.5


def test_the_probability_of_improvement_compares_within_tasks() -> None:
    """Task one always better, task two never: .5, although every score of task two is larger."""
    assert probability_of_improvement([[1, 10], [1, 10]], [[0, 11], [0, 11]]) == 0.5


def test_scores_of_different_tasks_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"the same tasks, got scores \[1, 2\] and baseline \[1, 3\]"):
        probability_of_improvement([[1, 2]], [[1, 2, 3]])


def test_the_bootstrap_depends_on_nothing_but_the_seed() -> None:
    first = stratified_bootstrap(SCORES, mean, generator(7))

    assert stratified_bootstrap(SCORES, mean, generator(7)) == first
    assert stratified_bootstrap(SCORES, mean, generator(8)) != first


def test_the_bootstrap_never_mixes_tasks() -> None:
    """Runs of a task are equal, tasks far apart: drawn within tasks, every resample has the same mean, 50."""
    interval = stratified_bootstrap([[0, 100]] * 5, mean, generator())

    assert interval == (50.0, 50.0)


def test_the_bootstrap_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    """100 normal scores: half a width of 1.96 / 10, by the central limit theorem."""
    scores = generator(1).standard_normal(100)
    interval = stratified_bootstrap(scores, mean, generator(2))

    assert interval.low < mean(scores) < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * standard_error(scores), rel=0.1)


def test_a_wider_interval_is_asked_for_by_its_confidence() -> None:
    usual = stratified_bootstrap(SCORES, interquartile_mean, generator())
    wider = stratified_bootstrap(SCORES, interquartile_mean, generator(), confidence=0.99)

    assert wider.low < usual.low
    assert wider.high > usual.high


def test_the_bootstrap_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no scores"):
        stratified_bootstrap([], mean, generator())


def test_skill_is_measured_between_the_random_player_and_a_script() -> None:
    """Random -30, script -10: -20 is half way, -5 is a quarter beyond the script."""
    assert normalized_skill(-20, random=-30, reference=-10) == 0.5
    assert normalized_skill(-5, random=-30, reference=-10) == 1.25
    assert math.isnan(normalized_skill(1, random=2, reference=2))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(60, 100, 0.5020, 0.6906), (550, 1000, 0.5190, 0.5806), (32, 32, 0.8928, 1.0), (0, 32, 0.0, 0.1072)],
)
def test_the_wilson_interval_at_worked_rates(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.floats(0, 1))
def test_the_wilson_interval_holds_its_rate_and_stays_within_0_and_1(trials: int, share: float) -> None:
    successes = round(share * trials)
    low, high = wilson_interval(successes, trials)

    assert 0.0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1.0


@pytest.mark.parametrize(("successes", "trials"), [(5, 4), (-1, 4), (0, 0)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"got {successes} of {trials}"):
        wilson_interval(successes, trials)


def test_the_bootstrap_resamples_in_parts_that_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten resamples of five scores, three at a time; the parts are drawn from one stream."""
    asked: list[int] = []

    def counted(scores: np.ndarray) -> np.ndarray:
        asked.append(len(scores))
        return mean(scores)

    whole = stratified_bootstrap(range(5), mean, np.random.default_rng(0), resamples=10)
    monkeypatch.setattr("marl_ppo.evaluation.statistics.RESAMPLED_AT_ONCE", 16)
    parts = stratified_bootstrap(range(5), counted, np.random.default_rng(0), resamples=10)

    assert asked == [3, 3, 3, 1]
    assert parts == whole
