"""What a table of results says beyond ratings: cycles, forgetting, averages that copies do not change, levels of play.

payoffs     [K, K] of the row's player, antisymmetric: `payoffs_of` or `logits_of` win rates; NaN where a pair never met
win_rates   [K, K], of the row's player, a draw counts 1/2; NaN where a pair never met
transitive  explained by one number per player, as ratings do
cyclic      the rest: rock, paper, scissors
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_ppo.leagues.meta_solvers import max_entropy_nash


class Decomposition(NamedTuple):
    """Payoffs = transitive + cyclic, orthogonal to each other."""

    ratings: NDArray[np.float64]
    """[K], in the units of the payoffs; mean 0, in each part of the league if they never met each other"""
    transitive: NDArray[np.float64]
    """[K, K]: ratings[i] - ratings[j]"""
    cyclic: NDArray[np.float64]
    """[K, K]; NaN where a pair never met"""
    transitive_share: float
    """of the sum of squares over pairs that met: 1 where ratings say all, 0 where they say nothing; 1 if all are even"""


class Cycle(NamedTuple):
    """Three players of whom each beats the next and the last beats the first."""

    players: tuple[int, int, int]
    """the lowest index first"""
    strength: float
    """the least of the three win rates"""


class NashAverage(NamedTuple):
    """K players judged against the strongest mixture of all."""

    mixture: NDArray[np.float64]
    """[K], the most even Nash equilibrium"""
    skill: NDArray[np.float64]
    """[K], payoffs against it: 0 for those in it, below 0 for the others"""


def logits_of(win_rates: ArrayLike, games: ArrayLike | None = None) -> NDArray[np.float64]:
    """log(p / (1 - p)) [K, K] of win rates, the scale on which ratings add up.

    With `games` [K, K] half a win and half a loss are added to each pair, which keeps those finite that one side always
    won. Without, win rates of 0 and 1 are refused.
    """
    p = np.asarray(win_rates, np.float64)
    if games is not None:
        n = np.asarray(games, np.float64)
        p = (np.where(n > 0, p, 0.5) * n + 0.5) / (n + 1)
        p = np.where((n > 0) | np.eye(len(p), dtype=bool), p, np.nan)
    elif ((p <= 0) | (p >= 1)).any():
        raise ValueError("win rates of 0 and 1 have no logit; pass the numbers of games too, which softens them")
    return np.log(p / (1 - p))


def decompose(payoffs: ArrayLike) -> Decomposition:
    """Least squares fit of payoffs[i, j] by ratings[i] - ratings[j] over the pairs that met: the Hodge decomposition of
    Jiang et al. 2011, "Statistical ranking and combinatorial Hodge theory" (arXiv:0811.1067). Where all met, a rating is the
    mean of a row (Balduzzi et al. 2018, arXiv:1806.02643, section 2.2).
    """
    a = np.asarray(payoffs, np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size:
        raise ValueError(f"payoffs must be [K, K] with at least one player, got shape {list(a.shape)}")
    met = ~np.isnan(a)
    np.fill_diagonal(met, True)
    known = np.where(met & ~np.eye(len(a), dtype=bool), a, 0)
    if not ((met == met.T).all() and np.allclose(known, -known.T, atol=1e-9)):
        raise ValueError("payoffs must be antisymmetric, payoffs[i, j] = -payoffs[j, i]")
    laplacian = np.diag(met.sum(1)) - met.astype(np.float64)
    # The least of all solutions: 0 on average, for only differences matter.
    ratings = np.linalg.lstsq(laplacian, known.sum(1), rcond=None)[0]
    transitive = ratings[:, None] - ratings[None]
    cyclic = np.where(met, known - transitive, np.nan)
    total = float((known**2).sum())
    share = 1 - float(np.nansum(cyclic**2)) / total if total > 0 else 1.0
    return Decomposition(ratings, transitive, cyclic, min(max(share, 0.0), 1.0))


def transitive_share(payoffs: ArrayLike) -> float:
    """How much of the payoffs ratings explain, see `Decomposition`; the cyclic share is the rest to 1."""
    return decompose(payoffs).transitive_share


def cycles(win_rates: ArrayLike, low: ArrayLike | None = None) -> list[Cycle]:
    """All 3-cycles, strongest first, equal ones by their players.

    A player beats another with a win rate above 1/2; with `low` [K, K], the lower ends of intervals, only where that is
    above 1/2, so that luck makes no cycles.
    """
    p = np.asarray(win_rates, np.float64)
    beats = (p if low is None else np.asarray(low, np.float64)) > 0.5
    found = []
    for i in range(len(p)):
        # Each cycle is met once, from its lowest index.
        seconds = np.flatnonzero(beats[i, i + 1 :]) + i + 1
        thirds = np.flatnonzero(beats[i + 1 :, i]) + i + 1
        for j, k in np.argwhere(beats[np.ix_(seconds, thirds)]):
            second, third = int(seconds[j]), int(thirds[k])
            strength = float(min(p[i, second], p[second, third], p[third, i]))
            found.append(Cycle((i, second, third), strength))
    return sorted(found, key=lambda cycle: (-cycle.strength, cycle.players))


def describe(cycle: Cycle, names: Sequence[str]) -> str:
    """`A beats B beats C beats A, 0.64 or more each`."""
    i, j, k = (names[player] for player in cycle.players)
    return f"{i} beats {j} beats {k} beats {i}, {cycle.strength:.2f} or more each"


def forgetting(win_rates: ArrayLike) -> NDArray[np.float64]:
    """How far the newest self has fallen behind against each older one: [K - 1], oldest first; NaN where it never met one.

    `win_rates` [K, K] are those of one player's selves, oldest first. Against self s the newest has lost
    max over t of win_rates[t, s] - win_rates[newest, s], where t are s itself (1/2) and those between: Chaudhry et al.
    2018 (arXiv:1801.10112), equation 3. Above 0: an older self did better; below: the newest does best.
    """
    p = np.array(win_rates, np.float64)
    np.fill_diagonal(p, 0.5)
    selves = len(p)
    best = [np.nanmax(p[s : selves - 1, s]) for s in range(selves - 1)]
    return np.array(best, np.float64) - p[-1, : selves - 1] if selves > 1 else np.zeros(0)


def nash_average(payoffs: ArrayLike, *, tolerance: float = 0.0) -> NashAverage:
    """Skill of K players that does not change when copies of some are added: Balduzzi et al. 2018, section 3.

    `tolerance` as for `max_entropy_nash`.
    """
    a = np.asarray(payoffs, np.float64)
    mixture = max_entropy_nash(a, tolerance=tolerance)
    return NashAverage(mixture, a @ mixture)


def pick_levels(win_rates: ArrayLike, levels: Sequence[float]) -> tuple[int, ...]:
    """Which players, indices in the order of `levels`, make opponents of these levels.

    `win_rates` [K] of all; NaN leaves one out. The picks are different players whose win rates are
    nearest to the levels, by the sum of squared distances; look at their own win rates before you call one hard, for
    nobody may be near. Raises ValueError for fewer players than levels.
    """
    # Loaded here, since nothing else needs it.
    from scipy.optimize import linear_sum_assignment

    p = np.asarray(win_rates, np.float64)
    measured = np.flatnonzero(~np.isnan(p))
    if len(measured) < len(levels):
        raise ValueError(f"{len(levels)} levels need as many players with a win rate, got {len(measured)}")
    _, picked = linear_sum_assignment((np.asarray(levels, np.float64)[:, None] - p[measured][None]) ** 2)
    return tuple(int(measured[player]) for player in picked)
