"""How strong everybody is, as one number each: ratings that follow game by game, and a fit to all games at once.

A rating hides cycles, so show it beside the payoffs and their transitive share (`marl_ppo.leagues.analysis`).

online  `Ratings`: OpenSkill's Plackett-Luce model (Weng and Lin 2011, JMLR 12, algorithm 4) with Elo beside it. Both depend
        on the order of the games: rate them in one fixed order
fit     `fit_elo`: the Bradley-Terry model's most likely Elo ratings for given counts, whatever the order
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_ppo.evaluation.statistics import Interval

if TYPE_CHECKING:
    from openskill.models import PlackettLuce

Z_95 = 1.96
"""standard deviations on each side that hold 95 % of a normal distribution"""
ELO_START = 1200.0
ELO_K = 32.0
ELO_PER_LOGIT = 400 / math.log(10)
"""points by which a player is ahead whose odds of winning are e"""
PRIOR_DEVIATION = 1000.0
"""Elo points: the belief about a player before its first game, worth about an eighth of a game between equals"""


@dataclass(frozen=True, slots=True)
class Rating:
    """One player's standing."""

    mu: float = 25.0
    """skill, on OpenSkill's scale"""
    sigma: float = 25.0 / 3.0
    """doubt about mu"""
    elo: float = ELO_START
    games: int = 0
    """rated so far"""

    @property
    def interval(self) -> Interval:
        """mu ± 1.96 sigma: where the model believes the skill to be with 95 %.

        A belief under the model's assumptions (one number per player, games in this order), not a confidence interval: it
        does not hold the truth in 95 % of leagues, and games after games it narrows to a floor, never to nothing.
        """
        return Interval(self.mu - Z_95 * self.sigma, self.mu + Z_95 * self.sigma)

    @property
    def conservative(self) -> float:
        """mu - 3 sigma, which leaderboards sort by: a player has to have shown its skill."""
        return self.mu - 3 * self.sigma


class Ratings:
    """The ratings of all players by id. Who was never rated has the rating of a beginner.

    `anchors` are players whose mu, sigma and Elo stay as given, scripted ones say: they tie the scales of leagues that
    never met, and keep a scale from drifting. Theirs is no zero-sum update: what is won from them comes from nowhere.
    """

    def __init__(self, anchors: Mapping[str, Rating] | None = None) -> None:
        self._ratings: dict[str, Rating] = dict(anchors or {})
        self._anchors = frozenset(self._ratings)
        self._model: PlackettLuce | None = None

    def __getitem__(self, player: str) -> Rating:
        return self._ratings.get(player, Rating())

    def __len__(self) -> int:
        return len(self._ratings)

    def rate(self, first: str, second: str, score: float) -> None:
        """One game of two players; `score` of the first: above 1/2 a win, 1/2 a draw, below a loss."""
        self.rate_teams([[first], [second]], [score, 1 - score])

    def rate_teams(self, teams: Sequence[Sequence[str]], outcomes: Sequence[float]) -> None:
        """One game of two or more teams; a higher outcome places better, equal ones draw.

        Raises ValueError for a player who is in a game twice: playing oneself says nothing about skill.
        """
        players = [player for team in teams for player in team]
        if len(set(players)) < len(players):
            raise ValueError(f"a player cannot be rated against itself, got teams {[list(team) for team in teams]}")
        if len(outcomes) != len(teams) or len(teams) < 2:
            raise ValueError(f"a rated game needs two teams or more and an outcome each, got {len(teams)} and {len(outcomes)}")
        model = self._model = self._model or _plackett_luce()
        before = [[self[player] for player in team] for team in teams]
        ranks = [float(sum(other > outcome for other in outcomes)) for outcome in outcomes]
        after = model.rate([[model.rating(mu=r.mu, sigma=r.sigma) for r in team] for team in before], ranks=ranks)
        changes = elo_changes([[r.elo for r in team] for team in before], outcomes)
        for team, old, new, change in zip(teams, before, after, changes, strict=True):
            for player, was, now in zip(team, old, new, strict=True):
                if player in self._anchors:
                    self._ratings[player] = replace(was, games=was.games + 1)
                else:
                    self._ratings[player] = Rating(now.mu, now.sigma, was.elo + change, was.games + 1)

    def leaderboard(self) -> list[tuple[str, Rating]]:
        """All rated players, best conservative rating first, equal ones by id."""
        return sorted(self._ratings.items(), key=lambda item: (-item[1].conservative, item[0]))

    def state(self) -> dict[str, dict[str, float]]:
        """Plain numbers for storage, exact in JSON too; `load` takes them back."""
        return {player: asdict(rating) for player, rating in self._ratings.items()}

    @classmethod
    def load(cls, state: Mapping[str, Mapping[str, float]], *, anchors: Collection[str] = ()) -> Self:
        """Ratings as `state` gave them, bit for bit; those of `anchors` stay as they are from here on."""
        ratings = cls()
        ratings._anchors = frozenset(anchors)
        ratings._ratings = {
            player: Rating(float(fields["mu"]), float(fields["sigma"]), float(fields["elo"]), int(fields["games"]))
            for player, fields in state.items()
        }
        return ratings


