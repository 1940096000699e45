"""Games between players that do not learn: what payoffs and ratings are made of. Equal fixtures give equal scores.

fixture   a pair of players and how often they meet; the first one plays every part in turn (see `bank.team_parts`)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from marl_ppo.envs.seeds import Purpose, stream
from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.bank import LearnerPart, partner_parts, team_parts
from marl_ppo.play.episodes import EpisodeLog, Episodes
from marl_ppo.play.play import Observer, Play
from marl_ppo.play.seating import Player, seat_all
from marl_ppo.replays.recorder import Recorder
from marl_ppo.training.fused.playing import fastest_stack


class Fixture(NamedTuple):
    """A pairing to be played."""

    first: str
    second: str
    games: int
    offset: int = 0
    """games of the two before these: the parts go on in turn"""


class Played(NamedTuple):
    """What came of a fixture. Games that a fault spoiled are left out."""

    fixture: Fixture
    parts: Array
    """int64 [G]: the first one's part in each game"""
    scores: Array
    """float64 [G]: its score"""
    numbers: Array
    """int64 [G]: of the game among all of the occasion, counted over the copies and then their rounds"""

    def players(self, spec: WorldSpec, game: int) -> dict[str, str]:
        """Agent → who played it in one of the games."""
        part = parts_of(spec)[self.parts[game]]
        return {agent: self.fixture.first if agent in part else self.fixture.second for agent in spec.agents}


def parts_of(spec: WorldSpec) -> list[LearnerPart]:
    """What one of two players can play: a team, or in a world with one team some of its agents."""
    if len(spec.teams) > 2:
        raise ConfigError(f"a league needs a world with one team or two; {spec.id!r} has {len(spec.teams)}")
    return team_parts(spec, spec.teams) if len(spec.teams) == 2 else partner_parts(spec)


def can_meet(spec: WorldSpec, first: frozenset[str], second: frozenset[str]) -> list[int]:
    """The parts, as places in `parts_of`, that a player of the agents `first` can take with one of `second` at the others."""
    everyone = frozenset(spec.agents)
    return [place for place, part in enumerate(parts_of(spec)) if part <= first and everyone - part <= second]


def scores_of(spec: WorldSpec, episodes: Episodes, team: Array) -> Array:
    """[E]: of the players of `team` (int64 [E]): win 1, draw ½, loss 0, or the team's return where there is only one."""
    if len(spec.teams) == 1:
        return episodes.team_returns(spec)[:, 0]
    results = episodes.outcomes if "outcomes" in spec.capabilities else episodes.team_returns(spec)
    own = results[np.arange(len(results)), team]
    other = results[np.arange(len(results)), 1 - team]
    return np.where(own == other, 0.5, (own > other).astype(np.float64))


def team_of_part(spec: WorldSpec, part: LearnerPart) -> int:
    """The team that a part belongs to."""
    return next(t for g in spec.groups for agent, t in zip(g.agents, g.team, strict=True) if agent in part)


def play_fixtures(
    world: World,
    fixtures: Sequence[Fixture],
    players: Mapping[str, Player],
    *,
    seed: int,
    number: int = 0,
    purpose: Purpose = "match",
    recorder: Recorder | None = None,
    on_progress: Callable[[int, int], Any] = lambda done, total: None,
) -> list[Played]:
    """Play all fixtures on seeds of their own; `number` tells apart the occasions on which a league plays.

    A `recorder` of the same world records all games.
    """
    spec = world.spec
    schedule = _schedule(spec, fixtures, players)
    total = len(schedule)
    if not total:
        return []
    names = list(dict.fromkeys(name for fixture in fixtures for name in (fixture.first, fixture.second)))
    cast = seat_all(spec, [players[name] for name in names], make_stack=fastest_stack)
    place = {name: n for n, name in enumerate(names)}
    parts = parts_of(spec)
    masks = [np.array([[agent in part for agent in group.agents] for part in parts]) for group in spec.groups]
    first = np.array([place[fixtures[f].first] for f, _ in schedule])
    second = np.array([place[fixtures[f].second] for f, _ in schedule])
    part = np.array([p for _, p in schedule])
    copies = world.num_envs

    def seats(where: Array, episodes: Array) -> tuple[Array, ...]:
        # Copies that have nothing left to play go on with the last game, which is not looked at again.
        chosen = np.minimum(where + episodes * copies, total - 1)
        return tuple(
            np.where(mask[part[chosen]], table[first[chosen]], table[second[chosen]])
            for mask, table in zip(masks, cast.tables, strict=True)
        )

    def seeds(where: Array, episodes: Array) -> Array:
        return stream(seed, purpose, where + episodes * copies, number)

    log = EpisodeLog(spec, copies)
    observers: list[Observer] = [log] if recorder is None else [log, recorder]
    play = Play(world, cast.policies, seats, seeds, greedy=cast.greedy, observers=observers)
    play.start()
    scores, done = np.full(total, np.nan), np.zeros(total, bool)
    teams = np.array([team_of_part(spec, one) for one in parts])
    while not done.all():
        play.decide()
        ended = play.advance().ended
        if ended.any():
            over = np.flatnonzero(ended) + play.episode[ended] * copies
            done[over[over < total]] = True
            taken = log.take()
            numbers = taken.copies + play.episode[taken.copies] * copies
            kept = numbers < total
            games = numbers[kept]
            scores[games] = scores_of(spec, taken, teams[part[np.minimum(numbers, total - 1)]])[kept]
            on_progress(int(done.sum()), total)
        play.reset_ended()
    owner = np.array([f for f, _ in schedule])
    found = []
    for f, fixture in enumerate(fixtures):
        mine = (owner == f) & ~np.isnan(scores)
        found.append(Played(fixture, part[mine], scores[mine], np.flatnonzero(mine)))
    return found


def _schedule(spec: WorldSpec, fixtures: Sequence[Fixture], players: Mapping[str, Player]) -> list[tuple[int, int]]:
    """(fixture, part) of every game."""
    schedule = []
    for f, fixture in enumerate(fixtures):
        able = can_meet(spec, *(frozenset(players[name].policies) for name in (fixture.first, fixture.second)))
        if not able:
            raise ConfigError(f"{fixture.first!r} and {fixture.second!r} cannot fill the seats of world {spec.id!r} together")
        schedule += [(f, able[(fixture.offset + g) % len(able)]) for g in range(fixture.games)]
    return schedule
