"""Which mixture of players to train against: solutions of the game whose moves are the players themselves.

payoffs         [K, K] of the row's player, antisymmetric (`payoffs_of`: 0 is even, 1 the row always wins), unless [K, L] is
                said: any zero-sum game, paid by the column's player
mixture         [K], probabilities of the players
exploitability  what the best pure answer gains against a mixture: 0 at a Nash equilibrium
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_ppo.errors import UnknownNameError

Mixture = NDArray[np.float64]
NEGLIGIBLE = 1e-6
"""weights below this are reported as 0"""
EXACT = 1e-10
"""how far HiGHS may miss a constraint, the least it allows"""


def payoffs_of(win_rates: ArrayLike) -> NDArray[np.float64]:
    """Payoffs 2 p - 1 [K, K] of win rates [K, K]; pairs that never met (NaN) count as even.

    The mean of both views, p_ij and 1 - p_ji, is taken, so that the result is antisymmetric to the last bit.
    """
    p = np.asarray(win_rates, np.float64)
    p = np.where(np.isnan(p), 1 - p.T, p)
    a = np.where(np.isnan(p), 0.0, 2 * p - 1)
    return (a - a.T) / 2


def solve(solver: str, payoffs: ArrayLike) -> Mixture:
    """The mixture [K] of the meta-solver of this name, one of `SOLVERS`; raises UnknownNameError for another name."""
    return find_solver(solver)(payoffs)


def find_solver(name: str) -> Callable[[ArrayLike], Mixture]:
    """One of `SOLVERS`; raises UnknownNameError with the nearest name."""
    if name not in SOLVERS:
        raise UnknownNameError.near("meta-solver", name, SOLVERS, otherwise=f"There are {', '.join(SOLVERS)}.")
    return SOLVERS[name]


def uniform(payoffs: ArrayLike) -> Mixture:
    """Everybody alike, whatever the payoffs: PSRO with it is fictitious self-play."""
    players = len(_matrix(payoffs))
    return np.full(players, 1 / players)


def nash(payoffs: ArrayLike) -> tuple[Mixture, Mixture, float]:
    """(row mixture [K], column mixture [L], value) of a zero-sum game [K, L], by linear programming.

    The row maximises v subject to payoffsᵀ x ≥ v; the column's mixture is the dual solution. One equilibrium of possibly
    many: where copies of players should not matter, use `max_entropy_nash`.
    """
    a = _matrix(payoffs)
    scale = float(np.abs(a).max()) or 1.0
    x, prices = _largest_margin(a.T / scale, np.ones(a.shape[1]), np.zeros(a.shape[1]))
    row, column = _cleaned(x), _cleaned(prices)
    return row, column, float(row @ a @ column)


def max_entropy_nash(payoffs: ArrayLike, *, tolerance: float = 0.0) -> Mixture:
    """The most even Nash equilibrium of a symmetric zero-sum game, which is unique: Balduzzi et al. 2018,
    "Re-evaluating Evaluation" (arXiv:1806.02643), section 3. Copies of a player share its weight.

    `tolerance` admits mixtures that are exploitable by this much of the largest payoff. One of the size of the payoffs'
    errors (0.05, say, for win rates from a few hundred games) keeps noise from deciding which of several near-copies is
    played. Logarithmic barrier and Newton's method (Boyd and Vandenberghe 2004, chapter 11) from a point well inside.
    """
    a = _antisymmetric(payoffs)
    players = len(a)
    if tolerance < 0:
        raise ValueError(f"tolerance must not be negative, got {tolerance}")
    if not a.any():
        return uniform(a)
    a = a / np.abs(a).max()
    identity, nobody = np.eye(players), np.zeros(players)
    if tolerance > 0:
        every, none = np.arange(players), np.arange(0)
        room = np.append(nobody, np.full(players, tolerance))
        x, _ = _largest_margin(np.vstack([identity, -a]), np.ones(2 * players), room)
        return _cleaned(_most_even(x, a[none], a[every], tolerance))
    # By strict complementarity some equilibrium has, for every player, either weight or a disadvantage (Goldman and
    # Tucker 1956): those with weight are in the support of the most even one too, and are answers as good as any.
    left_hand = np.vstack([identity - a, -a])
    x, _ = _largest_margin(left_hand, np.append(np.ones(players), nobody), np.zeros(2 * players))
    played = x > -a @ x
    mixture = np.zeros(players)
    mixture[played] = _most_even(x[played], a[np.ix_(played, played)], a[np.ix_(~played, played)], 0.0)
    return _cleaned(mixture)


def alpha_rank(payoffs: ArrayLike, *, alpha: float = 100.0, population: int = 50) -> Mixture:
    """How long a population of copies of one player stays there, when mutants of the others arrive now and then.

    Omidshafiei et al. 2019, "α-Rank" (arXiv:1903.01373), equations 1 to 4, for a single population: the
    stationary distribution of a chain whose steps are the mutants' chances of taking over. `alpha` is the selection
    intensity; the larger, the closer to the sink components of the graph "beats".
    """
    a = _antisymmetric(payoffs)
    players = len(a)
    if players == 1:
        return np.ones(1)
    # u[s, r] = alpha * (mutant r's payoff - resident s's), the same for every number of mutants since the sum is constant.
    u = alpha * population / (population - 1) * a.T
    size = np.abs(u)
    with np.errstate(invalid="ignore", divide="ignore"):
        stronger = np.expm1(-size) / np.expm1(-population * size)
    fixation = np.where(size == 0, 1 / population, np.where(u > 0, stronger, stronger * np.exp(-(population - 1) * size)))
    chain = fixation / (players - 1)
    np.fill_diagonal(chain, 0)
    np.fill_diagonal(chain, 1 - chain.sum(1))
    # Of any two players one takes over from the other with a chance of 1 / population or more: one recurrent class, hence
    # a unique solution of πᵀ (chain - 1) = 0 with sum 1.
    equations = np.vstack([chain.T - np.eye(players), np.ones(players)])
    return _cleaned(np.linalg.lstsq(equations, np.append(np.zeros(players), 1.0), rcond=None)[0])


def projected_replicator(
    payoffs: ArrayLike, *, steps: int = 20_000, step_size: float = 0.01, exploration: float = 1e-3
) -> Mixture:
    """Average of replicator dynamics that never give a player less than exploration / K: Lanctot et al. 2017
    (arXiv:1711.00832), appendix C.1. A mixture that keeps everybody in play a little, hence not quite Nash.
    """
    a = _antisymmetric(payoffs)
    players = len(a)
    floor = exploration / players
    x = uniform(a)
    mean = np.zeros(players)
    for _ in range(steps):
        fitness = a @ x
        x = floor + _onto_simplex(x + step_size * x * (fitness - x @ fitness) - floor, 1 - players * floor)
        mean += x / steps
    return mean


def fictitious_play(payoffs: ArrayLike, steps: int, *, start: int = 0) -> Mixture:
    """Average of `steps` pure moves, each the best answer to the average so far, ties to the lowest index (Brown 1951)."""
    a = _antisymmetric(payoffs)
    counts = np.zeros(len(a))
    counts[start] = 1
    for _ in range(steps - 1):
        counts[np.argmax(a @ counts)] += 1
    return counts / counts.sum()


def exploitability(payoffs: ArrayLike, mixture: ArrayLike) -> float:
    """What the best pure answer gains against `mixture` [K]; half of NashConv when both play it."""
    return float(np.max(_antisymmetric(payoffs) @ np.asarray(mixture, np.float64)))


def nash_conv(payoffs: ArrayLike, row: ArrayLike, column: ArrayLike) -> float:
    """What both players of a zero-sum game [K, L] would gain by their best answers, together; 0 at a Nash equilibrium."""
    a, x, y = _matrix(payoffs), np.asarray(row, np.float64), np.asarray(column, np.float64)
    return float(np.max(a @ y) - np.min(x @ a))


def _matrix(payoffs: ArrayLike) -> NDArray[np.float64]:
    a = np.asarray(payoffs, np.float64)
    if a.ndim != 2 or not a.size:
        raise ValueError(f"payoffs must be a matrix with at least one player on each side, got shape {list(a.shape)}")
    if not np.isfinite(a).all():
        raise ValueError("payoffs must be finite; payoffs_of() makes them of win rates with pairs that never met")
    return a


def _antisymmetric(payoffs: ArrayLike) -> NDArray[np.float64]:
    a = _matrix(payoffs)
    if a.shape[0] != a.shape[1] or not np.allclose(a, -a.T, atol=1e-9):
        raise ValueError("payoffs must be antisymmetric, payoffs[i, j] = -payoffs[j, i]; payoffs_of() makes them of win rates")
    return (a - a.T) / 2


def _cleaned(mixture: NDArray[np.float64]) -> Mixture:
    """Without what is left of rounding."""
    kept = np.where(mixture / mixture.sum() < NEGLIGIBLE, 0.0, mixture)
    return kept / kept.sum()


def _largest_margin(
    left_hand: NDArray[np.float64], margins: NDArray[np.float64], room: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mixture x, prices of the rows) that maximises m subject to left_hand @ x + room ≥ margins * m, by HiGHS."""
    # Loaded here, since nothing else needs it and it takes a third of a second.
    from scipy.optimize import linprog

    rows, columns = left_hand.shape
    found = linprog(
        c=np.append(np.zeros(columns), -1.0),
        A_ub=np.hstack([-left_hand, margins[:, None]]),
        b_ub=room,
        A_eq=np.append(np.ones(columns), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * columns + [(None, None)],
        method="highs",
        options={"primal_feasibility_tolerance": EXACT, "dual_feasibility_tolerance": EXACT},
    )
    if found.status != 0:
        raise ArithmeticError(f"a linear program of {rows} rows and {columns} columns was not solved: {found.message}")
    return np.maximum(found.x[:-1], 0), np.maximum(-found.ineqlin.marginals, 0)


def _most_even(
    start: NDArray[np.float64], equal: NDArray[np.float64], below: NDArray[np.float64], room: float
) -> NDArray[np.float64]:
    """The mixture of the largest entropy with equal @ x = 0 and below @ x ≤ room, from one that has slack in the latter."""
    sums = np.vstack([equal, np.ones(len(start))])
    goal = np.append(np.zeros(len(equal)), 1.0)
    _, sizes, directions = np.linalg.svd(sums)
    free = directions[np.count_nonzero(sizes > 1e-9 * sizes[0]) :].T
    x = start + np.linalg.lstsq(sums, goal - sums @ start, rcond=1e-9)[0]
    if not free.size:
        return x
    if x.min() <= 0 or (below @ x).max(initial=-1.0) >= room:
        return start  # so little room that rounding uses it up: nothing could be made more even

    def height(x: NDArray[np.float64], barrier: float) -> float:
        """What is minimised; infinite outside."""
        slack = room - below @ x
        if x.min() <= 0 or slack.min(initial=1.0) <= 0:
            return np.inf
        return float(x @ np.log(x) - barrier * (np.log(x).sum() + np.log(slack).sum()))

    # The entropy would keep x positive in theory, but Newton's steps creep along that wall without the barrier's help.
    barrier = 1.0
    while barrier > 1e-11:
        for _ in range(50):
            slack = room - below @ x
            gradient = free.T @ (1 + np.log(x) + barrier * (below.T @ (1 / slack) - 1 / x))
            towards = below @ free / slack[:, None]
            curvature = free.T @ (free * (1 / x + barrier / x**2)[:, None]) + barrier * towards.T @ towards
            step = -np.linalg.lstsq(curvature, gradient, rcond=None)[0]
            falls = float(-gradient @ step)
            if falls < 1e-14:
                break
            length, before = 1.0, height(x, barrier)
            while height(x + length * (free @ step), barrier) > before - 0.1 * length * falls and length > 1e-12:
                length /= 2
            if length <= 1e-12:
                break
            x = x + length * (free @ step)
        barrier /= 8
    return x


def _onto_simplex(x: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Nearest non-negative vector of this sum (Duchi et al. 2008, figure 1)."""
    ordered = np.sort(x)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(x) + 1)
    return np.maximum(x - excess[np.flatnonzero(ordered > excess)[-1]], 0)


def _row_of_nash(payoffs: ArrayLike) -> Mixture:
    return nash(payoffs)[0]


SOLVERS: dict[str, Callable[[ArrayLike], Mixture]] = {
    "uniform": uniform,
    "nash": _row_of_nash,
    "max_entropy_nash": max_entropy_nash,
    "alpha_rank": alpha_rank,
    "projected_replicator": projected_replicator,
}
"""by name: payoffs [K, K] to mixture [K]"""
