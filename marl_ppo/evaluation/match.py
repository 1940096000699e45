"""Matches: players meet on the same held-out seeds, each of them from every side.

lineup    which player plays each team: indices into the players, in the order of the teams
rotation  one of T lineups of T players over T teams; each player plays each team in one of them
balanced  every seed was played by all rotations, so that what a side is worth adds equally to all players and cancels
score     1 for first place, 1/k where k teams share it, else 0; the players' scores of an episode add up to 1. With two
          teams it is win + ½ draw. Equal players have 1/T each
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import Recorded, Summary, evaluate_paired
from marl_ppo.evaluation.statistics import Interval, wilson_interval
from marl_ppo.play.seating import Player, playable_teams

Progress = Callable[[int, int], Any]
"""told (episodes done, of how many)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one player did against the others.

    The Wilson intervals take the episodes as independent. They are wide rather than narrow where a seed's luck lies with a
    side, since both sides of it were played, and for scores with draws, which vary less than wins and losses do.
    """

    wins: int
    draws: int
    losses: int
    win_rate: float
    win_interval: Interval
    score: float
    score_interval: Interval

    @classmethod
    def of(cls, scores: Array) -> "Standing":
        """Of the scores of its episodes, of any shape."""
        wins, episodes = int((scores == 1).sum()), scores.size
        return cls(
            wins=wins,
            draws=int(((scores > 0) & (scores < 1)).sum()),
            losses=int((scores == 0).sum()),
            win_rate=wins / episodes,
            win_interval=wilson_interval(wins, episodes),
            score=float(scores.mean()),
            score_interval=wilson_interval(float(scores.sum()), episodes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResult:
    """S seeds, each played by L lineups over T teams."""

    spec: WorldSpec
    players: tuple[str, ...]
    """no two alike"""
    lineups: tuple[tuple[int, ...], ...]
    """[L][T]; where the world has one team, each player plays it alone, in a lineup of its own"""
    seed: int
    dropped: int
    """episodes left out, because they faulted or because another lineup's episode on their seed did"""
    returns: Array
    """float64 [S, L, T]: mean per-agent return of each team"""
    outcomes: Array
    """float64 [S, L, T]; zeros for worlds without the capability `outcomes`"""
    metrics: dict[str, Array]
    """float64 [S, L]"""
    lengths: Array
    """int64 [S, L], world steps"""
    recordings: tuple[Recorded, ...] = ()
    """[L][S] if they were recorded"""

    @property
    def episodes(self) -> int:
        return int(self.returns.shape[0] * self.returns.shape[1])

    @property
    def balanced(self) -> bool:
        """Whether every player played every team equally often."""
        return len(self.lineups) == len(self.players)

    @property
    def by(self) -> Literal["outcome", "return"]:
        """What decides who won."""
        return "outcome" if "outcomes" in self.spec.capabilities else "return"

    def scores(self, player: int) -> Array:
        """[S, sides]: of a player, on each of the sides it played."""
        results = self.outcomes if self.by == "outcome" else self.returns
        first = results == results.max(axis=-1, keepdims=True)
        return self._of(player, first / first.sum(axis=-1, keepdims=True))

    def standings(self) -> dict[str, Standing]:
        """By player; of none in a world with one team, where nobody is beaten."""
        if len(self.spec.teams) == 1:
            return {}
        return {name: Standing.of(self.scores(p)) for p, name in enumerate(self.players)}

    def player_returns(self) -> dict[str, Summary]:
        """By player, over all the sides it played; its interval is one over seeds."""
        return {name: Summary.of(self._of(p, self.returns).mean(axis=1)) for p, name in enumerate(self.players)}

    def team_returns(self, team: str) -> dict[str, Summary]:
        """By player: of those who played `team`, when they did."""
        t = self.spec.teams.index(team)
        played = sorted((lineup[t], place) for place, lineup in enumerate(self.lineups))
        return {self.players[p]: Summary.of(self.returns[:, place, t]) for p, place in played}

    def lineup_metrics(self, metric: str) -> dict[str, Summary]:
        """By lineup, named by its players in the order of the teams."""
        names = [" – ".join(self.players[p] for p in lineup) for lineup in self.lineups]
        return {name: Summary.of(self.metrics[metric][:, place]) for place, name in enumerate(names)}

    def differences(self) -> dict[tuple[str, str], Summary]:
        """The return of the first of each pair of players minus that of the second, seed by seed."""
        means = [self._of(p, self.returns).mean(axis=1) for p in range(len(self.players))]
        return {
            (name, other): Summary.of(means[p] - means[q])
            for p, name in enumerate(self.players)
            for q, other in enumerate(self.players)
            if p < q
        }

    def sides(self) -> dict[str, dict[str, int]]:
        """Player → team → episodes."""
        seeds = len(self.returns)
        return {
            name: {team: seeds * sum(lineup[t] == p for lineup in self.lineups) for t, team in enumerate(self.spec.teams)}
            for p, name in enumerate(self.players)
        }

    def _of(self, player: int, values: Array) -> Array:
        """[S, sides] from [S, L, T]: where the player sat."""
        seats = [(place, t) for place, lineup in enumerate(self.lineups) for t, p in enumerate(lineup) if p == player]
        return np.stack([values[:, place, t] for place, t in seats], axis=1)


