"""KL estimators on a policy that moved from .5 .3 .2 to .4 .4 .2, and what steers by them."""

import pytest
import torch
from torch import Tensor

from marl_ppo.ppo.kl import adapted_learning_rate, adapted_penalty, categorical_kl, kl_k1, kl_k2, kl_k3, should_stop

OLD = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
NEW = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64)
LOGRATIO = NEW.log() - OLD.log()
EXACT = 0.025267154


def assert_equal(got: Tensor, wanted: float | list[float]) -> None:
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), atol=1e-6, rtol=0)


def test_the_exact_divergence_sums_over_all_actions() -> None:
    """.5 log(.5 / .4) + .3 log(.3 / .4) + 0."""
    assert_equal(categorical_kl(OLD.log(), NEW.log()), EXACT)
    assert_equal(categorical_kl(OLD.log(), OLD.log()), 0.0)


def test_an_illegal_action_adds_nothing_to_the_divergence() -> None:
    """Masked heads give it the logprob -1e10."""
    illegal = torch.tensor([-1e10], dtype=torch.float64)

    assert_equal(categorical_kl(torch.cat([OLD.log(), illegal]), torch.cat([NEW.log(), illegal])), EXACT)


def test_the_estimators_per_action() -> None:
    assert_equal(kl_k1(LOGRATIO), [0.223144, -0.287682, 0.0])
    assert_equal(kl_k3(LOGRATIO), [0.023144, 0.045651, 0.0])


def test_k1_and_k3_are_unbiased_and_k2_is_not() -> None:
    """Expectations over actions of the old policy."""
    assert_equal((OLD * kl_k1(LOGRATIO)).sum(), EXACT)
    assert_equal((OLD * kl_k3(LOGRATIO)).sum(), EXACT)
    assert_equal((OLD * kl_k2(LOGRATIO)).sum(), 0.024862407)


def test_k3_has_two_hundred_times_less_variance_than_k1() -> None:
    def variance(estimates: Tensor) -> Tensor:
        return (OLD * estimates.square()).sum() - (OLD * estimates).sum().square()

    assert_equal(variance(kl_k1(LOGRATIO)), 0.049086)
    assert_equal(variance(kl_k3(LOGRATIO)), 0.000255)


def test_k3_keeps_its_digits_for_tiny_steps() -> None:
    """About logratio² / 2 = 5e-9, which exp(x) - 1 in float32 would lose."""
    assert kl_k3(torch.tensor(1e-4)).item() == pytest.approx(5e-9, rel=0.05)


def test_an_update_stops_beyond_one_and_a_half_times_its_target() -> None:
    assert should_stop(0.016, target_kl=0.01)
    assert not should_stop(0.014, target_kl=0.01)
    assert not should_stop(99.0, target_kl=None)


@pytest.mark.parametrize(("kl", "beta"), [(0.005, 0.5), (0.01, 1.0), (0.02, 2.0)])
def test_the_penalty_follows_the_divergence(kl: float, beta: float) -> None:
    """Target .01 from beta 1: halved below .00667, doubled above .015."""
    assert adapted_penalty(1.0, kl, target_kl=0.01) == beta


@pytest.mark.parametrize(
    ("learning_rate", "kl", "wanted"),
    [
        (3e-4, 0.017, 2e-4),
        (3e-4, 0.003, 4.5e-4),
        (3e-4, 0.008, 3e-4),
        (1.2e-6, 1.0, 1e-6),
        (9e-3, 0.0, 1e-2),
    ],
)
def test_the_learning_rate_follows_the_divergence_within_its_bounds(learning_rate: float, kl: float, wanted: float) -> None:
    """Target .008: divided by 1.5 above .016, times 1.5 below .004, kept between; never outside 1e-6 to 1e-2."""
    assert adapted_learning_rate(learning_rate, kl) == pytest.approx(wanted)
