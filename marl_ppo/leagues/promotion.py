"""Whether a challenger is better than the champion: a test that may be looked at after every game.

A gambler with capital 1 bets on the challenger before each score x in [0, 1]; a stake λ turns capital c into
c (1 + λ (2 x - 1)). If the challenger is no better, no bet gains on average, so with a chance of at most alpha does the
capital ever reach 1 / alpha, however long one plays and whenever one stops (Ville 1939): reaching it is the proof.

Shafer 2021, "Testing by betting"; Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
betting" (arXiv:2010.09686), section 4.
"""

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

STAKES = (0.03, 0.06, 0.12, 0.24, 0.48, 0.9)
"""The capital is split evenly over gamblers of these stakes, since the best stake, 2 * mean - 1 for wins and losses, is not
known. Whatever it is, one of them is near, and the split costs at most a factor of six in capital."""


class SequentialTest:
    """Of "the challenger's mean score against the champion is at most 1/2" at level `alpha`.

    Scores must have mean 1/2 for equal players whatever came before. Where a side or a seed is worth something, give one
    score per seed: the mean over both sides. To give up early on a challenger, run a second test on 1 - score.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
        self.alpha = alpha
        self.scores = 0
        """seen so far"""
        self.score_sum = 0.0
        self.peak = 0.0
        """log of the largest capital so far"""
        self._gains: NDArray[np.float64] = np.zeros(len(STAKES))
        """log capital of each gambler"""

    def add(self, scores: ArrayLike) -> bool:
        """Take scores [S] of the challenger in the order they came, each in [0, 1]; returns `passed`."""
        x = np.atleast_1d(np.asarray(scores, np.float64))
        if not ((x >= 0) & (x <= 1)).all():
            raise ValueError(f"scores must be from 0 to 1, got {x[~((x >= 0) & (x <= 1))][:5].tolist()}")
        if len(x):
            gains = self._gains + np.cumsum(np.log1p(np.multiply.outer(2 * x - 1, STAKES)), axis=0)
            self._gains = gains[-1]
            self.peak = max(self.peak, float(_log_mean(gains).max()))
        self.scores += len(x)
        self.score_sum += float(x.sum())
        return self.passed

    @property
    def mean(self) -> float:
        """Score so far; 1/2 before the first."""
        return self.score_sum / self.scores if self.scores else 0.5

    @property
    def e_value(self) -> float:
        """The capital now: 1 at the start, and not above 1 on average for a challenger that is no better."""
        return math.exp(float(_log_mean(self._gains)))

    @property
    def p_value(self) -> float:
        """Anytime-valid: 1 / the largest capital so far."""
        return math.exp(-self.peak)

    @property
    def passed(self) -> bool:
        """Whether the challenger was shown to be better; once it was, it stays so."""
        return self.peak >= -math.log(self.alpha)

    def state(self) -> dict[str, float | int | list[float]]:
        """Plain numbers for storage, exact in JSON too; `load` takes them back."""
        return {
            "alpha": self.alpha,
            "scores": self.scores,
            "score_sum": self.score_sum,
            "peak": self.peak,
            "gains": self._gains.tolist(),
        }

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> Self:
        """A test as `state` gave it, bit for bit."""
        test = cls(state["alpha"])
        test.scores, test.score_sum, test.peak = state["scores"], state["score_sum"], state["peak"]
        test._gains = np.array(state["gains"], np.float64)
        return test


def _log_mean(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """log of the gamblers' mean capital, over the last axis."""
    return np.logaddexp.reduce(gains, axis=-1) - math.log(len(STAKES))
