"""Who scores how much against whom: the table that ratings, meta-solvers and pictures look at.

score    of a game between two players, from 0 to 1; in a world with one team, the team's return
first    the one of a pair that stands in the row
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.evaluation.statistics import wilson_interval
from marl_ppo.leagues.store import MatchRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoffs:
    """Games of K players against one another, both sides of a pair together."""

    names: tuple[str, ...]
    games: Array
    """int64 [K, K], symmetric"""
    totals: Array
    """float64 [K, K]: sums of the scores of the row's player"""
    squares: Array
    """float64 [K, K]: sums of their squares"""
    together: bool
    """whether both play on one team, so that both have the same score"""

    @classmethod
    def of(cls, names: Sequence[str], matches: Sequence[MatchRow], *, together: bool) -> "Payoffs":
        """Of the matches among `names`."""
        place = {name: number for number, name in enumerate(names)}
        games = np.zeros((len(names), len(names)), np.int64)
        totals, squares = np.zeros(games.shape), np.zeros(games.shape)
        for match in matches:
            if match.first not in place or match.second not in place:
                continue
            i, j = place[match.first], place[match.second]
            games[i, j] += match.games
            totals[i, j] += match.total
            squares[i, j] += match.squares
            if i != j:
                games[j, i] += match.games
                # (1 - s)² = 1 - 2 s + s²
                totals[j, i] += match.total if together else match.games - match.total
                squares[j, i] += match.squares if together else match.games - 2 * match.total + match.squares
        return cls(names=tuple(names), games=games, totals=totals, squares=squares, together=together)

    @property
    def means(self) -> Array:
        """[K, K]: mean score of the row's player; NaN for pairs that never met."""
        met = self.games > 0
        means = np.divide(self.totals, self.games, out=np.full(met.shape, np.nan), where=met)
        if not self.together:
            np.fill_diagonal(means, 0.5)
        return means

    def interval(self, i: int, j: int) -> tuple[float, float]:
        """95 % interval of a mean: Wilson's for win rates, the normal one for returns; NaN where they never met."""
        games = int(self.games[i, j])
        if not games:
            return float("nan"), float("nan")
        if not self.together:
            low, high = wilson_interval(float(self.totals[i, j]), games)
            return float(low), float(high)
        mean = self.totals[i, j] / games
        spread = max(self.squares[i, j] / games - mean**2, 0.0)
        half = 1.96 * (spread / max(games - 1, 1)) ** 0.5
        return float(mean - half), float(mean + half)
