"""Coefficients that change over a run, as frozen functions of its progress, so that a resumed run needs no state."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

REMAINING: Mapping[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
}
"""by the name used in configs: the share of the way from end to start that is left at a progress in [0, 1]"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A number that goes from `start` to `end`: `Schedule("linear", 3e-4)(progress)`."""

    shape: str
    """constant, linear or cosine"""
    start: float
    end: float = 0.0
    """reached at progress 1; a constant stays at its start"""

    def __post_init__(self) -> None:
        if self.shape not in REMAINING:
            raise ValueError(f"no schedule is called {self.shape!r}; use one of {', '.join(REMAINING)}")

    def __call__(self, progress: float) -> float:
        """The value after a share `progress` of the run, 0 at its start; past 1 it stays at the end."""
        remaining = REMAINING[self.shape](min(max(progress, 0.0), 1.0))
        return self.end + (self.start - self.end) * remaining
