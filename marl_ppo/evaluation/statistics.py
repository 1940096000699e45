"""What may be said of scores from a few seeds: robust averages and their intervals.

scores     [runs] of one task, or [runs, tasks]; higher is better
interval   95 % unless told otherwise; randomness comes from the generator that is passed in

Averages and bootstrap follow Agarwal et al. 2021 (arXiv:2108.13264), which shows how far a few runs mislead.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLED_AT_ONCE = 1_000_000
"""scores, so that the bootstrap's memory does not grow with them"""
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""averages over the last axis"""


class Interval(NamedTuple):
    """From low to high, both included."""

    low: float
    high: float


def mean(scores: ArrayLike) -> NDArray[np.float64]:
    """Plain average over the last axis."""
    return np.asarray(np.mean(np.asarray(scores, np.float64), axis=-1))


def median(scores: ArrayLike) -> NDArray[np.float64]:
    """The middle one over the last axis, or the mean of the two in the middle."""
    return np.asarray(np.median(np.asarray(scores, np.float64), axis=-1))


def interquartile_mean(scores: ArrayLike) -> NDArray[np.float64]:
    """Mean of the middle half over the last axis; a quarter of the scores, rounded down, is left out at each end.

    Outliers hardly move it, as they hardly move the median, and it needs fewer runs for an equally narrow interval.
    """
    ordered = np.sort(np.asarray(scores, np.float64), axis=-1)
    left_out = ordered.shape[-1] // 4
    return np.asarray(np.mean(ordered[..., left_out : ordered.shape[-1] - left_out], axis=-1))


def optimality_gap(scores: ArrayLike, target: float = 1.0) -> NDArray[np.float64]:
    """How far scores fall short of `target` on average, over the last axis; lower is better, excess earns nothing."""
    return np.asarray(np.mean(np.maximum(target - np.asarray(scores, np.float64), 0.0), axis=-1))


def standard_error(scores: ArrayLike) -> float:
    """Of the mean of independent scores [runs], from their sample deviation; NaN for fewer than two."""
    flat = np.asarray(scores, np.float64).ravel()
    return float(np.std(flat, ddof=1) / math.sqrt(len(flat))) if len(flat) > 1 else math.nan


def stratified_bootstrap(
    scores: ArrayLike,
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of `statistic` over all scores: runs are drawn again, with repetition, within each task."""
    by_task = np.asarray(scores, np.float64)
    if by_task.size == 0:
        raise ValueError("stratified_bootstrap: there are no scores; pass at least one run")
    by_task = by_task.reshape(len(by_task), -1)
    at_once = max(1, RESAMPLED_AT_ONCE // by_task.size)
    found = []
    for begin in range(0, resamples, at_once):
        count = min(at_once, resamples - begin)
        drawn = generator.integers(len(by_task), size=(count, *by_task.shape))
        found.append(statistic(np.take_along_axis(by_task[None], drawn, axis=1).reshape(count, -1)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    return Interval(float(low), float(high))


def probability_of_improvement(scores: ArrayLike, baseline: ArrayLike) -> float:
    """P(a run scores above a run of the baseline) + ½ P(equal), averaged over tasks: .5 is no difference."""
    ours, theirs = np.asarray(scores, np.float64), np.asarray(baseline, np.float64)
    if ours.shape[1:] != theirs.shape[1:]:
        raise ValueError(f"both need the same tasks, got scores {list(ours.shape)} and baseline {list(theirs.shape)}")
    difference = ours[:, None] - theirs[None]
    return float(np.mean(np.heaviside(difference, 0.5)))


def normalized_skill(score: float, *, random: float, reference: float) -> float:
    """(score - random) / (reference - random): 0 plays like the random player, 1 like the reference, a script say.

    NaN, to be shown as n/a, where the two do not differ; also gives retention, with the clean score as reference.
    """
    return (score - random) / (reference - random) if reference != random else math.nan


def wilson_interval(successes: float, trials: int, *, confidence: float = 0.95) -> Interval:
    """Interval of a success rate, sound also at 0, at 1 and for few trials: Wilson 1927. A draw may count as half."""
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"wilson_interval: needs 0 <= successes <= trials and a trial, got {successes} of {trials}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate, spread = successes / trials, z * z / trials
    centre = (rate + spread / 2) / (1 + spread)
    margin = math.sqrt(rate * (1 - rate) * spread + spread * spread / 4) / (1 + spread)
    return Interval(max(0.0, centre - margin), min(1.0, centre + margin))