def match(
    world: World,
    players: Sequence[Player],
    *,
    episodes: int = 1000,
    seed: int = 0,
    record: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> MatchResult:
    """One player per team on held-out seeds, each seed once per rotation: `episodes`, rounded up to a multiple of these.

    Where a player cannot play some team, only the rotations that are possible are played, and the result is not balanced.
    In a world with one team, each of two or more players plays all of it, in `episodes` of its own on the same seeds.
    Raises ConfigError for the wrong number of players, or where no rotation is possible.
    """
    spec = world.spec
    players = distinct(players)
    _check_count(spec, players)
    lineups = possible_lineups(spec, players)
    if not lineups:
        raise ConfigError(f"no lineup fills the teams {', '.join(spec.teams)} of world {spec.id!r}: {abilities(spec, players)}")
    seeds = seeds_for(spec, lineups, episodes)
    total = seeds * len(lineups)
    found = evaluate_paired(
        world,
        [[players[p] for p in lineup] for lineup in lineups],
        episodes=seeds,
        seed=seed,
        purpose="match",
        record=record,
        on_progress=lambda done: on_progress(done, total),
    )
    return MatchResult(
        spec=spec,
        players=tuple(player.name for player in players),
        lineups=lineups,
        seed=seed,
        dropped=total - len(lineups) * len(found[0].numbers),
        returns=np.stack([evaluation.returns for evaluation in found], axis=1),
        outcomes=np.stack([evaluation.outcomes for evaluation in found], axis=1),
        metrics={name: np.stack([evaluation.metrics[name] for evaluation in found], axis=1) for name in spec.metrics},
        lengths=np.stack([evaluation.lengths for evaluation in found], axis=1),
        recordings=tuple(one.recordings for one in found if one.recordings is not None),
    )


def possible_lineups(spec: WorldSpec, players: Sequence[Player]) -> tuple[tuple[int, ...], ...]:
    """The rotations of T players over T teams in which everybody can play; each player alone where there is one team."""
    if len(spec.teams) == 1:
        return tuple((p,) for p in range(len(players)))
    able = [playable_teams(spec, player) for player in players]
    places = range(len(spec.teams))
    rotations = [tuple((t + turn) % len(spec.teams) for t in places) for turn in places]
    return tuple(lineup for lineup in rotations if all(spec.teams[t] in able[lineup[t]] for t in places))


def seeds_for(spec: WorldSpec, lineups: Sequence[Any], episodes: int) -> int:
    """How many seeds give each player `episodes`. Raises ConfigError for fewer than one."""
    if episodes < 1:
        raise ConfigError(f"episodes must be at least 1, got {episodes}")
    return episodes if len(spec.teams) == 1 else -(-episodes // len(lineups))


def distinct(players: Sequence[Player]) -> list[Player]:
    """The players under names of which no two are alike: A, A#2."""
    names: list[str] = []
    for player in players:
        name, count = player.name, 1
        while name in names:
            count += 1
            name = f"{player.name}#{count}"
        names.append(name)
    return [replace(player, name=name) for player, name in zip(players, names, strict=True)]


def abilities(spec: WorldSpec, players: Sequence[Player]) -> str:
    """Which teams each player plays, in words."""
    return "; ".join(f"{player.name} plays {', '.join(playable_teams(spec, player)) or 'none'}" for player in players)


def _check_count(spec: WorldSpec, players: Sequence[Player]) -> None:
    teams = len(spec.teams)
    if teams == 1 and len(players) < 2:
        raise ConfigError(f"a match compares two players or more, got {len(players)}; `marl-ppo evaluate` measures one")
    if teams > 1 and len(players) != teams:
        raise ConfigError(
            f"world {spec.id!r} has the teams {', '.join(spec.teams)}, so a match takes {teams} players, got {len(players)}; "
            "a player may be named twice"
        )
