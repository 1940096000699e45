"""Draws from a copy's stream. `used` counts the numbers taken so far; who draws counts on."""

import numpy as np
from numba import njit

from marl_ppo.envs.seeds import uniform


@njit(cache=True, nogil=True, inline="always")
def below(key: np.uint64, used: np.uint64, count: int) -> int:
    """A whole number from 0 to `count` - 1, each as likely."""
    return int(uniform(key, used) * count)
