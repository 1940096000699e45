"""Whom AlphaStar's roles meet. The learner is player 0, a main agent; 1 to 4 are frozen, 4 came from an exploiter."""

import pytest

from marl_ppo.leagues.alphastar import league_exploiter, main_agent, main_exploiter

FROZEN, EXPLOITERS, PAST = [1, 2, 3, 4], [4], [1, 2, 3]


def of_main(win_rates: list[float], past: list[int] = PAST) -> list[float]:
    return main_agent(win_rates, frozen=FROZEN, exploiters=EXPLOITERS, mains={0: past}).tolist()


def test_a_main_agent_that_fears_nobody_plays_itself_instead_of_checking() -> None:
    """Past .9 .8 .7 falls with age: progress. Hard: .01 .04 .09 .16, sum .3, of one half; self-play .35 + .15."""
    assert of_main([0.5, 0.9, 0.8, 0.7, 0.6]) == pytest.approx([0.5, 0.5 / 30, 2 / 30, 4.5 / 30, 8 / 30])


def test_a_main_agent_meets_exploiters_until_it_beats_them_in_three_of_ten() -> None:
    """Hard: 0 0 0 .5625 (win rate .25): one half and the verification's .15 go to the exploiter; at .3 only the half."""
    assert of_main([0.5, 1, 1, 1, 0.25]) == pytest.approx([0.35, 0, 0, 0, 0.65])
    assert of_main([0.5, 1, 1, 1, 0.3]) == pytest.approx([0.5, 0, 0, 0, 0.5])


def test_a_main_agent_meets_past_selves_that_it_forgot_to_beat() -> None:
    """.5 .9 .7: the rise from .5 to .9 leaves players 1 and 2; .25 : .01 of .15, and of the half with .09 of .35."""
    expected = [0.35, 0.5 * 25 / 35 + 0.15 * 25 / 26, 0.5 / 35 + 0.15 / 26, 0.5 * 9 / 35, 0]

    assert of_main([0.5, 0.5, 0.9, 0.7, 1]) == pytest.approx(expected)


def test_a_past_self_that_is_beaten_in_seven_of_ten_is_not_forgotten() -> None:
    assert of_main([0.5, 0.7, 0.9, 0.8, 1])[0] == pytest.approx(0.5)
    assert of_main([0.5, 0.69, 0.9, 0.8, 1])[0] == pytest.approx(0.35)


def test_a_main_agent_climbs_to_a_stronger_main_over_its_past() -> None:
    """Main 5 is beaten in .3 only: variance over its past 6 and 7, .25 : .09, gets the self-play of half the picks."""
    x = [0.5, 1, 1, 1, 1, 0.3, 0.5, 0.9]
    p = main_agent(x, frozen=[1, 6], exploiters=[], mains={0: [1], 5: [6, 7]})

    assert p[5] == 0
    assert p[7] == pytest.approx(0.175 * 9 / 34 + 0.075 * 0.01 / 0.26)
    assert p.sum() == pytest.approx(1)


def test_a_stronger_main_without_a_past_is_met_itself() -> None:
    assert main_agent([0.5, 0.1], frozen=[], exploiters=[], mains={0: [], 1: []}).tolist() == [0.5, 0.5]


def test_a_league_starts_with_self_play() -> None:
    assert main_agent([0.5], frozen=[], exploiters=[], mains={0: []}).tolist() == [1]


def test_a_main_exploiter_meets_the_main_agent_unless_that_is_hopeless() -> None:
    """.11 is enough; at .1 its past .5 .2: variance .25 : .16."""
    assert main_exploiter([0.11, 0.5, 0.2], mains={0: [1, 2]}).tolist() == [1, 0, 0]
    assert main_exploiter([0.1, 0.5, 0.2], mains={0: [1, 2]}) == pytest.approx([0, 25 / 41, 16 / 41])


def test_a_main_exploiter_picks_evenly_among_main_agents() -> None:
    assert main_exploiter([0.4, 0.6, 0.5], mains={0: [2], 1: []}).tolist() == [0.5, 0.5, 0]


def test_a_league_exploiter_meets_all_frozen_by_capped_pfsp() -> None:
    """.5 .5 .2 of 1.2; who is still learning is not met."""
    assert league_exploiter([0.0, 0.1, 0.4, 0.8], frozen=[1, 2, 3]) == pytest.approx([0, 5 / 12, 5 / 12, 2 / 12])


def test_players_never_met_count_as_equals() -> None:
    nan = float("nan")

    assert main_exploiter([nan, 0.5], mains={0: [1]}).tolist() == [1, 0]
    assert of_main([nan] * 5) == pytest.approx(of_main([0.5] * 5))


def test_leagues_without_anybody_to_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="a league exploiter needs a frozen player to meet, got none"):
        league_exploiter([0.5], frozen=[])
    with pytest.raises(ValueError, match="a league needs a main agent, got none"):
        main_exploiter([0.5], mains={})
