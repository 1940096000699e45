"""Exact values of strategies on a `FlatTree`: pay-offs, best responses, NashConv, averages, pay-off matrices.

`marl_ppo.evaluation.flat_tree` has the words and the axes; M strategies are compared or mixed.
"""

from collections.abc import Sequence

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.flat_tree import FlatTree

TIE = 1e-12
"""difference in a pay-off's part up to which actions are equally good: it may come of rounding"""


def expected_payoffs(tree: FlatTree, strategy: Array) -> Array:
    """What each player gets on average when all play `strategy`: float64 [P]."""
    reach = tree.chance * _plan(tree, tree.checked(strategy))[tree.sequences].prod(axis=1)
    return np.asarray(reach @ tree.payoffs)


def best_response(tree: FlatTree, strategy: Array) -> Array:
    """For each player, its best answer to the others' `strategy`, in its rows: [I, K], the first of equally good actions."""
    return _best_responses(tree, tree.checked(strategy))[0]


def nash_conv(tree: FlatTree, strategy: Array) -> float:
    """Σ_i [max over π' of u_i(π', π_-i) - u_i(π)] (Lanctot et al. 2017, arXiv:1711.00832); 0 at a Nash equilibrium."""
    strategy = tree.checked(strategy)
    return float((_best_responses(tree, strategy)[1] - expected_payoffs(tree, strategy)).sum())


def average_strategy(tree: FlatTree, strategies: Sequence[Array], weights: Sequence[float] | Array | None = None) -> Array:
    """The one strategy that plays like drawing one of M before each game, with `weights` (alike by default): [I, K].

    An information set counts a strategy by its weight times how probably its player goes there by it: Kuhn's theorem
    (Kuhn 1953). Where none ever goes, it plays evenly. Each player draws for itself. Raises ConfigError on weights that
    are negative, all 0, or not one for each strategy.
    """
    mixed = np.full(len(strategies), 1.0) if weights is None else np.asarray(weights, np.float64)
    if not len(strategies) or mixed.shape != (len(strategies),) or (mixed < 0).any() or not mixed.sum() > 0:
        raise ConfigError(f"{len(strategies)} strategies need as many weights, of which none is negative, got {weights}")
    mixed = mixed / mixed.sum()
    plan = sum(weight * _plan(tree, tree.checked(strategy)) for weight, strategy in zip(mixed, strategies, strict=True))
    going_on = np.asarray(plan)[1:].reshape(tree.legal.shape)
    reach = going_on.sum(axis=1, keepdims=True)
    # Below a probability of 1e-300 the quotient means nothing.
    return np.asarray(np.where(reach > 1e-300, going_on / np.maximum(reach, 1e-300), tree.uniform()))


def payoff_matrix(tree: FlatTree, strategies: Sequence[Array]) -> Array:
    """What strategy i gets against, or beside, strategy j, on average over both seats: float64 [M, M].

    ½ [u_0(i, j) + u_1(j, i)] for two players, where each strategy can play either seat. It is antisymmetric in zero-sum games
    and symmetric where both are paid alike. Raises ConfigError where there are not two players.
    """
    first, second = seat_payoffs(tree, strategies)
    return (first + second.T) / 2.0


def seat_payoffs(tree: FlatTree, strategies: Sequence[Array]) -> tuple[Array, Array]:
    """(u_0, u_1), each [M, M]: what player_0 and player_1 get where player_0 plays strategy i and player_1 strategy j."""
    if tree.num_players != 2:
        raise ConfigError(f"a pay-off matrix is of two players, this tree has {tree.num_players}")
    plans = np.stack([_plan(tree, tree.checked(strategy)) for strategy in strategies])
    first, second = (plans[:, tree.sequences[:, p]] for p in range(2))
    u_0, u_1 = ((first * (tree.chance * tree.payoffs[:, p])) @ second.T for p in range(2))
    return u_0, u_1


def _plan(tree: FlatTree, strategy: Array) -> Array:
    """Of all players at once, since a sequence has one owner: [1 + I * K]."""
    plan = np.ones(1 + strategy.size)
    going_on = plan[1:].reshape(strategy.shape)  # a view
    for rows in tree.levels:
        going_on[rows] = plan[tree.parent[rows], None] * strategy[rows]
    return plan


def _best_responses(tree: FlatTree, strategy: Array) -> tuple[Array, Array]:
    """(best response of each player in its rows [I, K], what it gets [P])."""
    reach = _plan(tree, strategy)[tree.sequences]
    best, gets = np.zeros(strategy.shape), np.zeros(tree.num_players)
    for p in range(tree.num_players):
        others = tree.chance * np.delete(reach, p, axis=1).prod(axis=1)
        # What a sequence leads to without any further move of its player; then, from the last decisions to the first, what
        # the best move adds.
        worth = np.bincount(tree.sequences[:, p], others * tree.payoffs[:, p], minlength=1 + strategy.size)
        by_row = worth[1:].reshape(strategy.shape)  # a view
        for level in reversed(tree.levels):
            rows = level[tree.player[level] == p]
            values = np.where(tree.legal[rows], by_row[rows], -np.inf)
            chosen = (values >= values.max(axis=1, keepdims=True) - TIE).argmax(axis=1)
            best[rows, chosen] = 1.0
            np.add.at(worth, tree.parent[rows], values[np.arange(len(rows)), chosen])
        gets[p] = worth[0]
    return best, gets
