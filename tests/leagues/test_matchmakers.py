"""Whom each role meets, when it is kept and whether it begins anew."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.leagues.matchmakers import Opponent, View, make_matchmaker
from marl_ppo.play.bank import SELF

PAST = [Opponent(name=f"main-{n}", learner="main", role="main", live=False) for n in range(5)]
EXPLOITER = Opponent(name="exploiter-0", learner="exploiter", role="main_exploiter", live=False)
LIVE = Opponent(name="exploiter", learner="exploiter", role="main_exploiter", live=True)


def view(opponents: Sequence[Opponent] = PAST, win_rates: Sequence[float] | None = None, **changes: Any) -> View:
    rates = np.full(len(opponents), 0.5) if win_rates is None else np.array(win_rates)
    frozen = sum(not one.live for one in opponents)
    usual: dict[str, Any] = {
        "learner": "main",
        "together": False,
        "plays_everything": True,
        "opponents": opponents,
        "win_rates": rates,
        "trusted": np.ones(len(opponents), bool),
        "meta_game": lambda: np.zeros((frozen, frozen)),
        "steps": 0,
        "snapshot_steps": 100,
        "snapshot_timeout": 200,
        "beats": 0.7,
    }
    return View(**{**usual, **changes})


def distribution(name: str, seen: View, **settings: Any) -> dict[str, float]:
    return make_matchmaker(name, settings).distribution(seen)


def test_self_play_meets_nobody_else() -> None:
    assert distribution("self_play", view()) == {SELF: 1.0}


def test_fictitious_play_meets_all_of_history_alike() -> None:
    assert distribution("fictitious_play", view()) == pytest.approx({one.name: 0.2 for one in PAST})


def test_delta_uniform_meets_the_newest_part() -> None:
    """δ = .5 of 5: from place 2 on; half of the games are self-play."""
    expected = {SELF: 0.5, "main-2": 1 / 6, "main-3": 1 / 6, "main-4": 1 / 6}

    assert distribution("delta_uniform", view(), delta=0.5) == pytest.approx(expected)


def test_latest_forgets_who_came_before() -> None:
    assert distribution("latest", view(), self_play=0.6) == pytest.approx({SELF: 0.6, "main-4": 0.4})


def test_prioritised_play_meets_those_who_beat_it() -> None:
    """x = (.1, .3, .5, .7, .9), squared: (.490909, .296970, .151515, .054545, .006061)."""
    found = distribution("pfsp", view(win_rates=[0.1, 0.3, 0.5, 0.7, 0.9]), self_play=0.0)

    assert list(found.values()) == pytest.approx([0.490909, 0.296970, 0.151515, 0.054545, 0.006061], abs=1e-6)


def test_a_main_agent_verifies_against_an_exploiter_that_beats_it() -> None:
    """Half PFSP over all, 15 % the exploiter; the rest itself."""
    found = distribution("main", view([*PAST, EXPLOITER], [0.9] * 5 + [0.2]))
    everybody = 5 * 0.1**2 + 0.8**2

    assert found["exploiter-0"] == pytest.approx(0.5 * 0.8**2 / everybody + 0.15)
    assert found[SELF] == pytest.approx(0.35)
    assert sum(found.values()) == pytest.approx(1)


def test_a_win_rate_of_few_games_is_not_believed() -> None:
    """Without trust the exploiter counts as even, so nothing is verified."""
    few = view([*PAST, EXPLOITER], [0.5] * 5 + [0.0], trusted=np.zeros(6, bool))

    assert distribution("main", few)["exploiter-0"] == pytest.approx(0.5 / 6)


@pytest.mark.parametrize("name", ["main", "pfsp", "league_exploiter"])
def test_one_lucky_game_changes_nothing(name: str) -> None:
    lucky = view(win_rates=[1.0, 0.5, 0.5, 0.5, 0.5], trusted=np.zeros(5, bool))

    assert distribution(name, lucky) == distribution(name, view())


def test_psro_is_refused_where_there_is_no_game_to_solve() -> None:
    for seen in (view(together=True), view(plays_everything=False)):
        with pytest.raises(ConfigError, match=r"psro solves games of two teams .* use pfsp or fictitious_play"):
            distribution("psro", seen)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("main", {"pfsp": 0.9, "verification": 0.2}, r"pfsp and verification must be .* together at most 1, got 0\.9, 0\.2"),
        ("delta_uniform", {"delta": 2.0}, r"delta must be at least 0 and at most 1, got 2\.0"),
        ("delta_uniform", {"self_play": -0.1}, r"self_play must be at least 0 and at most 1, got -0\.1"),
        ("pfsp", {"self_play": 1.5}, r"self_play must be at least 0 and at most 1, got 1\.5"),
        ("partners", {"self_play": 0.6, "learning": 0.6}, r"self_play and learning and anchors .* got 0\.6, 0\.6, 0\.0"),
        ("league_exploiter", {"reset": 2.0}, r"reset must be at least 0 and at most 1, got 2\.0"),
    ],
)
def test_shares_that_are_none_are_refused(name: str, settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_matchmaker(name, settings)


def test_a_main_exploiter_meets_the_main_agent_unless_that_is_hopeless() -> None:
    """At 10 % or less it meets its past instead, equals first: x(1 - x) of .5, .5, 1, 1, 1."""
    main = Opponent(name="main", learner="main", role="main", live=True)
    able = view([*PAST, main], [0.5, 0.5, 1, 1, 1, 0.11], learner="exploiter")
    hopeless = view([*PAST, main], [0.5, 0.5, 1, 1, 1, 0.1], learner="exploiter")

    assert distribution("main_exploiter", able) == {"main": 1.0}
    assert distribution("main_exploiter", hopeless) == pytest.approx({"main-0": 0.5, "main-1": 0.5})


def test_an_exploiter_without_anybody_to_exploit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'exploiter' is a main_exploiter, but nobody else learns who is no exploiter"):
        distribution("main_exploiter", view(learner="exploiter"))


def test_a_league_exploiter_meets_everybody_and_nobody_too_rarely() -> None:
    """(.263158, .263158, .263158, .157895, .052632)"""
    found = distribution("league_exploiter", view(win_rates=[0.1, 0.3, 0.5, 0.7, 0.9]))

    assert list(found.values()) == pytest.approx([0.263158, 0.263158, 0.263158, 0.157895, 0.052632], abs=1e-6)


def test_a_policy_space_response_meets_the_meta_nash() -> None:
    """Rock, paper and scissors, after which two more rocks change nothing for the meta-game's value."""
    rps = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])

    assert distribution("psro", view(PAST[:3], meta_game=lambda: rps)) == pytest.approx({one.name: 1 / 3 for one in PAST[:3]})
    assert distribution("psro", view(PAST[:2], meta_game=lambda: rps[:2, :2])) == pytest.approx({"main-1": 1.0})


