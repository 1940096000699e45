"""Mixtures of players; worked numbers by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from marl_ppo.errors import UnknownNameError
from marl_ppo.leagues.meta_solvers import (
    SOLVERS,
    alpha_rank,
    exploitability,
    fictitious_play,
    max_entropy_nash,
    nash,
    nash_conv,
    payoffs_of,
    projected_replicator,
    solve,
    uniform,
)

ROCK_PAPER_SCISSORS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
WEIGHTED = np.array([[0.0, -1, 2], [1, 0, -1], [-2, 1, 0]])
CHAIN = np.array([[0.0, 1, 1], [-1, 0, 1], [-1, -1, 0]])
seeds = st.integers(0, 2**32 - 1)


def random_payoffs(seed: int) -> NDArray[np.float64]:
    """Of 1 to 25 players, every second game with small whole payoffs and many ties."""
    generator = np.random.Generator(np.random.PCG64(seed))
    players = int(generator.integers(1, 26))
    a = generator.normal(size=(players, players))
    if seed % 2:
        a = np.round(a) * (generator.random((players, players)) < 0.3)
    return a - a.T


def entropy(mixture: NDArray[np.float64]) -> float:
    played = mixture[mixture > 0]
    return float(-played @ np.log(played))


def test_payoffs_are_antisymmetric_and_even_where_nobody_met() -> None:
    a = payoffs_of([[0.5, 0.8, np.nan], [0.2, 0.5, np.nan], [np.nan, 0.1, 0.5]])

    assert a == pytest.approx(np.array([[0, 0.6, 0], [-0.6, 0, 0.8], [0, -0.8, 0]]))
    assert (a == -a.T).all()


@pytest.mark.parametrize(
    ("mixture", "gain"),
    [([1 / 3, 1 / 3, 1 / 3], 0.0), ([0.5, 0.25, 0.25], 0.5), ([0.4, 0.3, 0.3], 0.2), ([1, 0, 0], 2.0)],
)
def test_nash_conv_adds_up_what_both_would_gain(mixture: list[float], gain: float) -> None:
    """Paper against half rock: .5 - .25 = .25 for each of the two; exploitability is one's share."""
    assert nash_conv(ROCK_PAPER_SCISSORS, mixture, mixture) == pytest.approx(gain)
    assert exploitability(ROCK_PAPER_SCISSORS, mixture) == pytest.approx(gain / 2)


def test_nash_of_weighted_rock_paper_scissors() -> None:
    """(.25, .5, .25): each answer earns 0, -.5 + .5 and so on; value 0."""
    row, column, value = nash(WEIGHTED)

    assert row == pytest.approx([0.25, 0.5, 0.25])
    assert column == pytest.approx([0.25, 0.5, 0.25])
    assert value == pytest.approx(0)


def test_nash_of_a_game_with_different_moves() -> None:
    """[[3, 1, 2], [1, 2, 3]]: x 3 + (1 - x) = x + 2 (1 - x) at x = 1/3, value 5/3; the third column earns 8/3, unplayed."""
    row, column, value = nash([[3, 1, 2], [1, 2, 3]])

    assert row == pytest.approx([1 / 3, 2 / 3])
    assert column == pytest.approx([1 / 3, 2 / 3, 0])
    assert value == pytest.approx(5 / 3)


def test_a_single_player_is_all_of_the_mixture() -> None:
    assert nash([[2.0]])[2] == 2
    assert [solve(name, [[0.0]])[0] for name in SOLVERS] == pytest.approx([1] * len(SOLVERS))


@given(seeds)
@settings(deadline=None, max_examples=60)
def test_no_answer_gains_against_an_equilibrium(seed: int) -> None:
    payoffs = random_payoffs(seed)

    for solver in ("nash", "max_entropy_nash"):
        mixture = solve(solver, payoffs)
        assert (mixture >= 0).all()
        assert mixture.sum() == pytest.approx(1)
        assert exploitability(payoffs, mixture) <= 1e-4


@given(seeds)
@settings(deadline=None, max_examples=60)
def test_no_equilibrium_is_more_even_than_the_most_even_one(seed: int) -> None:
    """Entropy is concave: x is best if no equilibrium y is uphill of it, (y - x) · -log x ≤ 0; a linear program tells."""
    payoffs = random_payoffs(seed)
    x = max_entropy_nash(payoffs)
    uphill = -np.log(np.maximum(x, 1e-9))
    players = len(x)
    best = linprog(-uphill, A_ub=payoffs, b_ub=np.zeros(players), A_eq=np.ones((1, players)), b_eq=[1])

    assert -best.fun <= uphill @ x + 1e-3


def test_copies_of_a_player_share_its_weight() -> None:
    """Rock twice: a sixth each; Balduzzi et al. 2018."""
    copied = [0, 0, 1, 2]

    assert max_entropy_nash(ROCK_PAPER_SCISSORS) == pytest.approx([1 / 3] * 3)
    assert max_entropy_nash(ROCK_PAPER_SCISSORS[np.ix_(copied, copied)]) == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])


