"""The loss terms. Worked numbers at clip_coef .2 and value_clip .2."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from marl_ppo.ppo.losses import (
    clipped_surrogate,
    is_clipped,
    lenient_surrogate,
    masked_mean,
    normalize_advantages,
    value_loss,
)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(
    ("ratio", "advantage", "surrogate", "slope"),
    [
        (1.5, 1.0, 1.2, 0.0),
        (0.5, 1.0, 0.5, 1.0),
        (1.5, -1.0, -1.5, -1.0),
        (0.5, -1.0, -0.8, 0.0),
        (1.1, 2.0, 2.2, 2.0),
        (6.0, -1.0, -6.0, -1.0),
    ],
)
def test_the_clip_takes_away_what_a_larger_step_would_gain(
    ratio: float, advantage: float, surrogate: float, slope: float
) -> None:
    """min(ratio A, clip(ratio, .8, 1.2) A); flat where the clip holds, so nothing pulls further."""
    moving = number(ratio).requires_grad_()
    got = clipped_surrogate(moving, number(advantage), clip_coef=0.2)
    got.backward()

    torch.testing.assert_close(got.detach(), number(surrogate))
    torch.testing.assert_close(moving.grad, number(slope))


@pytest.mark.parametrize(
    ("ratio", "advantage", "surrogate", "slope"),
    [(6.0, -1.0, -3.0, 0.0), (1.5, -1.0, -1.5, -1.0), (6.0, 1.0, 1.2, 0.0), (0.5, 1.0, 0.5, 1.0)],
)
def test_the_dual_clip_bounds_the_loss_of_a_ratio_that_ran_away(
    ratio: float, advantage: float, surrogate: float, slope: float
) -> None:
    """At least 3 A where A < 0; positive advantages are untouched."""
    moving = number(ratio).requires_grad_()
    got = clipped_surrogate(moving, number(advantage), clip_coef=0.2, dual_clip=3.0)
    got.backward()

    torch.testing.assert_close(got.detach(), number(surrogate))
    torch.testing.assert_close(moving.grad, number(slope))


def test_an_unmoved_policy_has_the_plain_policy_gradient() -> None:
    """At ratio 1 both sides of the minimum are equal: the slope is A, the clip fraction 0."""
    ratio = torch.ones(3, dtype=torch.float64, requires_grad=True)
    advantages = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    clipped_surrogate(ratio, advantages, clip_coef=0.2, dual_clip=3.0).sum().backward()

    torch.testing.assert_close(ratio.grad, advantages)
    assert not is_clipped(ratio.detach(), clip_coef=0.2).any()


def test_a_lenient_surrogate_counts_bad_news_at_their_weight() -> None:
    """Weight .1, clip .2. A = 2 stays: 1.1 * 2 and 1.2 * 2. A = -2 counts as -.2: 1.5 * -.2 and .8 * -.2, clipped from .5."""
    ratio, advantages = torch.tensor([1.1, 1.5, 1.5, 0.5]), torch.tensor([2.0, 2.0, -2.0, -2.0])
    surrogate = lenient_surrogate(ratio, advantages, clip_coef=0.2, negative_weight=0.1)

    torch.testing.assert_close(surrogate, torch.tensor([2.2, 2.4, -0.3, -0.16]))


def test_a_lenient_surrogate_of_weight_1_is_the_clipped_one() -> None:
    ratio, advantages = torch.tensor([0.5, 1.0, 4.0]), torch.tensor([-1.0, 2.0, -3.0])
    lenient = lenient_surrogate(ratio, advantages, clip_coef=0.2, dual_clip=3.0, negative_weight=1.0)

    torch.testing.assert_close(lenient, clipped_surrogate(ratio, advantages, clip_coef=0.2, dual_clip=3.0))


def test_the_clip_fraction_counts_ratios_outside_the_clip() -> None:
    """.5 .3 .2 became .4 .4 .2: ratios .8, 1.33 and 1 for 5, 3 and 2 of 10 decisions; only 1.33 is outside: .3."""
    ratio = torch.tensor([0.4 / 0.5] * 5 + [0.4 / 0.3] * 3 + [1.0] * 2, dtype=torch.float64)

    torch.testing.assert_close(is_clipped(ratio, clip_coef=0.2).double().mean(), number(0.3))


@pytest.mark.parametrize(
    ("value", "target", "clipped", "unclipped"),
    [(1.0, 2.0, 0.845, 0.5), (1.0, 0.6, 0.08, 0.08), (0.4, 0.0, 0.08, 0.08)],
)
def test_the_value_clip_takes_the_larger_loss(value: float, target: float, clipped: float, unclipped: float) -> None:
    """Old value .5, so V = 1 counts as .7: half of max((1 - 2)², (.7 - 2)²) = .845."""
    values, returns, old_values = number(value), number(target), number(0.5)

    torch.testing.assert_close(value_loss(values, returns, old_values, value_clip=0.2), number(clipped))
    torch.testing.assert_close(value_loss(values, returns), number(unclipped))


def test_the_value_clip_without_old_values_is_refused() -> None:
    with pytest.raises(ValueError, match=r"value_clip=0.2 needs old_values"):
        value_loss(number(1.0), number(0.0), value_clip=0.2)


@pytest.mark.parametrize("delta", [0.5, 10.0])
def test_the_huber_loss_agrees_with_torch_in_value_and_gradient(delta: float) -> None:
    """Quadratic within delta, linear beyond it."""
    errors = torch.linspace(-30, 30, 61, dtype=torch.float64)
    ours, theirs = errors.clone().requires_grad_(), errors.clone().requires_grad_()
    loss = value_loss(ours, torch.zeros_like(ours), huber_delta=delta)
    reference = torch.nn.functional.huber_loss(theirs, torch.zeros_like(theirs), reduction="none", delta=delta)
    loss.sum().backward()
    reference.sum().backward()

    torch.testing.assert_close(loss, reference)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_value_clip_applies_to_the_huber_loss_too() -> None:
    """V = 1 counts as .7; error 1.3 beyond delta 1: 1 * (1.3 - .5) = .8."""
    loss = value_loss(number(1.0), number(2.0), number(0.5), value_clip=0.2, huber_delta=1.0)

    torch.testing.assert_close(loss, number(0.8))


def test_a_masked_mean_divides_by_what_counts() -> None:
    """(1 + 3) / 2; a NaN in a masked-out place changes nothing; nothing at all is 0."""
    terms = torch.tensor([1.0, torch.nan, 3.0])

    assert masked_mean(terms, torch.tensor([True, False, True])) == 2.0
    assert masked_mean(terms, torch.zeros(3, dtype=torch.bool)) == 0.0
    assert masked_mean(torch.tensor([1.0, 2.0])) == 1.5


def test_no_gradient_reaches_what_is_masked_out() -> None:
    terms = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    masked_mean(terms, torch.tensor([True, False, True])).backward()

    assert terms.grad is not None
    assert terms.grad.tolist() == [0.5, 0.0, 0.5]


def test_advantages_are_normalised_by_the_populations_deviation() -> None:
    """1 2 3 4: mean 2.5, variance 1.25 (not 1.67, the sample's)."""
    advantages = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    wanted = torch.tensor([-1.341641, -0.447214, 0.447214, 1.341641], dtype=torch.float64)

    torch.testing.assert_close(normalize_advantages(advantages), wanted, atol=1e-6, rtol=0)


def test_masked_advantages_take_no_part_in_the_normalisation() -> None:
    """1 2 _ 4: mean 7/3, variance 14/9."""
    advantages = torch.tensor([1.0, 2.0, torch.nan, 4.0], dtype=torch.float64)
    wanted = torch.tensor([-1.069045, -0.267261, 0.0, 1.336306], dtype=torch.float64)
    got = normalize_advantages(advantages, torch.tensor([True, True, False, True]))

    torch.testing.assert_close(got, wanted, atol=1e-6, rtol=0)


def test_a_single_advantage_is_not_normalised_away() -> None:
    advantages = torch.tensor([5.0, 7.0])

    assert normalize_advantages(torch.tensor([5.0])).tolist() == [5.0]
    assert normalize_advantages(advantages, torch.tensor([False, True])).tolist() == [0.0, 7.0]


def test_equal_advantages_become_zero_and_not_nan() -> None:
    assert normalize_advantages(torch.full((4,), 0.25)).tolist() == [0.0] * 4


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.floats(0.5, 50), st.floats(-50, 50))
def test_normalised_advantages_forget_scale_and_offset(advantages: list[float], scale: float, offset: float) -> None:
    original = torch.tensor(advantages, dtype=torch.float64)
    if original.std(correction=0) < 1e-2:
        return
    moved = normalize_advantages(scale * original + offset)

    torch.testing.assert_close(moved, normalize_advantages(original), atol=1e-5, rtol=0)
