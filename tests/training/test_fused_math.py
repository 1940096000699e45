"""The float32 functions of the fused kernels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marl_ppo.kernels.math32 import exp, log, tanh


@pytest.mark.parametrize(
    ("fused", "exact", "low", "high"), [(exp, np.exp, -87, 88), (log, np.log, 1e-3, 1e3), (tanh, np.tanh, -20, 20)]
)
def test_functions_of_float32_are_exact_to_a_few_units(
    fused: Callable[[Any], Any], exact: Callable[[Any], Any], low: float, high: float
) -> None:
    """Within 1e-6 of the larger of 1 and the result (of the result itself for exp)."""
    points = np.linspace(low, high, 4001, dtype=np.float32)
    results = np.array([fused(x) for x in points])

    np.testing.assert_allclose(results, exact(points.astype(np.float64)), rtol=1e-6, atol=0 if fused is exp else 1e-6)


def test_functions_of_float32_keep_nan_and_vanish_far_below() -> None:
    """A forbidden choice has probability exactly 0, and a broken network shows."""
    assert exp(np.float32(-1e10)) == 0.0
    assert np.isnan(exp(np.float32(np.nan)))
    assert np.isnan(tanh(np.float32(np.nan)))