def test_the_most_even_equilibrium_is_among_the_best_only() -> None:
    """Equal payoffs leave all of the simplex; a chain leaves the best player only; a tie at the top leaves two halves."""
    assert max_entropy_nash(np.zeros((4, 4))) == pytest.approx([0.25] * 4)
    assert max_entropy_nash(CHAIN) == pytest.approx([1, 0, 0])
    assert max_entropy_nash([[0, 0, 1], [0, 0, 2], [-1, -2, 0]]) == pytest.approx([0.5, 0.5, 0])


def test_a_binding_disadvantage_bends_the_most_even_equilibrium() -> None:
    """Player 2 beats 0 by 1 and loses to 1 by 2: x0 ≤ 2 x1, so halves do; if it loses by .5 only, x0 ≤ x1 / 2: thirds."""
    assert max_entropy_nash([[0, 0, -1], [0, 0, 2], [1, -2, 0]]) == pytest.approx([0.5, 0.5, 0], abs=1e-6)
    assert max_entropy_nash([[0, 0, -1], [0, 0, 0.5], [1, -0.5, 0]]) == pytest.approx([1 / 3, 2 / 3, 0], abs=1e-6)


def test_tolerance_keeps_noise_from_choosing_between_near_copies() -> None:
    """Player 0 beats its near-copy by 2 %: all is its own, but within .05 they share."""
    near_copies = [[0, 0.02, 0.8], [-0.02, 0, 0.8], [-0.8, -0.8, 0]]
    shared = max_entropy_nash(near_copies, tolerance=0.05)

    assert max_entropy_nash(near_copies) == pytest.approx([1, 0, 0])
    assert shared[0] == pytest.approx(shared[1], abs=0.05)
    assert exploitability(near_copies, shared) == pytest.approx(0.05 * 0.8, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 1, 10, 100, 1000])
def test_alpha_rank_of_a_cycle_is_even(alpha: float) -> None:
    assert alpha_rank(ROCK_PAPER_SCISSORS, alpha=alpha) == pytest.approx([1 / 3] * 3)


def test_alpha_rank_of_a_chain_is_the_strongest() -> None:
    """And even, without selection."""
    assert alpha_rank(CHAIN) == pytest.approx([1, 0, 0])
    assert alpha_rank(CHAIN, alpha=0) == pytest.approx([1 / 3] * 3)


def test_alpha_rank_of_two_players_by_hand() -> None:
    """Payoff ±.01, population 2, alpha 50: u = ±1. Fixation (1 - e^-1) / (1 - e^-2) = .731059 up, .268941 down: so shared."""
    assert alpha_rank([[0, 0.01], [-0.01, 0]], alpha=50, population=2) == pytest.approx([0.731059, 0.268941], abs=1e-6)


def test_projected_replicators_keep_everybody_in_play() -> None:
    assert projected_replicator(CHAIN, exploration=0.03) == pytest.approx([0.98, 0.01, 0.01], abs=0.05)
    assert projected_replicator(CHAIN, exploration=0.03).min() >= 0.01
    assert projected_replicator(WEIGHTED) == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


@pytest.mark.parametrize(("steps", "gain"), [(1, 1.0), (10, 0.2), (100, 0.07), (1000, 0.021)])
def test_fictitious_play_becomes_hard_to_exploit(steps: int, gain: float) -> None:
    """Rock first, ties to the lowest index. Ties are exact: adding up averages instead of counts breaks them by rounding."""
    assert exploitability(ROCK_PAPER_SCISSORS, fictitious_play(ROCK_PAPER_SCISSORS, steps)) == pytest.approx(gain)


def test_best_responses_to_the_mixture_complete_rock_paper_scissors() -> None:
    """From {rock}: paper, then scissors; then the mixture cannot be exploited. The last player alone can be, always."""
    known = [0]
    for _ in range(2):
        mixture = np.zeros(3)
        mixture[known] = solve("nash", ROCK_PAPER_SCISSORS[np.ix_(known, known)])
        known.append(int(np.argmax(ROCK_PAPER_SCISSORS @ mixture)))

    assert known == [0, 1, 2]
    assert exploitability(ROCK_PAPER_SCISSORS, solve("nash", ROCK_PAPER_SCISSORS)) == pytest.approx(0, abs=1e-9)
    assert exploitability(ROCK_PAPER_SCISSORS, [0, 0, 1]) == 1


def test_uniform_is_blind_to_payoffs() -> None:
    assert uniform(CHAIN) == pytest.approx([1 / 3] * 3)


def test_what_cannot_be_solved_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"No meta-solver is called 'nahs'\. Did you mean 'nash'\?"):
        solve("nahs", CHAIN)
    with pytest.raises(ValueError, match="payoffs must be antisymmetric"):
        alpha_rank([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="payoffs must be finite; payoffs_of"):
        nash([[np.nan]])
    with pytest.raises(ValueError, match=r"at least one player on each side, got shape \[0\]"):
        uniform([])
    with pytest.raises(ValueError, match="tolerance must not be negative, got -1"):
        max_entropy_nash(CHAIN, tolerance=-1)
