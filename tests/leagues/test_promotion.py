"""A test that may be looked at after every game."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_ppo.leagues.promotion import STAKES, SequentialTest


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def first_pass(test: SequentialTest, scores: list[float]) -> float:
    """Number of scores after which it passed; infinite if it never did."""
    for score in scores:
        if test.add(score):
            return test.scores
    return math.inf


def test_a_win_grows_each_gambler_by_its_stake() -> None:
    """One win: the mean of 1 + λ; then a loss: the mean of 1 - λ²; a draw changes nothing."""
    test = SequentialTest()
    test.add([1, 0.5])
    assert test.e_value == pytest.approx(1 + np.mean(STAKES))
    test.add(0)

    assert test.e_value == pytest.approx(1 - np.mean(np.square(STAKES)))
    assert test.p_value == pytest.approx(1 / (1 + np.mean(STAKES)))
    assert test.mean == pytest.approx(0.5)


def test_bets_on_an_equal_gain_nothing_on_average() -> None:
    """Over all 2 ** 8 sequences of wins and losses, alike in chance, the capital has mean 1; at win rate .45 less."""
    fair = unfair = 0.0
    for scores in itertools.product([0, 1], repeat=8):
        test = SequentialTest()
        test.add(scores)
        fair += test.e_value / 2**8
        unfair += test.e_value * 0.45 ** sum(scores) * 0.55 ** (8 - sum(scores))

    assert fair == pytest.approx(1)
    assert unfair < 0.95


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize(
    "values",
    [[0.0, 1.0], [0.0, 0.5, 0.5, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0]],
    ids=["wins and losses", "half draws", "means over both sides"],
)
def test_a_copy_is_promoted_in_alpha_of_the_cases_at_most_however_often_one_looks(values: list[float], alpha: float) -> None:
    """1000 copies, looked at after each of 1000 games, stopped at the best moment; two standard errors are allowed."""
    draws = generator(7).choice(values, size=(1000, 1000))
    promoted = sum(SequentialTest(alpha).add(scores) for scores in draws)

    assert promoted / 1000 <= alpha + 2 * math.sqrt(alpha * (1 - alpha) / 1000)


def test_looking_at_a_fixed_test_after_every_game_would_promote_copies() -> None:
    """The control: a z-test at 5 % passes at some moment for far more than 5 % of the same copies."""
    scores = generator(7).choice([0.0, 1.0], size=(1000, 1000))
    games = np.arange(1, 1001)
    z = (np.cumsum(scores, axis=1) - games / 2) / np.sqrt(games / 4)

    assert (z[:, 20:] > 1.645).any(axis=1).mean() > 0.25


@pytest.mark.parametrize(("win_rate", "games"), [(0.55, 850), (0.6, 260), (0.7, 80), (1.0, 12)])
def test_a_better_challenger_is_promoted_soon(win_rate: float, games: int) -> None:
    """On average over 100 challengers, and all of them within 4000 games."""
    needed = [first_pass(SequentialTest(0.05), list(row)) for row in generator(3).random((100, 4000)) < win_rate]

    assert np.mean(needed) < games


def test_a_promotion_stands() -> None:
    test = SequentialTest()
    test.add(np.ones(20))
    test.add(np.zeros(500))

    assert test.passed
    assert test.e_value < 0.05


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(0, 40))
def test_scores_may_come_in_any_portions(scores: list[float], cut: int) -> None:
    whole, parts = SequentialTest(), SequentialTest()
    whole.add(scores)
    parts.add(scores[:cut])
    parts.add(scores[cut:])

    assert parts.e_value == pytest.approx(whole.e_value)
    assert parts.peak == pytest.approx(whole.peak)
    assert parts.scores == whole.scores == len(scores)


def test_a_test_survives_json_to_the_last_bit() -> None:
    test = SequentialTest(0.01)
    test.add([1, 1, 0.5, 0, 1])
    loaded = SequentialTest.load(json.loads(json.dumps(test.state())))
    test.add(0.75)
    loaded.add(0.75)

    assert loaded.state() == test.state()


def test_what_is_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must be from 0 to 1, got \[-1\.0\]"):
        SequentialTest().add([-1, 1])
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, got 0"):
        SequentialTest(0)
