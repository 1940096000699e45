"""What was met and how it ended: counts per ordered pair of players, which grow as players join.

score            of i in a game against j, in [0, 1]: win 1, draw 1/2, loss 0
`DecayedCounts`  what a learner scores lately; old games fade, since the learner has changed
`PayoffCounts`   all games of players that do not change, for ratings and meta-solvers
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_ppo.evaluation.statistics import wilson_interval

DECAY = 0.99
"""what a game keeps of the weight of those before it: about a hundred games of memory"""
TRUSTED_GAMES = 30
"""games of a pair before its win rate may decide anything"""


class DecayedCounts:
    """Fading score sums w and weights n of K players: w ← decay * w + score, n ← decay * n + 1 (Vinyals et al. 2019).

    A game counts for both: what is added for (i, j) is added for (j, i) with 1 - score. A new player starts without any
    games, hence at win rate 1/2; nothing is inherited from a parent.
    """

    def __init__(self, players: int = 0, *, decay: float = DECAY, trusted_games: int = TRUSTED_GAMES) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay must be above 0 and at most 1, got {decay}")
        self.decay = decay
        self.trusted_games = trusted_games
        self.score_sums: NDArray[np.float64] = np.zeros((players, players))
        """[K, K], faded"""
        self.weights: NDArray[np.float64] = np.zeros((players, players))
        """[K, K], faded"""
        self.games: NDArray[np.int64] = np.zeros((players, players), np.int64)
        """[K, K], each counted as one"""

    @property
    def players(self) -> int:
        """K."""
        return len(self.games)

    def grow(self, players: int) -> None:
        """Make room for `players` in all."""
        added = _added(self.players, players)
        self.score_sums, self.weights = _padded(self.score_sums, added), _padded(self.weights, added)
        self.games = _padded(self.games, added)

    def add(self, i: int, j: int, scores: ArrayLike) -> None:
        """Scores [G] of i against j, in the order of the games.

        Equal to adding them one by one, up to rounding: the game that G - 1 - g others follow is faded by
        decay ** (G - 1 - g). Games of a player against itself say nothing and are left out.
        """
        s = _scores(scores)
        if i == j or not len(s):
            return
        fading = self.decay ** np.arange(len(s) - 1, -1, -1)
        kept = self.decay ** len(s)
        for pair, own in (((i, j), s), ((j, i), 1 - s)):
            self.score_sums[pair] = kept * self.score_sums[pair] + fading @ own
            self.weights[pair] = kept * self.weights[pair] + fading.sum()
            self.games[pair] += len(s)

    def clear(self, i: int) -> None:
        """Forget all games of player i, who has become another one: a learner that was reset."""
        for counts in (self.score_sums, self.weights, self.games):
            counts[i, :] = counts[:, i] = 0

    def win_rates(self, *, trusted_only: bool = False) -> NDArray[np.float64]:
        """[K, K]; 1/2 for pairs that never met, and with `trusted_only` for those without enough games too."""
        known = self.trusted() if trusted_only else self.weights > 0
        return np.divide(self.score_sums, self.weights, out=np.full(self.weights.shape, 0.5), where=known)

    def win_rate(self, i: int, j: int) -> float:
        """Of i against j; 1/2 if they never met."""
        return float(self.score_sums[i, j] / self.weights[i, j]) if self.weights[i, j] > 0 else 0.5

    def trusted(self) -> NDArray[np.bool_]:
        """[K, K]: the pairs with enough games for their win rate to decide anything."""
        return self.games >= max(self.trusted_games, 1)

    def arrays(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """All counts, for a checkpoint; `load` takes them back."""
        return {"score_sums": self.score_sums.copy(), "weights": self.weights.copy(), "games": self.games.copy()}

    @classmethod
    def load(cls, arrays: Mapping[str, ArrayLike], *, decay: float = DECAY, trusted_games: int = TRUSTED_GAMES) -> Self:
        """Counts as `arrays` gave them."""
        counts = cls(decay=decay, trusted_games=trusted_games)
        counts.score_sums = np.array(arrays["score_sums"], np.float64)
        counts.weights = np.array(arrays["weights"], np.float64)
        counts.games = np.array(arrays["games"], np.int64)
        return counts


class PayoffCounts:
    """Wins, draws and losses of K players, by who took the first side: `[i, j]` are i's, on the first side, against j.

    The ordered counts keep what a side is worth; rates and intervals add both sides up.
    """

    def __init__(self, players: int = 0) -> None:
        self.wins: NDArray[np.int64] = np.zeros((players, players), np.int64)
        """[K, K], of the first"""
        self.draws: NDArray[np.int64] = np.zeros((players, players), np.int64)
        """[K, K]"""
        self.losses: NDArray[np.int64] = np.zeros((players, players), np.int64)
        """[K, K], of the first"""

    @property
    def players(self) -> int:
        """K."""
        return len(self.wins)

    @property
    def games(self) -> NDArray[np.int64]:
        """[K, K]."""
        return self.wins + self.draws + self.losses

    @property
    def score_sums(self) -> NDArray[np.float64]:
        """[K, K], of the first."""
        return self.wins + self.draws / 2

    def grow(self, players: int) -> None:
        """Make room for `players` in all."""
        added = _added(self.players, players)
        self.wins, self.draws, self.losses = (_padded(counts, added) for counts in (self.wins, self.draws, self.losses))

    def add(self, i: int, j: int, scores: ArrayLike) -> None:
        """Scores [G] of i, on the first side, against j: each 0, 1/2 or 1; their order does not matter."""
        s = _scores(scores)
        wins, draws, losses = (int((s == score).sum()) for score in (1, 0.5, 0))
        if wins + draws + losses < len(s):
            raise ValueError(f"payoffs count wins (1), draws (0.5) and losses (0), got scores {np.unique(s)[:5].tolist()}")
        self.wins[i, j] += wins
        self.draws[i, j] += draws
        self.losses[i, j] += losses

    def symmetric(self) -> "PayoffCounts":
        """Both sides together: what i won, j lost."""
        both = PayoffCounts()
        both.wins, both.draws, both.losses = self.wins + self.losses.T, self.draws + self.draws.T, self.losses + self.wins.T
        return both

    def win_rates(self) -> NDArray[np.float64]:
        """[K, K], both sides together; NaN for pairs that never met, 1/2 on the diagonal, played or not."""
        both = self.symmetric()
        met = both.games > 0
        rates = np.divide(both.score_sums, both.games, out=np.full(met.shape, np.nan), where=met)
        np.fill_diagonal(rates, 0.5)
        return rates

    def intervals(self, *, confidence: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(low, high) [K, K] of the win rates: Wilson's, NaN for pairs that never met and on the diagonal.

        A draw counts as half a win, which makes them wider than they need be where draws are common.
        """
        both = self.symmetric()
        games, score_sums = both.games, both.score_sums
        low, high = np.full((2, *games.shape), np.nan)
        for i, j in np.argwhere(np.triu(games, 1) > 0):
            low[i, j], high[i, j] = wilson_interval(float(score_sums[i, j]), int(games[i, j]), confidence=confidence)
            low[j, i], high[j, i] = 1 - high[i, j], 1 - low[i, j]
        return low, high

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """All counts, for a checkpoint; `load` takes them back."""
        return {"wins": self.wins.copy(), "draws": self.draws.copy(), "losses": self.losses.copy()}

    @classmethod
    def load(cls, arrays: Mapping[str, ArrayLike]) -> Self:
        """Counts as `arrays` gave them."""
        counts = cls()
        counts.wins, counts.draws, counts.losses = (np.array(arrays[name], np.int64) for name in ("wins", "draws", "losses"))
        return counts


def _scores(scores: ArrayLike) -> NDArray[np.float64]:
    s = np.atleast_1d(np.asarray(scores, np.float64))
    if not ((s >= 0) & (s <= 1)).all():
        raise ValueError(f"scores must be from 0 to 1, got {s[~((s >= 0) & (s <= 1))][:5].tolist()}")
    return s


def _added(players: int, wanted: int) -> int:
    if wanted < players:
        raise ValueError(f"counts only grow: {players} players are known, got {wanted}")
    return wanted - players


def _padded(counts: NDArray[Any], added: int) -> NDArray[Any]:
    return np.pad(counts, (0, added))
