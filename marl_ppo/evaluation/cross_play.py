"""Cross-play: every player with, or against, every other one, as a square table.

two teams  a cell is the score of the row's player in its match against the column's: 0.5 is even, and cells that mirror
           each other add up to 1
one team   a cell is the mean return when one agent is played by the row's player and the others by the column's, over all
           agents in turn and on the same seeds in all cells. How far it falls below the diagonal, self-play, tells how
           much players rely on conventions of their own: Hu et al. 2020, "Other-Play" (arXiv:2003.02979)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import Summary, evaluate_paired
from marl_ppo.evaluation.match import MatchResult, Progress, abilities, distinct, match, possible_lineups, seeds_for
from marl_ppo.evaluation.statistics import Interval
from marl_ppo.play.seating import Player

Pair = tuple[int, int]
Cells = dict[Pair, tuple[float, Interval]]
Played = tuple[Cells, dict[Pair, MatchResult], int]
"""(cells, matches, dropped) of a CrossPlay"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossPlay:
    """P players; NaN where a pair was not played or cannot be."""

    spec: WorldSpec
    players: tuple[str, ...]
    seed: int
    shows: Literal["score", "return"]
    mean: Array
    """float64 [P, P]"""
    low: Array
    """float64 [P, P]: of the 95 % interval"""
    high: Array
    matches: dict[Pair, MatchResult]
    """by players row < column, and row = column for self-play, where the second player is called `itself`; none where the
    world has one team"""
    dropped: int
    """episodes left out, see `MatchResult.dropped`"""


def cross_play(
    world: World,
    players: Sequence[Player],
    *,
    episodes: int = 1000,
    seed: int = 0,
    self_play: bool = True,
    on_progress: Progress = lambda done, total: None,
) -> CrossPlay:
    """Play every pair of players, at least `episodes` for each pair, and each player with itself too with `self_play`.

    Raises ConfigError for fewer than two players, for worlds with more than two teams or with a single agent, and where
    no two of the players can meet.
    """
    spec = world.spec
    players = distinct(players)
    if len(players) < 2:
        raise ConfigError(f"cross-play needs two players or more, got {len(players)}")
    if len(spec.teams) > 2:
        raise ConfigError(f"cross-play is played in pairs; world {spec.id!r} has {len(spec.teams)} teams")
    if len(spec.agents) == 1:
        raise ConfigError(f"world {spec.id!r} has one agent, which nobody can play with or against")
    play = _with_each_other if len(spec.teams) == 1 else _against_each_other
    cells, matches, dropped = play(world, players, episodes, seed, self_play, on_progress)
    mean, low, high = np.full((3, len(players), len(players)), np.nan)
    for cell, (value, interval) in cells.items():
        mean[cell], (low[cell], high[cell]) = value, interval
    return CrossPlay(
        spec=spec,
        players=tuple(player.name for player in players),
        seed=seed,
        shows="return" if len(spec.teams) == 1 else "score",
        mean=mean,
        low=low,
        high=high,
        matches=matches,
        dropped=dropped,
    )


def _against_each_other(
    world: World, players: Sequence[Player], episodes: int, seed: int, self_play: bool, on_progress: Progress
) -> Played:
    spec = world.spec
    lineups = {pair: possible_lineups(spec, [players[p] for p in pair]) for pair in _pairs(len(players), self_play)}
    lineups = {pair: possible for pair, possible in lineups.items() if possible}
    if all(row == column for row, column in lineups):
        raise ConfigError(
            f"no two players fill the teams {', '.join(spec.teams)} of world {spec.id!r}: {abilities(spec, players)}"
        )
    sizes = {pair: len(possible) * seeds_for(spec, possible, episodes) for pair, possible in lineups.items()}
    cells: Cells = {}
    matches: dict[Pair, MatchResult] = {}
    before = 0
    for pair, size in sizes.items():

        def show(done: int, _: int, before: int = before) -> None:
            on_progress(before + done, sum(sizes.values()))

        meeting = [players[pair[0]], replace(players[pair[1]], name="itself") if pair[0] == pair[1] else players[pair[1]]]
        matches[pair] = match(world, meeting, episodes=episodes, seed=seed, on_progress=show)
        for cell, standing in zip([pair, pair[::-1]], matches[pair].standings().values(), strict=True):
            cells[cell] = standing.score, standing.score_interval
        before += size
    return cells, matches, sum(result.dropped for result in matches.values())


def _with_each_other(
    world: World, players: Sequence[Player], episodes: int, seed: int, self_play: bool, on_progress: Progress
) -> Played:
    spec = world.spec
    pairs = [cell for pair in _pairs(len(players), self_play) for cell in dict.fromkeys([pair, pair[::-1]])]
    lineups = {(row, column): _mixed(spec, players[row], players[column]) for row, column in pairs}
    lineups = {cell: possible for cell, possible in lineups.items() if possible}
    if all(row == column for row, column in lineups):
        raise ConfigError(f"no two players fill the agents {', '.join(spec.agents)} of world {spec.id!r} together")
    seeds = -(-episodes // len(spec.agents))
    total = seeds * sum(map(len, lineups.values()))
    cells: Cells = {}
    before = kept = 0
    for cell, possible in lineups.items():

        def show(done: int, before: int = before) -> None:
            on_progress(before + done, total)

        found = evaluate_paired(world, possible, episodes=seeds, seed=seed, purpose="match", on_progress=show)
        summary = Summary.of(np.mean([evaluation.returns[:, 0] for evaluation in found], axis=0))
        cells[cell] = summary.mean, summary.interval
        before += seeds * len(possible)
        kept += len(found[0].numbers) * len(possible)
    return cells, {}, total - kept


def _mixed(spec: WorldSpec, guest: Player, hosts: Player) -> list[dict[str, Player]]:
    """Lineups in which one agent is the guest's and the others are the hosts', as far as both can play; one for self-play."""
    lineups = [{agent: guest if agent == own else hosts for agent in spec.agents} for own in spec.agents]
    possible = [lineup for lineup in lineups if all(agent in player.policies for agent, player in lineup.items())]
    return possible[:1] if guest is hosts else possible


def _pairs(count: int, self_play: bool) -> list[Pair]:
    """Row ≤ column, row by row."""
    return [(row, column) for row in range(count) for column in range(row + (not self_play), count)]
