"""Ratings; worked numbers by hand for Elo, by OpenSkill 6.2.0 and its paper's formulas for mu and sigma."""

import json

import numpy as np
import pytest

from marl_ppo.leagues.ratings import ELO_PER_LOGIT, Rating, Ratings, elo_changes, elo_expected, fit_elo


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def standing(ratings: Ratings, player: str) -> tuple[float, float]:
    return ratings[player].mu, ratings[player].sigma


def test_a_win_moves_both_players_and_lessens_the_doubt() -> None:
    ratings = Ratings()
    ratings.rate("a", "b", 1)

    assert standing(ratings, "a") == pytest.approx((27.635389, 8.065901), abs=1e-6)
    assert standing(ratings, "b") == pytest.approx((22.364611, 8.065901), abs=1e-6)


def test_a_draw_of_equals_only_lessens_the_doubt() -> None:
    ratings = Ratings()
    ratings.rate("a", "b", 0.5)

    assert ratings["a"].mu == pytest.approx(ratings["b"].mu)
    assert ratings["a"].sigma == pytest.approx(ratings["b"].sigma)
    assert ratings["a"].sigma < 25 / 3


def test_three_in_one_match_are_rated_by_their_places() -> None:
    ratings = Ratings()
    ratings.rate_teams([["a"], ["b"], ["c"]], [3, 2, 1])

    assert standing(ratings, "a") == pytest.approx((27.869049, 8.205243), abs=1e-6)
    assert standing(ratings, "b") == pytest.approx((25.717262, 8.058224), abs=1e-6)
    assert standing(ratings, "c") == pytest.approx((21.413689, 8.058224), abs=1e-6)


def test_members_of_a_team_share_its_win() -> None:
    ratings = Ratings()
    ratings.rate_teams([["a", "b"], ["c", "d"]], [0, -1])

    assert standing(ratings, "a") == standing(ratings, "b") == pytest.approx((26.964295, 8.177963), abs=1e-6)
    assert standing(ratings, "c") == standing(ratings, "d") == pytest.approx((23.035705, 8.177963), abs=1e-6)


def test_leaderboards_sort_by_what_was_shown() -> None:
    """mu - 3 sigma: b wins once, 27.64 - 24.20 = 3.44; a wins three times; c, who lost all, is last."""
    ratings = Ratings()
    for winner in ("a", "a", "a", "b"):
        ratings.rate(winner, "c", 1)

    assert [player for player, _ in ratings.leaderboard()] == ["a", "b", "c"]
    assert ratings["b"].conservative == pytest.approx(ratings["b"].mu - 3 * ratings["b"].sigma)
    assert Rating().conservative == 0


def test_the_interval_is_mu_and_two_deviations() -> None:
    """25 ± 1.96 * 25 / 3."""
    assert Rating().interval == pytest.approx((8.6667, 41.3333), abs=1e-4)


def test_an_anchor_stays_where_it_is() -> None:
    anchored = Ratings(anchors={"random": Rating(mu=10.0, sigma=1.0, elo=800.0)})
    for _ in range(3):
        anchored.rate("a", "random", 0)

    assert anchored["random"] == Rating(10.0, 1.0, 800.0, games=3)
    assert anchored["a"].mu < 25
    again = Ratings.load(anchored.state(), anchors=["random"])
    again.rate("a", "random", 1)
    assert again["random"].mu == 10


def test_ratings_survive_json_to_the_last_bit() -> None:
    ratings = Ratings()
    for score in (1, 0.5, 0, 1):
        ratings.rate("a", "b", score)
    loaded = Ratings.load(json.loads(json.dumps(ratings.state())))

    assert loaded.leaderboard() == ratings.leaderboard()
    assert len(loaded) == 2


def test_who_was_never_rated_is_a_beginner_off_the_leaderboard() -> None:
    ratings = Ratings()

    assert ratings["anybody"] == Rating()
    assert ratings.leaderboard() == []


def test_elo_expects_a_score_from_the_difference() -> None:
    """1 / (1 + 10 ** -.5) = .759747."""
    assert elo_expected(1200, 1000) == pytest.approx(0.759747, abs=1e-6)
    assert elo_expected(1000, 1200) == pytest.approx(1 - 0.759747, abs=1e-6)


@pytest.mark.parametrize(("score", "change"), [(1, 7.688098), (0.5, -8.311902), (0, -24.311902)])
def test_elo_moves_by_the_surprise(score: float, change: float) -> None:
    """1200 against 1000, K = 32: 32 * (score - .759747); what one gains the other loses."""
    assert elo_changes([[1200], [1000]], [score, 1 - score]) == pytest.approx([change, -change], abs=1e-6)


