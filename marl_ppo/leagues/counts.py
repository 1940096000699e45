"""What a learner scores lately against each player it meets; old games fade, since the learner has changed.

score   of a game, from 0 to 1: win 1, draw 1/2, loss 0
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

DECAY = 0.99
"""what a game keeps of the weight of those before it: about a hundred games of memory"""


@dataclass(slots=True)
class Count:
    """Of one learner against one player."""

    score_sum: float = 0.0
    """faded"""
    weight: float = 0.0
    """of the games, faded"""
    games: int = 0
    """each counted as one"""

    @property
    def win_rate(self) -> float:
        """1/2 where they never met: nothing is inherited from whom a player was before it was kept."""
        # Two sums of the same numbers may differ in their last bit.
        return min(self.score_sum / self.weight, 1.0) if self.weight else 0.5


class DecayedCounts:
    """Fading score sums w and weights n: w ← decay * w + score, n ← decay * n + 1 per game (Vinyals et al. 2019)."""

    def __init__(self, *, decay: float = DECAY) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay must be above 0 and at most 1, got {decay}")
        self.decay = decay
        self._counts: dict[tuple[str, str], Count] = {}

    def __getitem__(self, pair: tuple[str, str]) -> Count:
        """Of (learner, player)."""
        return self._counts.get(pair, Count())

    def add(self, learner: str, player: str, scores: ArrayLike) -> None:
        """The learner's scores [G] in the order of the games: as if they were added one by one, up to rounding."""
        s = np.atleast_1d(np.asarray(scores, np.float64))
        if not ((s >= 0) & (s <= 1)).all():
            raise ValueError(f"scores must be from 0 to 1, got {s[~((s >= 0) & (s <= 1))][:5].tolist()}")
        before, kept = self[learner, player], self.decay ** len(s)
        fading = self.decay ** np.arange(len(s) - 1, -1, -1)
        self._counts[learner, player] = Count(
            kept * before.score_sum + float(fading @ s), kept * before.weight + float(fading.sum()), before.games + len(s)
        )

    def forget(self, name: str) -> None:
        """Drop all games of a learner that has become another one, its own and those against it."""
        self._counts = {pair: count for pair, count in self._counts.items() if name not in pair}

    def items(self) -> Iterator[tuple[str, str, Count]]:
        """(learner, player, count) in the order of the first game."""
        return ((learner, player, count) for (learner, player), count in self._counts.items())

    def load(self, rows: Iterable[tuple[str, str, Count]]) -> None:
        """What `items` gave."""
        self._counts = {(learner, player): count for learner, player, count in rows}
