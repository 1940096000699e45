"""Which mixture of players to train against: solutions of the game whose moves are the players themselves.

payoffs         [K, K] of the row's player, antisymmetric (`payoffs_of`: 0 is even, 1 the row always wins), unless [K, L] is
                said: any zero-sum game, paid by the column's player
mixture         [K], probabilities of the players
exploitability  what the best pure answer gains against a mixture: 0 at a Nash equilibrium
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Mixture = NDArray[np.float64]
Solver = Literal["uniform", "nash", "max_entropy_nash", "alpha_rank", "projected_replicator"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)
NEGLIGIBLE = 1e-6
"""weights below this are reported as 0"""


def payoffs_of(win_rates: ArrayLike) -> NDArray[np.float64]:
    """Payoffs 2 p - 1 [K, K] of win rates [K, K]; pairs that never met (NaN) count as even.

    The mean of both views, p_ij and 1 - p_ji, is taken, so that the result is antisymmetric to the last bit.
    """
    p = np.asarray(win_rates, np.float64)
    a = np.where(np.isnan(p), 0.0, 2 * p - 1)
    return (a - a.T) / 2


def solve(solver: Solver, payoffs: ArrayLike) -> Mixture:
    """The mixture [K] that the solver of this name gives."""
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}")
    if solver == "uniform":
        return uniform(payoffs)
    if solver == "nash":
        return nash(payoffs)[0]
    if solver == "max_entropy_nash":
        return max_entropy_nash(payoffs)
    return alpha_rank(payoffs) if solver == "alpha_rank" else projected_replicator(payoffs)


def uniform(payoffs: ArrayLike) -> Mixture:
    """Everybody alike, whatever the payoffs: PSRO with it is fictitious self-play."""
    players = len(_matrix(payoffs))
    return np.full(players, 1 / players)


def nash(payoffs: ArrayLike) -> tuple[Mixture, Mixture, float]:
    """(row mixture [K], column mixture [L], value) of a zero-sum game [K, L], by linear programming.

    The row maximises v subject to payoffsᵀ x ≥ v; the column's mixture is the dual solution. One equilibrium of possibly
    many: where copies of players should not matter, use `max_entropy_nash`.
    """
    # Loaded here and below, since nothing else needs it and it takes a third of a second.
    from scipy.optimize import linprog

    a = _matrix(payoffs)
    rows, columns = a.shape
    scale = max(float(np.abs(a).max()), 1e-300)
    found = linprog(
        c=np.append(np.zeros(rows), -1.0),
        A_ub=np.hstack([-a.T / scale, np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * rows + [(None, None)],
        method="highs",
    )
    if found.status != 0:
        raise ArithmeticError(f"the linear program of a {rows} by {columns} game was not solved: {found.message}")
    row, column = _cleaned(found.x[:rows]), _cleaned(-found.ineqlin.marginals)
    return row, column, float(row @ a @ column)


def max_entropy_nash(payoffs: ArrayLike, *, tolerance: float = 1e-9) -> Mixture:
    """The most even Nash equilibrium of a symmetric zero-sum game, which is unique: Balduzzi et al. 2018,
    "Re-evaluating Evaluation" (arXiv:1806.02643), section 3. Copies of a player share its weight.

    Maximises entropy over mixtures with exploitability of at most `tolerance` (relative to the largest payoff). That set
    has an inside, so the optimum exists and moves continuously with the payoffs; a tolerance of the size of their errors
    (0.05, say, for win rates from a few hundred games) keeps noise from deciding which of several near-copies is played.
    Primal-dual interior point method (Boyd and Vandenberghe 2004, section 11.7) with slacks; deterministic.
    """
    a = _antisymmetric(payoffs)
    players = len(a)
    scale = float(np.abs(a).max(initial=0.0))
    if scale == 0:
        return uniform(a)
    # Constraints a x + slack = tolerance, sum x = 1; dual prices of the first, total of the second.
    a = a / scale
    x = np.full(players, 1 / players)
    slack = np.maximum(tolerance - a @ x, 0.1)
    prices = np.full(players, 0.1)
    total = 0.0
    for _ in range(200):
        gap = slack @ prices / players
        residual = a @ x + slack - tolerance
        gradient = 1 + np.log(x) + a.T @ prices + total
        if gap < 1e-13 and np.abs(residual).max() < 1e-12 and np.abs(x * gradient).max() < 1e-10:
            break
        hessian = np.diag(1 / x) + a.T @ (a * (prices / slack)[:, None])

        def direction(centring: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
            """Newton's step towards slack * prices = centring: those of x, slack, prices and total."""
            pull = (centring - slack * prices + prices * residual) / slack
            target = np.stack([-gradient - a.T @ pull, np.ones(players)], axis=1)
            towards, even = np.linalg.solve(hessian, target).T
            up = (towards.sum() + x.sum() - 1) / even.sum()
            dx = towards - up * even
            dslack = -residual - a @ dx
            return dx, dslack, (centring - slack * prices - prices * dslack) / slack, np.asarray(up)

        # Mehrotra's predictor tells how much centring this step can do without.
        dx, dslack, dprices, _up = direction(np.zeros(players))
        step = min(_reach(x, dx), _reach(slack, dslack), _reach(prices, dprices))
        ahead = (slack + step * dslack) @ (prices + step * dprices) / players
        dx, dslack, dprices, up = direction((ahead / gap) ** 3 * gap - step**2 * dslack * dprices)
        step = 0.99 * min(_reach(x, dx), _reach(slack, dslack), _reach(prices, dprices))
        x, slack, prices, total = x + step * dx, slack + step * dslack, prices + step * dprices, total + step * float(up)
    return _cleaned(x)


def alpha_rank(payoffs: ArrayLike, *, alpha: float = 100.0, population: int = 50) -> Mixture:
    """How long a population of copies of one player stays there, when mutants of the others arrive now and then.

    Omidshafiei et al. 2019, "α-Rank" (arXiv:1903.01373), equations 1 to 4, for a single population: the stationary distribution of a
    chain whose steps are the mutants' chances of taking over. `alpha` is the selection intensity; the larger, the closer
    to the sink components of the graph "beats".
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


def _reach(value: NDArray[np.float64], step: NDArray[np.float64]) -> float:
    """The largest share of `step`, 1 at most, that keeps `value` non-negative."""
    falls = step < 0
    return float(min(1.0, (-value[falls] / step[falls]).min(initial=1.0)))


def _onto_simplex(x: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Nearest non-negative vector of this sum (Duchi et al. 2008, figure 1)."""
    ordered = np.sort(x)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(x) + 1)
    return np.maximum(x - excess[np.flatnonzero(ordered > excess)[-1]], 0)