def elo_expected(rating: float, opponent: float) -> float:
    """The score that Elo expects: 1 / (1 + 10 ** ((opponent - rating) / 400))."""
    return 1 / (1 + 10 ** ((opponent - rating) / 400))


def elo_changes(teams: Sequence[Sequence[float]], outcomes: Sequence[float], *, k: float = ELO_K) -> list[float]:
    """What each team's members gain in one game, from their ratings; a higher outcome places better, equal ones draw.

    A team counts as its members' mean. Among n teams every pair counts as a game with k / (n - 1).
    """
    means = [sum(team) / len(team) for team in teams]
    share = k / (len(teams) - 1)
    return [
        share
        * sum(
            (0.5 if own == other else float(own > other)) - elo_expected(mean, opponent)
            for j, (opponent, other) in enumerate(zip(means, outcomes, strict=True))
            if j != i
        )
        for i, (mean, own) in enumerate(zip(means, outcomes, strict=True))
    ]


class EloFit(NamedTuple):
    """K players, in Elo points."""

    ratings: NDArray[np.float64]
    """[K]: the anchor's is `ELO_START`, or the mean of all where there is none"""
    standard_errors: NDArray[np.float64]
    """[K], of the distance to the anchor, or to the mean of all"""

    @property
    def low(self) -> NDArray[np.float64]:
        """[K], lower ends of the 95 % intervals."""
        return self.ratings - Z_95 * self.standard_errors

    @property
    def high(self) -> NDArray[np.float64]:
        """[K], upper ends."""
        return self.ratings + Z_95 * self.standard_errors


def fit_elo(score_sums: ArrayLike, *, anchor: int | None = None, prior_deviation: float = PRIOR_DEVIATION) -> EloFit:
    """Most likely Elo ratings under the Bradley-Terry model, P(i beats j) = expected Elo score, draws as half a win each.

    `score_sums` [K, K] holds wins and half of the draws of i against j, both sides together, as
    `Payoffs.totals` does; the diagonal is left out. A normal prior around the common mean keeps players
    finite who never lost or never met anybody; its pull is felt below about ten games. Errors are those of the curvature
    at the optimum, the Fisher information of the games and the prior, hence too wide where draws are common, too narrow
    where cycles make the model wrong.
    """
    s = np.array(score_sums, np.float64)
    if s.ndim != 2 or s.shape[0] != s.shape[1] or not s.size:
        raise ValueError(f"score_sums must be [K, K] with at least one player, got shape {list(s.shape)}")
    if not (np.isfinite(s).all() and (s >= 0).all()):
        raise ValueError("score_sums must be finite and not negative: 0 for pairs that never met")
    np.fill_diagonal(s, 0)
    games = s + s.T
    players = len(s)
    precision = (ELO_PER_LOGIT / prior_deviation) ** 2
    skill = np.zeros(players)
    goal = _log_posterior(skill, s, precision)
    for _ in range(100):
        expected = _sigmoid(skill[:, None] - skill[None])
        gradient = (s - games * expected).sum(1) - precision * skill
        step = np.linalg.solve(_curvature(games, expected, precision), gradient)
        # The goal is concave, so halving finds a better point; far from the optimum a full step may jump over it.
        length = 1.0
        while (reached := _log_posterior(skill + length * step, s, precision)) < goal and length > 1e-9:
            length /= 2
        skill, goal = skill + length * step, reached
        if np.abs(step).max() < 1e-10:
            break
    covariance = np.linalg.inv(_curvature(games, _sigmoid(skill[:, None] - skill[None]), precision))
    origin = np.full(players, 1 / players) if anchor is None else np.eye(players)[anchor]
    distances = np.eye(players) - origin
    deviations = np.sqrt(np.maximum(np.diag(distances @ covariance @ distances.T), 0))
    return EloFit(ELO_START + ELO_PER_LOGIT * (skill - origin @ skill), ELO_PER_LOGIT * deviations)


def _log_posterior(skill: NDArray[np.float64], s: NDArray[np.float64], precision: float) -> float:
    """Up to a constant."""
    ahead = skill[:, None] - skill[None]
    return float(-(s * np.logaddexp(0, -ahead)).sum() - precision / 2 * skill @ skill)


def _curvature(games: NDArray[np.float64], expected: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    """Minus the second derivatives of the log-posterior [K, K]."""
    weight = games * expected * (1 - expected)
    return np.diag(weight.sum(1) + precision) - weight


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def _plackett_luce() -> "PlackettLuce":
    from openskill.models import PlackettLuce

    return PlackettLuce()
