"""The largest step of a policy that stays near the old one: Schulman et al. 2015 (arXiv:1502.05477), appendix C.

H          the Fisher matrix, the second derivative of KL(old || new) at the old policy; known by its products only
direction  x with H x = g, the natural gradient of an objective with gradient g
step       the direction, as long as the quadratic model of the KL, ½ stepᵀ H step, allows

Axes: P parameters.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Product = Callable[[Float[Tensor, " P"]], Float[Tensor, " P"]]
"""v → H v"""


def conjugate_gradient(
    product: Product, gradient: Float[Tensor, " P"], *, iterations: int, residual_tolerance: float = 1e-10
) -> Float[Tensor, " P"]:
    """x with H x ≈ gradient, for a symmetric positive definite H, from x = 0: Hestenes and Stiefel 1952.

    Ends before `iterations` where |gradient - H x|² falls below `residual_tolerance`, or H is not positive along the
    way. Exact after P iterations but for rounding.
    """
    x = torch.zeros_like(gradient)
    residual, way = gradient.clone(), gradient.clone()
    remaining = residual @ residual
    for _ in range(iterations):
        if remaining < residual_tolerance:
            break
        along = product(way)
        curvature = way @ along
        if not curvature > 0:
            break
        length = remaining / curvature
        x += length * way
        residual -= length * along
        before, remaining = remaining, residual @ residual
        way = residual + (remaining / before) * way
    return x


def trust_region_step(direction: Float[Tensor, " P"], curvature: Float[Tensor, ""], *, max_kl: float) -> Float[Tensor, " P"]:
    """sqrt(2 max_kl / curvature) * direction, where `curvature` is directionᵀ H direction; 0 where there is none."""
    return torch.where(curvature > 0, (2 * max_kl / curvature).sqrt() * direction, 0.0)


class Accepted(NamedTuple):
    """What a line search ended with."""

    share: float
    """of the whole step; 0 where no share was acceptable"""
    tries: int
    improvement: float
    kl: float


def line_search(
    measure: Callable[[float], tuple[float, float]],
    *,
    expected: float,
    max_kl: float,
    steps: int,
    decay: float,
    accept_ratio: float,
) -> Accepted:
    """The first of the shares 1, decay, decay² ... of a step that keeps the KL and improves as promised.

    `measure(share)` gives (improvement, kl) there. A share is accepted where kl is at most `max_kl` and the improvement
    at least `accept_ratio * share * expected`; `expected` is what the gradient promises of the whole step. With numbers
    that are not finite it is not.
    """
    share = 1.0
    for tries in range(1, steps + 1):
        improvement, kl = measure(share)
        if kl <= max_kl and improvement >= accept_ratio * share * expected:
            return Accepted(share, tries, improvement, kl)
        share *= decay
    return Accepted(0.0, steps, 0.0, 0.0)
