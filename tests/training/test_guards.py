"""Every guard raises its alarm at its symptom, once until it has gone, and keeps still just short of it."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import make_world
from marl_ppo.training.guards import (
    TREND_UPDATES,
    Guard,
    Guards,
    entropy_collapse,
    gradient_explosion,
    policy_divergence,
    reward_hacking,
    value_failure,
)


def healthy(**symptoms: float) -> dict[str, float]:
    """A policy's metrics in a training that goes well, but for the symptoms."""
    well = {
        "approx_kl": 0.01,
        "ratio_max": 1.5,
        "clipfrac": 0.1,
        "entropy": 1.2,
        "max_entropy": float(np.log(5)),
        "explained_variance": 0.6,
        "actor_grad_norm": 0.3,
        "critic_grad_norm": 0.5,
        "skipped_steps": 0.0,
        "decisions": 600.0,
    }
    return well | symptoms


def alarms(guard: Guard, seen: Iterable[dict[str, float]], progress: float = 0.5) -> list[str | None]:
    return [guard(metrics, progress) for metrics in seen]


@pytest.mark.parametrize(
    ("symptom", "first"),
    [({"approx_kl": 0.051}, 2), ({"ratio_max": 10.1}, 0), ({"clipfrac": 0.41}, 0)],
    ids=["KL", "ratio", "clipped share"],
)
def test_a_policy_that_runs_away_is_told(symptom: dict[str, float], first: int) -> None:
    """A KL above .05 with its third update running; a ratio above 10 or more than .4 clipped with the first."""
    told = alarms(policy_divergence(), [healthy(**symptom)] * 3)

    assert [text is None for text in told] == [update < first for update in range(3)]
    assert "the policy moves far in one update" in str(told[2])
    assert "lower ppo.learning-rate or ppo.update-epochs, or set ppo.target-kl" in str(told[2])
    assert "lower trpo.max-kl" in str(policy_divergence("trpo")(healthy(ratio_max=10.1), 0.5))


def test_a_policy_that_moves_as_it_should_is_not_told() -> None:
    """Right at each bound, and above the KL's twice but not three times running."""
    edge = healthy(approx_kl=0.05, ratio_max=10.0, clipfrac=0.4)
    high = healthy(approx_kl=0.06)

    assert alarms(policy_divergence(), [edge] * 5 + [high, high, edge] * 5) == [None] * 20


def test_a_policy_that_stops_exploring_early_is_told() -> None:
    """Five choices: log 5 = 1.609 nats at most, of which 5 % are .0805; told until 30 % of the budget."""
    guard = entropy_collapse()

    assert "the policy stopped exploring (entropy 0.080): raise ppo.ent-coef" in str(guard(healthy(entropy=0.0804), 0.29))
    assert guard(healthy(entropy=0.0806), 0.29) is None
    assert guard(healthy(entropy=0.0804), 0.31) is None


def test_entropy_of_continuous_actions_has_no_most_to_compare_with() -> None:
    """It may be negative in a healthy training."""
    assert entropy_collapse()(healthy(entropy=-3.0, max_entropy=-np.inf), 0.1) is None


def test_steps_skipped_before_a_run_was_resumed_are_not_told_again() -> None:
    """Three before; a fourth is news."""
    guard = gradient_explosion(skipped_steps=3)

    assert guard(healthy(skipped_steps=3.0), 0.5) is None
    assert "1 gradient steps were not finite" in str(guard(healthy(skipped_steps=4.0), 0.5))


def test_a_critic_worse_than_a_constant_for_twenty_updates_is_told() -> None:
    bad, good = healthy(explained_variance=-0.01), healthy(explained_variance=0.0)
    told = alarms(value_failure(), [bad] * 20)

    assert told[:19] == [None] * 19
    assert "the critic predicts worse than a constant (explained_variance -0.01" in str(told[19])
    assert alarms(value_failure(), ([bad] * 19 + [good]) * 2) == [None] * 40


@pytest.mark.parametrize("network", ["actor", "critic"])
def test_a_gradient_a_hundred_times_its_usual_norm_is_told(network: str) -> None:
    """The median of ten updates is 1: 101 is told, 99 is not, and before there are ten nothing is usual."""
    name = f"{network}_grad_norm"
    usual = [healthy(**{name: norm}) for norm in (0.5, 1.0, 1.5, 1.0, 1.0, 0.1, 9.0, 1.0, 1.0, 1.0)]
    guard = gradient_explosion()
    told = alarms(guard, [*usual, healthy(**{name: 99.0}), healthy(**{name: 101.0})])

    assert told[:11] == [None] * 11
    assert f"the {network}'s gradient jumped to 101 times its usual norm: lower ppo.learning-rate" in str(told[11])
    assert alarms(gradient_explosion(), [*usual[:9], healthy(**{name: 1e9})]) == [None] * 10


