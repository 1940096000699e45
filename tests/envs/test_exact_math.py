"""exp, log1p, sin and cos against exact arithmetic, at their edges, and bit for bit without the compiler."""

import math
import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest

from marl_ppo.envs import exact_math

BOUND_ULP = 0.85
"""measured on 80,000 arguments each: exp 0.83, log1p 0.81, sin 0.77, cos 0.74"""
NUMPY = {"exp": np.exp, "log1p": np.log1p, "sin": np.sin, "cos": np.cos}


def arguments(name: str, count: int) -> np.ndarray:
    """Over the whole range of each function, and dense where the particle worlds use it."""
    rng = np.random.default_rng(7)
    any_size = 10.0 ** rng.uniform(-300, 300, count)
    if name == "exp":
        return np.concatenate([rng.uniform(-708, 709, count), rng.uniform(-40, 1, count), -1.0 / any_size[:count]])
    if name == "log1p":
        near_minus_one = -1.0 + 10.0 ** rng.uniform(-15, 0, count)
        return np.concatenate([rng.uniform(0, 1, count), any_size, near_minus_one, 10.0 ** rng.uniform(-3, 3, count)])
    quarters = np.round(rng.uniform(-600_000, 600_000, count)) * (math.pi / 2)
    limit = exact_math.LARGEST_ANGLE_RAD
    return np.concatenate([rng.uniform(-10, 10, count), rng.uniform(-limit, limit, count), quarters])


@pytest.mark.parametrize("name", NUMPY)
def test_the_error_is_less_than_one_unit_in_the_last_place(name: str) -> None:
    """Against 200 bits of precision."""
    ours, exact = getattr(exact_math, name), getattr(mpmath, name)
    worst = 0.0
    with mpmath.workprec(200):
        for x in arguments(name, 1000).tolist():
            true = exact(mpmath.mpf(x))
            worst = max(worst, float(abs(mpmath.mpf(ours(x)) - true)) / math.ulp(float(true)))

    assert worst < BOUND_ULP


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_agrees_over_wide_ranges(name: str) -> None:
    """To 4 units in the last place, numpy's own bound, except where 1e-16 of absolute error is all there is to see."""
    x = arguments(name, 20_000)
    ours = np.array([getattr(exact_math, name)(value) for value in x.tolist()])

    np.testing.assert_allclose(ours, NUMPY[name](x), rtol=4 * 2.0**-52, atol=1e-300)


def test_exp_at_its_edges() -> None:
    assert exact_math.exp(0.0) == 1.0
    assert exact_math.exp(710.0) == math.inf
    assert exact_math.exp(-math.inf) == 0.0
    assert exact_math.exp(-746.0) == 0.0
    assert exact_math.exp(-745.0) == 5e-324
    assert exact_math.exp(709.782712893384) < math.inf
    assert math.isnan(exact_math.exp(math.nan))


def test_results_under_the_normal_range_are_rounded_once() -> None:
    """Between 2**-1074 and 2**-1022 a unit is 2**-1074, so the error stays below one of these."""
    for x in np.linspace(-745.0, -708.5, 400).tolist():
        with mpmath.workprec(200):
            error = abs(mpmath.mpf(exact_math.exp(x)) - mpmath.exp(mpmath.mpf(x)))

            assert error < 5e-324


def test_log1p_at_its_edges() -> None:
    assert exact_math.log1p(0.0) == 0.0
    assert exact_math.log1p(1e-320) == 1e-320
    assert exact_math.log1p(-1.0) == -math.inf
    assert exact_math.log1p(math.inf) == math.inf
    assert math.isnan(exact_math.log1p(-1.5))
    assert math.isnan(exact_math.log1p(math.nan))


def test_angles_too_large_to_mean_anything_give_nan() -> None:
    assert math.isnan(exact_math.sin(2.0**20 + 1.0))
    assert math.isnan(exact_math.cos(-(2.0**20) - 1.0))
    assert math.isnan(exact_math.cos(math.inf))
    assert exact_math.sin(0.0) == 0.0
    assert exact_math.cos(0.0) == 1.0


DIGEST = """
import hashlib
import numpy as np
from marl_ppo.envs import exact_math, make_world

digest = hashlib.sha256()
rng = np.random.default_rng(3)
for x in rng.uniform(-30.0, 30.0, 2000).tolist():
    values = [exact_math.exp(x), exact_math.log1p(abs(x)), exact_math.sin(x), exact_math.cos(x)]
    digest.update(np.array(values, np.float64).tobytes())
for world_id in ("spread", "speaker_listener", "reference", "tag", "adversary"):
    world = make_world(world_id, num_envs=3, action="continuous")
    outputs = world.reset(np.arange(3, dtype=np.uint64))
    world.bodies.position[:] *= 0.3  # crowded, so that bodies touch
    for _ in range(20):
        shapes = [(3, len(group.agents), *group.action_shape) for group in world.spec.groups]
        outputs = world.step([rng.uniform(0, 1, shape).astype(np.float32) for shape in shapes])
        for array in (*outputs.arrays().values(), world.bodies.position, world.bodies.velocity):
            digest.update(array.tobytes())
print(digest.hexdigest())
"""


def test_compiled_and_uncompiled_kernels_give_the_same_bits() -> None:
    """No fused multiply-add, no reordering: the compiler may only make it fast."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "NUMBA_DISABLE_JIT": disable},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for disable in ("0", "1")
    ]

    assert len(digests[0].strip()) == 64
    assert digests[0] == digests[1]