def test_partners_play_with_themselves_with_those_who_learn_and_with_all_who_were_kept() -> None:
    expected = {SELF: 0.4, "main-0": 0.15, "exploiter-0": 0.15, "exploiter": 0.3}

    assert distribution("partners", view([PAST[0], EXPLOITER, LIVE]), self_play=0.4, learning=0.3) == pytest.approx(expected)
    assert distribution("partners", view([LIVE]), self_play=0.4, learning=0.4) == pytest.approx({SELF: 0.5, "exploiter": 0.5})
    script = Opponent(name="scripted", learner="", role="", live=False)
    assert distribution("partners", view([PAST[0], script]), self_play=0.4, learning=0.1, anchors=0.5) == pytest.approx(
        {SELF: 0.4, "scripted": 0.5, "main-0": 0.1}
    )
    assert distribution("partners", view([EXPLOITER]), self_play=0.4) == pytest.approx({SELF: 0.4, "exploiter-0": 0.6})


@pytest.mark.parametrize(
    "name",
    ["self_play", "fictitious_play", "delta_uniform", "pfsp", "main", "league_exploiter", "psro", "partners"],
)
def test_a_learner_with_an_empty_league_meets_itself(name: str) -> None:
    assert distribution(name, view([])) == {SELF: 1.0}


@pytest.mark.parametrize("name", ["self_play", "fictitious_play", "delta_uniform", "pfsp", "main"])
def test_one_that_plays_a_single_team_meets_those_of_the_other(name: str) -> None:
    """Chasers never sit on both sides: before anybody was kept, they meet the prey as they are now."""
    prey = Opponent(name="prey", learner="prey", role="main", live=True)

    assert distribution(name, view([prey], plays_everything=False)) == {"prey": 1.0}


@pytest.mark.parametrize("name", ["pfsp", "main", "league_exploiter"])
def test_who_beats_everybody_is_kept_early_and_all_are_kept_in_time(name: str) -> None:
    matchmaker = make_matchmaker(name, {})

    assert matchmaker.trigger(view(win_rates=[0.71] * 5, steps=100)) == "skill"
    assert matchmaker.trigger(view(win_rates=[0.71] * 5, steps=99)) is None
    assert matchmaker.trigger(view(win_rates=[0.71] * 4 + [0.7], steps=199)) is None
    assert matchmaker.trigger(view(win_rates=[0.71] * 5, trusted=np.zeros(5, bool), steps=199)) is None
    assert matchmaker.trigger(view(win_rates=[0.0] * 5, steps=200)) == "timeout"


def test_a_main_agent_may_play_itself_more_often() -> None:
    """Nobody was forgotten: what verification does not need is self-play, too."""
    found = distribution("main", view(win_rates=[0.9] * 5), pfsp=0.2, verification=0.1)

    assert found == pytest.approx({SELF: 0.8, **{one.name: 0.04 for one in PAST}})


def test_exploiters_begin_anew_and_main_agents_never_do() -> None:
    chances, seen = np.linspace(0, 0.99, 100), view()

    assert all(make_matchmaker("main", {}).resets(u, seen) is None for u in chances)
    assert all(make_matchmaker("main_exploiter", {}).resets(u, seen) == SELF for u in chances)
    assert [make_matchmaker("league_exploiter", {}).resets(u, seen) for u in chances].count(SELF) == 25


def test_an_exploiter_may_begin_as_a_main_agent_is_now() -> None:
    mains = [Opponent(name=name, learner=name, role="main", live=True) for name in ("ada", "ben")]
    matchmaker = make_matchmaker("main_exploiter", {"begins_as": "main"})
    seen = view([*PAST, *mains])

    assert [matchmaker.resets(u, seen) for u in (0.0, 0.49, 0.51, 0.99)] == ["ada", "ada", "ben", "ben"]


def test_unknown_matchmakers_and_settings_are_named() -> None:
    with pytest.raises(UnknownNameError, match="max_entropy_nash"):
        make_matchmaker("psro", {"meta_solver": "entropy_nash"})
    with pytest.raises(UnknownNameError, match="main_exploiter"):
        make_matchmaker("main_exploter", {})
    with pytest.raises(ConfigError, match=r"matchmaker 'pfsp' has the unknown setting 'powr'; did you mean 'power'"):
        make_matchmaker("pfsp", {"powr": 2})