def test_elo_among_many_counts_every_pair_a_little() -> None:
    """1500 1400 1300 placed second, first, third, K / 2 each pair."""
    changes = elo_changes([[1500], [1400], [1300]], [2, 3, 1])

    assert changes == pytest.approx([-6.396991, 16.0, -9.603009], abs=1e-6)
    assert sum(changes) == pytest.approx(0)


def test_a_team_counts_as_its_mean_in_elo() -> None:
    """1300 and 1100 play as 1200."""
    assert elo_changes([[1300, 1100], [1000]], [1, 0]) == pytest.approx(elo_changes([[1200], [1000]], [1, 0]))


def test_games_move_elo_too() -> None:
    ratings = Ratings()
    ratings.rate("a", "b", 1)

    assert ratings["a"].elo == 1216
    assert ratings["b"] == Rating(ratings["b"].mu, ratings["b"].sigma, 1184.0, 1)


def test_two_players_fit_to_the_odds_of_their_games() -> None:
    """75 of 100: odds 3, 400 log10(3) = 190.85 apart; a quarter of the logit's variance each: 1 / (100 * .75 * .25)."""
    fit = fit_elo([[0, 75], [25, 0]], prior_deviation=1e6)

    assert fit.ratings == pytest.approx([1200 + 95.4243, 1200 - 95.4243], abs=1e-3)
    assert fit.standard_errors == pytest.approx([ELO_PER_LOGIT * np.sqrt(1 / 18.75) / 2] * 2, rel=1e-4)
    assert fit.low[0] == pytest.approx(fit.ratings[0] - 1.96 * fit.standard_errors[0])


def test_the_prior_holds_back_who_won_all_its_games() -> None:
    """Ten wins of ten at 1000 Elo points: 10 (1 - sigmoid(2 s)) = s (.4 / log 10)² at s = 2.449885 logits."""
    fit = fit_elo([[0, 10], [0, 0]], prior_deviation=1000)
    s = (fit.ratings[0] - 1200) / ELO_PER_LOGIT

    assert s == pytest.approx(2.449885, abs=1e-6)


def test_an_anchor_is_the_origin_of_a_fit() -> None:
    """The same games from player 1's view: 190.85 above, with all of the error in the distance."""
    fit = fit_elo([[0, 75], [25, 0]], anchor=1, prior_deviation=1e6)

    assert fit.ratings == pytest.approx([1200 + 190.8485, 1200], abs=1e-3)
    assert fit.standard_errors == pytest.approx([ELO_PER_LOGIT * np.sqrt(1 / 18.75), 0], rel=1e-4)


def test_a_fit_finds_the_ratings_that_made_the_games_within_its_errors() -> None:
    """Twelve players over 800 points, 60 games a pair: normal errors, hence a mean square near 1 over 20 leagues."""
    truth = np.linspace(-400, 400, 12)
    p = 1 / (1 + 10 ** ((truth[None] - truth[:, None]) / 400))
    rows, columns = np.triu_indices(12, 1)
    squares = []
    for seed in range(20):
        wins = np.zeros((12, 12))
        wins[rows, columns] = generator(seed).binomial(60, p[rows, columns])
        wins[columns, rows] = 60 - wins[rows, columns]
        fit = fit_elo(wins)
        squares.append(((fit.ratings - 1200 - truth) / fit.standard_errors) ** 2)

    assert np.mean(squares) == pytest.approx(1, abs=0.25)


def test_a_fit_does_not_ask_for_the_order_of_the_games_and_joins_both_sides() -> None:
    """40 wins of 50 on one side and 50 draws on the other: 65 of 100."""
    fit = fit_elo([[0, 65], [35, 0]], prior_deviation=1e6)

    assert fit.ratings[0] - fit.ratings[1] == pytest.approx(400 * np.log10(65 / 35), abs=1e-3)


def test_who_never_lost_or_never_met_anybody_has_a_finite_rating_with_a_wide_error() -> None:
    fit = fit_elo([[0, 1000, 0], [0, 0, 0], [0, 0, 0]])

    assert np.isfinite(fit.ratings).all()
    assert fit.ratings[0] > fit.ratings[2] > fit.ratings[1]
    assert fit.standard_errors[2] > 500
    assert fit_elo([[0.0]]).ratings.tolist() == [1200]


def test_what_cannot_be_rated_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot be rated against itself, got teams \[\['a'\], \['a'\]\]"):
        Ratings().rate("a", "a", 1)
    with pytest.raises(ValueError, match="needs two teams or more and an outcome each, got 2 and 1"):
        Ratings().rate_teams([["a"], ["b"]], [1])
    with pytest.raises(ValueError, match=r"score_sums must be \[K, K\] with at least one player, got shape \[1, 2\]"):
        fit_elo([[1, 2]])
    with pytest.raises(ValueError, match="finite and not negative"):
        fit_elo([[0, -1], [1, 0]])