def test_skipped_steps_are_told_with_their_number_when_there_are_new_ones() -> None:
    """The count is of the whole run: 0, 2, 2, 5 are no, two, no and three new ones."""
    told = alarms(gradient_explosion(), [healthy(skipped_steps=float(count)) for count in (0, 2, 2, 5)])

    assert [None if text is None else text.split(" were ")[0] for text in told] == [
        None,
        "2 gradient steps",
        None,
        "3 gradient steps",
    ]


def test_a_norm_that_is_no_number_does_not_blind_the_guard() -> None:
    """The median of what is usual leaves it out."""
    guard = gradient_explosion()
    seen = [healthy()] * 10 + [healthy(actor_grad_norm=float("nan"))] * 60 + [healthy(actor_grad_norm=3000.0)]

    assert "jumped to 10000 times" in str(alarms(guard, seen)[-1])


def run(returns: Any, **metrics: Any) -> list[dict[str, float]]:
    """What a run tells, update by update."""
    columns = {"return/agents": returns} | {f"metric/{name}": values for name, values in metrics.items()}
    return [dict(zip(columns, map(float, row), strict=True)) for row in zip(*columns.values(), strict=True)]


RISING = np.linspace(0.0, 1.0, TREND_UPDATES)
NOISE = np.random.default_rng(0).normal(size=TREND_UPDATES)
FLAT = np.zeros(TREND_UPDATES)


@pytest.mark.parametrize(
    ("success", "errors"),
    [(-RISING, FLAT), (FLAT, RISING), (-RISING + 0.3 * NOISE, NOISE)],
    ids=["the good falls", "the bad rises", "with noise"],
)
def test_a_return_that_rises_while_the_task_gets_worse_is_told(success: Any, errors: Any) -> None:
    """Told with the hundredth update, not before: fewer do not make a trend."""
    guard = reward_hacking("agents", {"success": True, "errors": False})
    told = alarms(guard, run(RISING + 0.3 * NOISE, success=success, errors=errors))

    assert told[:-1] == [None] * (TREND_UPDATES - 1)
    assert "the reward pays for something else than the task" in str(told[-1])


@pytest.mark.parametrize(
    ("returns", "success", "errors"),
    [
        (RISING, RISING, FLAT),
        (RISING, FLAT, FLAT),
        (RISING, RISING, RISING),
        (-RISING, -RISING, RISING),
        (NOISE, -RISING, RISING),
        (RISING, NOISE, NOISE),
    ],
    ids=["both rise", "the task waits", "more success, more errors", "both fall", "no trend in return", "none in the task"],
)
def test_a_return_that_rises_with_the_task_is_not_told(returns: Any, success: Any, errors: Any) -> None:
    """Agents that begin to reach their landmarks also begin to bump: one thing that gets better is enough."""
    guard = reward_hacking("agents", {"success": True, "errors": False})

    assert alarms(guard, run(returns, success=success, errors=errors)) == [None] * TREND_UPDATES


def test_an_update_without_finished_episodes_says_nothing_of_the_task() -> None:
    guard = reward_hacking("agents", {"success": True})
    seen = run(RISING, success=-RISING)

    assert alarms(guard, [{"episodes": 0.0}, *seen, {"episodes": 0.0}])[-2] is not None
    assert guard({"episodes": 0.0}, 0.5) is None


def test_an_alarm_is_raised_once_until_its_sign_has_gone() -> None:
    """Ill, ill, well, ill: told twice, each time by the guard's name; well-being and other guards' names are not told."""
    guards = Guards.of_policy()
    ill = healthy(clipfrac=0.9)
    told = [list(guards.look(metrics, 0.5)) for metrics in (ill, ill, healthy(), ill)]

    assert told == [["policy divergence"], [], [], ["policy divergence"]]


def test_a_policy_has_these_guards() -> None:
    """All at once: each of them is there."""
    guards = Guards.of_policy()
    ill = healthy(clipfrac=0.9, entropy=0.01, explained_variance=-1.0, skipped_steps=1.0)
    told = guards.look(ill, 0.1).keys()
    for _ in range(19):
        told |= guards.look(ill, 0.1).keys()

    assert told == {"policy divergence", "entropy collapse", "value failure", "gradient"}


@pytest.mark.parametrize(("world", "watched"), [("spread", True), ("waits", True), ("tag", False), ("kuhn", False)])
def test_reward_is_held_against_the_task_where_one_team_plays(world: str, watched: bool) -> None:
    """Where two teams play, nobody says whose success a metric is."""
    spec = make_world(world).spec
    better = {f"metric/{name}": 1.0 if metric.higher_is_better else -1.0 for name, metric in spec.metrics.items()}
    guards = Guards.of_run(spec)
    told = [
        guards.look({f"return/{team}": value for team in spec.teams} | {k: -s * value for k, s in better.items()}, 0.5)
        for value in RISING
    ]

    assert any(told) == watched
