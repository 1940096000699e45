"""Whom a learner meets: probabilities over K players, and a draw from them that wastes no luck.

win_rates  [K], score of the learner against each player in [0, 1], a draw counts 1/2; NaN, never met, counts 1/2
order      oldest player first, the latest last, wherever an age matters
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Probabilities = NDArray[np.float64]
"""[K], non-negative, with sum 1"""
Weighting = Literal["hard", "variance", "linear", "capped"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)
UNMET = 0.5
"""win rate against a player that was never met"""


def pfsp(win_rates: ArrayLike, weighting: Weighting, power: float = 2.0) -> Probabilities:
    """Prioritised fictitious self-play: P(j) ∝ f(win rate x_j), uniform where all weights vanish.

    hard      (1 - x) ** power   those that beat us, for main agents
    variance  x (1 - x)          equals, a curriculum of its own
    linear    1 - x
    capped    min(1/2, 1 - x)    for league exploiters: nobody is too hard to be met often

    Vinyals et al. 2019 (AlphaStar, Nature 575), "Prioritized fictitious self-play" and its pseudo-code.
    """
    x = _win_rates(win_rates)
    if weighting == "hard":
        weights = (1 - x) ** power
    elif weighting == "variance":
        weights = x * (1 - x)
    elif weighting == "linear":
        weights = 1 - x
    elif weighting == "capped":
        weights = np.minimum(0.5, 1 - x)
    else:
        raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}, got {weighting!r}")
    total = weights.sum()
    return weights / total if total > 0 else uniform(len(x))


def uniform(players: int) -> Probabilities:
    """Fictitious self-play: everybody alike."""
    return np.full(_some(players), 1 / players)


def delta_uniform(players: int, delta: float) -> Probabilities:
    """Uniform over the players [⌊delta * K⌋, K): 0 is all of history, 1 the latest only.

    Bansal et al. 2018, "Emergent Complexity via Multi-Agent Competition" (arXiv:1710.03748), section 4.2.
    """
    if not 0 <= delta <= 1:
        raise ValueError(f"delta must be from 0 to 1, got {delta}")
    # 0.29 * 100 is 28.999…: a product that should be whole is not to lose a player to rounding.
    first = min(math.floor(delta * _some(players) + 1e-9), players - 1)
    probabilities = np.zeros(players)
    probabilities[first:] = 1 / (players - first)
    return probabilities


def latest(players: int) -> Probabilities:
    """Plain self-play: the last player only."""
    return delta_uniform(players, 1.0)


def five_probabilities(qualities: ArrayLike) -> Probabilities:
    """softmax(q) over past players: OpenAI et al. 2019, "Dota 2 with Large Scale Deep RL" (arXiv:1912.06680), appendix N.

    There the present self is met in 80 % of the games and these are drawn in the rest: `five_mixture`.
    """
    q = np.asarray(qualities, np.float64)
    _some(len(q))
    weights = np.exp(q - q.max())
    return weights / weights.sum()


def five_mixture(qualities: ArrayLike, latest_share: float = 0.8) -> Probabilities:
    """[K + 1]: past players by their qualities [K], and the present self, last, in `latest_share` of the games."""
    if not 0 <= latest_share <= 1:
        raise ValueError(f"latest_share must be from 0 to 1, got {latest_share}")
    if not len(np.asarray(qualities)):
        return latest(1)
    return np.append((1 - latest_share) * five_probabilities(qualities), latest_share)


def five_update(qualities: ArrayLike, index: int, probability: float, eta: float = 0.01) -> NDArray[np.float64]:
    """Qualities [K] after the learner has beaten player `index`, who had been drawn with `probability`.

    q ← q - eta / (K * probability), so that a quality falls equally fast however rarely its player is drawn. Call it for
    wins only: draws and losses change nothing. Source as for `five_probabilities`.
    """
    if not 0 < probability <= 1:
        raise ValueError(f"probability of the drawn player must be above 0 and at most 1, got {probability}")
    q = np.array(qualities, np.float64)
    q[index] -= eta / (len(q) * probability)
    return q


def five_join(qualities: ArrayLike) -> NDArray[np.float64]:
    """Qualities [K + 1] with a new player, who starts at the present maximum, or at 0 as the first."""
    q = np.asarray(qualities, np.float64)
    return np.append(q, q.max() if len(q) else 0.0)


def forgotten(win_rates: ArrayLike) -> NDArray[np.int64]:
    """Indices of the past selves that a learner may have forgotten to beat, oldest first; none if there is no sign of it.

    Later selves are stronger, so a win rate that never rises from some age on is what progress looks like: that monotone
    tail is dropped. What remains holds an older self that is harder to beat than a later one. From the verification
    branch of AlphaStar's pseudo-code (Vinyals et al. 2019), which then plays these if any win rate is below 0.7.
    """
    rises = np.flatnonzero(np.diff(_win_rates(win_rates)) > 0)
    return np.arange(rises[-1] + 2 if len(rises) else 0)


def systematic_draw(probabilities: ArrayLike, slots: int, u: float) -> NDArray[np.int64]:
    """Players for `slots` seats from one uniform number `u` in [0, 1): ascending indices [slots].

    Systematic resampling (Kitagawa 1996; Douc and Cappé 2005, arXiv:cs/0507025): player j is expected exactly
    slots * p_j times and gets it rounded down or up. Equal players stand side by side; shuffle where the slot itself
    matters.
    """
    p = np.asarray(probabilities, np.float64)
    if not 0 <= u < 1:
        raise ValueError(f"u must be in [0, 1), got {u}")
    if slots < 0:
        raise ValueError(f"slots must not be negative, got {slots}")
    if not (p >= 0).all() or not math.isclose(p.sum(), 1.0, abs_tol=1e-6):
        raise ValueError(f"probabilities must not be negative and have sum 1, got {p.tolist()}")
    cumulative = np.cumsum(p)
    points = np.minimum((u + np.arange(slots)) / max(slots, 1), np.nextafter(1.0, 0.0))
    return np.searchsorted(cumulative / cumulative[-1], points, side="right").astype(np.int64)


def _win_rates(win_rates: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(win_rates, np.float64)
    if not ((x >= 0) & (x <= 1) | np.isnan(x)).all():
        raise ValueError(f"win rates must be from 0 to 1, or NaN where never met, got {x.tolist()}")
    return np.where(np.isnan(x), UNMET, x)


def _some(players: int) -> int:
    if players < 1:
        raise ValueError("there is nobody to draw: at least one player is needed")
    return players
