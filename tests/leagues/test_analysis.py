"""What a table of results says; worked numbers by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.leagues.analysis import (
    Cycle,
    cycles,
    decompose,
    describe,
    forgetting,
    logits_of,
    nash_average,
    pick_levels,
    transitive_share,
)
from marl_ppo.leagues.meta_solvers import payoffs_of

ROCK_PAPER_SCISSORS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
LADDER = np.array([[0.0, 0.5, 1], [-0.5, 0, 0.5], [-1, -0.5, 0]])
WIN_RATES = np.array([[0.5, 0.8, 0.3], [0.2, 0.5, 0.9], [0.7, 0.1, 0.5]])
NAN = float("nan")
LEVELS = (0.2, 0.5, 0.8)


def test_a_cycle_has_no_transitive_share_and_a_ladder_nothing_else() -> None:
    """The ladder's ratings are .5 0 -.5; squares 3 beside the cycle's 6, so half of each gives 1 / 3."""
    assert transitive_share(ROCK_PAPER_SCISSORS) == pytest.approx(0)
    assert transitive_share(LADDER) == pytest.approx(1)
    assert decompose(LADDER).ratings == pytest.approx([0.5, 0, -0.5])
    assert transitive_share((LADDER + ROCK_PAPER_SCISSORS) / 2) == pytest.approx(1 / 3)


def test_the_transitive_share_of_win_rates_depends_on_the_scale() -> None:
    """.6 -.4 .8: ratings .2 / 3, .2 / 3, -.4 / 3, squares .16 of 2.32. Logits 1.386294, -.847298, 2.197225."""
    assert transitive_share(payoffs_of(WIN_RATES)) == pytest.approx(0.068966, abs=1e-6)
    assert transitive_share(logits_of(WIN_RATES)) == pytest.approx(0.123666, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_both_parts_add_up_and_are_orthogonal(seed: int) -> None:
    """Also where a third of the pairs never met."""
    generator = np.random.Generator(np.random.PCG64(seed))
    a = generator.normal(size=(7, 7))
    a = a - a.T
    unmet = np.triu(generator.random((7, 7)) < 0.3, 1)
    a[unmet | unmet.T] = NAN
    ratings, transitive, cyclic, share = decompose(a)
    met = ~np.isnan(a)

    assert (transitive + cyclic)[met] == pytest.approx(a[met])
    assert (transitive * cyclic)[met].sum() == pytest.approx(0, abs=1e-9)
    assert ratings.sum() == pytest.approx(0, abs=1e-9)
    assert share == pytest.approx((transitive[met] ** 2).sum() / (a[met] ** 2).sum())


def test_pairs_that_never_met_do_not_pull_ratings_together() -> None:
    """A beats B by 1, B beats C by 1, A and C never met: 1 0 -1, all transitive."""
    result = decompose([[0, 1, NAN], [-1, 0, 1], [NAN, -1, 0]])

    assert result.ratings == pytest.approx([1, 0, -1])
    assert result.transitive_share == pytest.approx(1)


def test_parts_of_a_league_that_never_met_are_rated_apart() -> None:
    """A beats B by 1; C beats D by 2: ± .5 and ± 1."""
    a = np.full((4, 4), NAN)
    a[0, 1], a[1, 0], a[2, 3], a[3, 2] = 1, -1, 2, -2

    assert decompose(a).ratings == pytest.approx([0.5, -0.5, 1, -1])


def test_even_players_are_transitive() -> None:
    assert transitive_share(np.zeros((3, 3))) == 1
    assert transitive_share([[0.0]]) == 1


def test_games_soften_logits_of_those_who_always_won() -> None:
    """9 of 9: (9 + .5) / 10, odds 19; never met stays unknown."""
    logits = logits_of([[0.5, 1, NAN], [0, 0.5, NAN], [NAN, NAN, 0.5]], [[0, 9, 0], [9, 0, 0], [0, 0, 0]])

    assert logits[0, 1] == pytest.approx(np.log(19))
    assert logits[1, 0] == pytest.approx(-np.log(19))
    assert np.isnan(logits[0, 2])
    assert np.diag(logits).tolist() == [0, 0, 0]


def test_cycles_are_found_strongest_first() -> None:
    """0 beats 1 (.8) beats 2 (.9) beats 0 (.7); 3 beats 0 (.6), loses to 1 (.55) and 2: 0 beats 1 beats 3 beats 0 by .55."""
    p = np.full((4, 4), 0.5)
    p[:3, :3] = WIN_RATES
    p[3], p[:, 3] = [0.6, 0.45, 0.4, 0.5], [0.4, 0.55, 0.6, 0.5]

    assert cycles(p) == [Cycle((0, 1, 2), 0.7), Cycle((0, 1, 3), 0.55)]
    assert describe(cycles(p)[0], ["rock", "scissors", "paper", "well"]) == (
        "rock beats scissors beats paper beats rock, 0.70 or more each"
    )


def test_a_ladder_has_no_cycles() -> None:
    assert cycles((LADDER + 1) / 2) == []


def test_only_significant_wins_make_a_cycle() -> None:
    low = WIN_RATES - 0.15
    assert len(cycles(WIN_RATES, low)) == 1
    low[2, 0] = 0.49

    assert cycles(WIN_RATES, low) == []


def test_a_cycle_is_counted_once_in_either_direction() -> None:
    assert [cycle.players for cycle in cycles(WIN_RATES)] == [(0, 1, 2)]
    assert [cycle.players for cycle in cycles(WIN_RATES.T)] == [(0, 2, 1)]


def test_the_newest_has_forgotten_what_an_older_self_could_beat() -> None:
    """Self 1 beat self 0 in .9, the newest in .4: .5 lost. Against self 1 it scores .7, better than even: -.2."""
    assert forgetting([[0.5, 0.1, 0.6], [0.9, 0.5, 0.3], [0.4, 0.7, 0.5]]) == pytest.approx([0.5, -0.2])


def test_forgetting_is_unknown_where_the_newest_never_met_a_self() -> None:
    found = forgetting([[NAN, NAN, NAN], [NAN, NAN, 0.3], [NAN, 0.7, NAN]])

    assert np.isnan(found[0])
    assert found[1] == pytest.approx(-0.2)
    assert forgetting([[0.5]]).tolist() == []


def test_nash_averages_do_not_change_with_copies() -> None:
    """Rock, paper, scissors 0 each, a player that loses to all of them below; paper twice changes no skill."""
    payoffs = np.pad(ROCK_PAPER_SCISSORS, (0, 1))
    payoffs[3, :3], payoffs[:3, 3] = -0.5, 0.5
    copied = [0, 1, 1, 2, 3]

    assert nash_average(payoffs).mixture == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert nash_average(payoffs).skill == pytest.approx([0, 0, 0, -0.5])
    assert nash_average(payoffs[np.ix_(copied, copied)]).skill == pytest.approx([0, 0, 0, 0, -0.5])


def test_levels_are_the_players_nearest_to_their_win_rates() -> None:
    """.25, .45 and .7 of these; whoever never met anybody is left out."""
    assert pick_levels([0.7, 0.02, 0.45, NAN, 0.25, 0.6], LEVELS) == (4, 2, 0)
    assert pick_levels([0.1, 0.9], levels=[0.9, 0.1]) == (1, 0)


def test_levels_are_different_players_in_the_order_of_strength_even_if_all_are_weak() -> None:
    assert pick_levels([0.15, 0.01, 0.1, 0.12], LEVELS) == (2, 3, 0)


def test_what_cannot_be_analysed_is_refused() -> None:
    with pytest.raises(ValueError, match="3 levels need as many players with a win rate, got 2"):
        pick_levels([0.5, NAN, 0.5], LEVELS)
    with pytest.raises(ValueError, match="win rates of 0 and 1 have no logit; pass the numbers of games"):
        logits_of([[0.5, 1], [0, 0.5]])
    with pytest.raises(ValueError, match="payoffs must be antisymmetric"):
        decompose([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"payoffs must be \[K, K\] with at least one player, got shape \[1, 2\]"):
        decompose([[0, 1]])
