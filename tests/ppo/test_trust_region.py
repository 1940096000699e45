"""A trust-region step with the Fisher matrix ((2, .5), (.5, 1)), the gradient (1, 1) and a KL of at most .01."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from marl_ppo.ppo.trust_region import Accepted, conjugate_gradient, line_search, trust_region_step

FISHER = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
GRADIENT = torch.tensor([1.0, 1.0], dtype=torch.float64)
EXACT = [0.285714, 0.857143]


def product(v: Tensor) -> Tensor:
    return FISHER @ v


def assert_equal(got: Tensor, wanted: float | list[float]) -> None:
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), atol=1e-6, rtol=0)


def test_conjugate_gradient_takes_one_iteration_per_dimension() -> None:
    """First along g: length gᵀg / gᵀHg = 2 / 4; then exact."""
    first = conjugate_gradient(product, GRADIENT, iterations=1)

    assert_equal(first, [0.5, 0.5])
    assert_equal((GRADIENT - product(first)).norm(), 0.353553)
    assert_equal(conjugate_gradient(product, GRADIENT, iterations=2), EXACT)


def test_conjugate_gradient_ends_where_nothing_remains() -> None:
    """Further products would be divided by rounding errors: after two, or after one if .125 is near enough."""
    asked: list[Tensor] = []

    def counted(v: Tensor) -> Tensor:
        asked.append(v)
        return product(v)

    assert_equal(conjugate_gradient(counted, GRADIENT, iterations=50), EXACT)
    assert len(asked) == 2
    assert_equal(conjugate_gradient(counted, GRADIENT, iterations=50, residual_tolerance=0.13), [0.5, 0.5])
    assert len(asked) == 3


def test_conjugate_gradient_of_a_large_system_is_its_solution() -> None:
    random = torch.Generator().manual_seed(0)
    root = torch.randn(30, 30, generator=random, dtype=torch.float64)
    matrix, target = root @ root.T + torch.eye(30), torch.randn(30, generator=random, dtype=torch.float64)

    found = conjugate_gradient(lambda v: matrix @ v, target, iterations=60, residual_tolerance=1e-16)

    torch.testing.assert_close(found, torch.linalg.solve(matrix, target), atol=1e-6, rtol=0)


@pytest.mark.parametrize("curvature", [0.0, -1.0, math.nan])
def test_conjugate_gradient_does_not_follow_a_curvature_that_is_not_positive(curvature: float) -> None:
    assert_equal(conjugate_gradient(lambda v: curvature * v, GRADIENT, iterations=5), [0.0, 0.0])


def test_the_step_is_as_long_as_the_model_of_the_kl_allows() -> None:
    """xᵀHx = xᵀg = 1.142857, scale sqrt(.02 / 1.142857) = .132288, and half of stepᵀ H step is .01."""
    direction = torch.linalg.solve(FISHER, GRADIENT)
    curvature = direction @ product(direction)
    step = trust_region_step(direction, curvature, max_kl=0.01)

    assert_equal(curvature, 1.142857)
    assert_equal(step / direction, [0.132288, 0.132288])
    assert_equal(step, [0.037796, 0.113389])
    torch.testing.assert_close(0.5 * step @ product(step), torch.tensor(0.01, dtype=torch.float64))


@pytest.mark.parametrize("curvature", [0.0, -1.0, math.nan])
def test_there_is_no_step_without_curvature(curvature: float) -> None:
    assert_equal(trust_region_step(GRADIENT, torch.tensor(curvature, dtype=torch.float64), max_kl=0.01), [0.0, 0.0])


def search(measure: Callable[[float], tuple[float, float]], **over: float) -> Accepted:
    settings = {"expected": 1.0, "max_kl": 0.01, "decay": 0.5, "accept_ratio": 0.5, **over}
    return line_search(measure, steps=4, **settings)


def test_a_whole_step_that_does_what_was_promised_is_taken() -> None:
    """Just half of what was expected, and just the largest KL."""
    assert search(lambda share: (0.5, 0.01)) == (1.0, 1, 0.5, 0.01)


def test_steps_shrink_until_the_kl_is_small_enough() -> None:
    """.04 share²: .04, then .01 at a half."""
    assert search(lambda share: (share, 0.04 * share**2)) == (0.5, 2, 0.5, 0.01)


def test_steps_shrink_until_they_improve_as_promised_for_their_share() -> None:
    """share - share²: nothing at 1, a quarter at a half, where half of the expected half is just a quarter."""
    assert search(lambda share: (share - share**2, 0.0)) == (0.5, 2, 0.25, 0.0)
    assert search(lambda share: (share - share**2, 0.0), accept_ratio=0.6).share == 0.25


@pytest.mark.parametrize("measured", [(-1.0, 0.0), (1.0, 0.02), (math.nan, 0.0), (1.0, math.nan)])
def test_a_search_without_success_stays_where_it_was(measured: tuple[float, float]) -> None:
    assert search(lambda share: measured) == (0.0, 4, 0.0, 0.0)
