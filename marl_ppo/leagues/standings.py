"""Where a league stands, told from its store alone, so that it can be asked while the league runs.

Ratings hide cycles: no standings without the cyclic share of the pay-offs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.statistics import Interval
from marl_ppo.leagues import analysis
from marl_ppo.leagues.counts import Count
from marl_ppo.leagues.meta_solvers import payoffs_of
from marl_ppo.leagues.payoffs import Payoffs
from marl_ppo.leagues.ratings import Rating, fit_elo
from marl_ppo.leagues.store import EventRow, PlayerRow, Store

NASH_TOLERANCE = 0.05
"""of the largest pay-off: what a few hundred games leave open"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A member of a league of two teams."""

    player: PlayerRow
    rating: Rating
    elo: float
    """by maximum likelihood over all games of the ladder; NaN before its first game"""
    elo_interval: Interval
    win_rate: float
    """mean over those it met; NaN before its first game"""
    win_rate_interval: Interval
    """of the games' luck: the pairs' Wilson intervals, half-widths added in quadrature"""
    nash: float
    """its share in the most even equilibrium of choosing a member (Balduzzi et al. 2018)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    """A member of a league in a world with one team."""

    player: PlayerRow
    self_play: float
    """return with itself; NaN where not played"""
    self_play_interval: Interval
    """of the games' luck"""
    cross_play: float
    """mean over its partners of the return with each"""
    cross_play_interval: Interval
    """over partners"""
    games: int

    @property
    def gap(self) -> float:
        """What it loses with partners it did not choose."""
        return self.self_play - self.cross_play

    @property
    def gap_interval(self) -> Interval:
        """Of the two intervals, half-widths added in quadrature."""
        half = float(np.hypot(*(np.diff(one)[0] / 2 for one in (self.self_play_interval, self.cross_play_interval))))
        return Interval(self.gap - half, self.gap + half)


class Forgetting(NamedTuple):
    """What the newest player of a learner has lost against the older ones, since one of those in between beat them best."""

    mean: float
    """over the older ones, luck of the games included, which makes it too large where games are few"""
    sure: float
    """the most that no luck explains: from the best one's lower end to the newest one's upper end; 0 where there is none"""
    against: str
    """whom that is about; empty where there is none"""


class Lately(NamedTuple):
    """How a learner does in training, as it is now: old games fade."""

    win_rate: float
    """mean over the players it met"""
    players: int
    worst: float
    """the least win rate in enough games to trust; NaN where there is none"""
    against: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """A league at the end of a turn. Rows are sorted by what they have shown for sure: mu - 3 sigma, or cross-play."""

    world: str
    turn: int
    steps: int
    """of all learners"""
    seconds: float
    rows: tuple[Row, ...]
    partners: tuple[PartnerRow, ...]
    """in a world with one team, instead of rows"""
    persons: tuple[Row, ...]
    """people, who are rated by their games against members: without a share in an equilibrium, and in no pay-offs"""
    person_partners: tuple[PartnerRow, ...]
    """in a world with one team, instead of persons"""
    payoffs: Payoffs
    champion: str
    promotions: int
    transitive_share: float
    """of the pay-offs that one number per player explains; the cyclic share is the rest"""
    cycles: tuple[str, ...]
    """of three players of whom each surely beats the next, strongest first"""
    forgetting: dict[str, Forgetting]
    """by learner that was kept twice or more, and whose newest player met the older ones"""
    lately: dict[str, Lately]
    """by learner that met somebody but itself"""
    trusted_games: int
    """before a win rate is believed"""

    @property
    def cyclic_share(self) -> float:
        """What ratings cannot say."""
        return 1 - self.transitive_share

    @property
    def order(self) -> list[PlayerRow]:
        """The members, best first."""
        return [row.player for row in self.rows] + [row.player for row in self.partners]

    @property
    def top(self) -> str:
        """The best member; of those that were trained, where there are any."""
        ordered = self.order
        trained = [player for player in ordered if player.kind != "anchor"]
        return (trained or ordered)[0].name


def read_standings(store: Store) -> Standings:
    """What a store tells of one moment, whether the league runs or not. Raises ConfigError while it has no players yet."""
    with store.reading():
        return _read(store)


def _read(store: Store) -> Standings:
    facts, state = store.facts(), store.state()
    if not state:
        raise ConfigError(f"{store.file.parent} has only just begun; ask again in a moment")
    everybody = {row.name: row for row in store.players() if row.kind != "learner"}
    players = {name: row for name, row in everybody.items() if row.kind != "person"}
    people = {name: row for name, row in everybody.items() if row.kind == "person"}
    together = bool(facts["teams"] == 1)
    payoffs = Payoffs.of(list(players), store.matches("ladder"), together=together)
    games = [*store.matches("ladder"), *store.matches("person")]
    wide = Payoffs.of([*players, *people], games, together=together)
    rows = () if together else _rows(players, payoffs, store)
    low, high = _intervals(payoffs)
    found = analysis.cycles(payoffs.means, low) if not together else []
    trusted = int(facts["recipe"]["trusted_games"])
    return Standings(
        world=str(facts["world"]),
        turn=store.turn(),
        steps=sum(state["steps"].values()),
        seconds=store.seconds(),
        rows=rows,
        partners=_partner_rows(players, payoffs) if together else (),
        persons=() if together else _person_rows(people, wide, rows, store),
        person_partners=_person_partners(people, wide) if together else (),
        payoffs=payoffs,
        champion="" if together else str(state["title"]["champion"]),
        promotions=sum(event.kind == "promoted" for _, event in store.events()),
        transitive_share=float("nan") if together else analysis.transitive_share(_met_only(payoffs)),
        cycles=tuple(analysis.describe(cycle, payoffs.names) for cycle in found),
        forgetting={} if together else _forgotten(players, payoffs, low, high),
        lately={} if together else _lately(store, trusted),
        trusted_games=trusted,
    )


def members_by_level(standings: Standings, levels: tuple[float, ...]) -> dict[float, Row]:
    """Level → the member whose mean win rate is nearest to it, all different; anchors are left out, who are no bots.

    Raises ConfigError while too few have played enough games.
    """
    able = [row for row in standings.rows if row.player.kind != "anchor" and row.rating.games >= standings.trusted_games]
    if len(able) < len(levels):
        raise ConfigError(
            f"{len(levels)} levels need as many players with {standings.trusted_games} games or more, and the league has "
            f"{len(able)}; let it go on for some turns"
        )
    picked = analysis.pick_levels([row.win_rate for row in able], levels)
    return {level: able[place] for level, place in zip(levels, picked, strict=True)}


def _learners(players: dict[str, PlayerRow]) -> list[str]:
    return list(dict.fromkeys(row.learner for row in players.values() if row.learner))


def _rows(players: dict[str, PlayerRow], payoffs: Payoffs, store: Store) -> tuple[Row, ...]:
    ratings = {row.player: Rating(row.mu, row.sigma, row.elo, row.games) for row in store.ratings()}
    others = payoffs.means.copy()
    np.fill_diagonal(others, np.nan)
    met = ~np.isnan(others)
    # Who has not played yet would only widen the others' intervals, and look like an equal of everybody.
    playing = np.flatnonzero(met.any(1))
    elo, low, high = (np.full(len(players), np.nan) for _ in range(3))
    nash = np.zeros(len(players))
    if len(playing):
        among = np.ix_(playing, playing)
        fit = fit_elo(payoffs.totals[among])
        elo[playing], low[playing], high[playing] = fit.ratings, fit.low, fit.high
        nash[playing] = analysis.nash_average(payoffs_of(payoffs.means[among]), tolerance=NASH_TOLERANCE).mixture
    rows = []
    for place, (name, player) in enumerate(players.items()):
        rate, half = _mean_win_rate(payoffs, place, np.flatnonzero(met[place]))
        rows.append(
            Row(
                player=player,
                rating=ratings.get(name, Rating()),
                elo=float(elo[place]),
                elo_interval=Interval(float(low[place]), float(high[place])),
                win_rate=rate,
                win_rate_interval=Interval(max(rate - half, 0.0), min(rate + half, 1.0)),
                nash=float(nash[place]),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.rating.conservative, row.player.name)))


def _person_rows(people: dict[str, PlayerRow], payoffs: Payoffs, rows: tuple[Row, ...], store: Store) -> tuple[Row, ...]:
    """Elo on the members' scale: as they are on average without people."""
    ratings = {row.player: Rating(row.mu, row.sigma, row.elo, row.games) for row in store.ratings()}
    playing = np.flatnonzero((payoffs.games > 0).any(1))
    fit = fit_elo(payoffs.totals[np.ix_(playing, playing)]) if len(playing) else None
    found = []
    for name, player in people.items():
        place = payoffs.names.index(name)
        rate, half = _mean_win_rate(payoffs, place, np.flatnonzero(payoffs.games[place]))
        elo, interval = float("nan"), Interval(float("nan"), float("nan"))
        if fit is not None and place in playing:
            known = {row.player.name: row.elo for row in rows if not np.isnan(row.elo)}
            among = [
                (float(fit.ratings[i]), known[payoffs.names[p]]) for i, p in enumerate(playing) if payoffs.names[p] in known
            ]
            shift = float(np.mean([own - with_people for with_people, own in among])) if among else 0.0
            i = playing.tolist().index(place)
            elo = float(fit.ratings[i]) + shift
            interval = Interval(float(fit.low[i]) + shift, float(fit.high[i]) + shift)
        found.append(
            Row(
                player=player,
                rating=ratings.get(name, Rating()),
                elo=elo,
                elo_interval=interval,
                win_rate=rate,
                win_rate_interval=Interval(max(rate - half, 0.0), min(rate + half, 1.0)),
                nash=0.0,
            )
        )
    return tuple(sorted(found, key=lambda row: (-row.rating.conservative, row.player.name)))


def _mean_win_rate(payoffs: Payoffs, place: int, met: Array) -> tuple[float, float]:
    """(mean over those that were met, half the width of its interval); NaN where there are none."""
    if not len(met):
        return float("nan"), float("nan")
    halves = [np.diff(payoffs.interval(place, int(other)))[0] / 2 for other in met]
    return float(payoffs.means[place, met].mean()), float(np.linalg.norm(halves)) / len(met)


def _partner_rows(players: dict[str, PlayerRow], payoffs: Payoffs) -> tuple[PartnerRow, ...]:
    rows = [_partner_row(player, payoffs, place) for place, player in enumerate(players.values())]
    return tuple(sorted(rows, key=lambda row: (-np.nan_to_num(row.cross_play, nan=-np.inf), row.player.name)))


def _person_partners(people: dict[str, PlayerRow], payoffs: Payoffs) -> tuple[PartnerRow, ...]:
    return tuple(_partner_row(player, payoffs, payoffs.names.index(name)) for name, player in people.items())


def _partner_row(player: PlayerRow, payoffs: Payoffs, place: int) -> PartnerRow:
    with_others = np.delete(payoffs.means[place], place)
    met = with_others[~np.isnan(with_others)]
    mean = float(met.mean()) if len(met) else float("nan")
    half = 1.96 * float(met.std(ddof=1)) / len(met) ** 0.5 if len(met) > 1 else float("nan")
    return PartnerRow(
        player=player,
        self_play=float(payoffs.means[place, place]),
        self_play_interval=Interval(*payoffs.interval(place, place)),
        cross_play=mean,
        cross_play_interval=Interval(mean - half, mean + half),
        games=int(payoffs.games[place].sum()),
    )


def _met_only(payoffs: Payoffs) -> Array:
    """2 p - 1, NaN where a pair never met."""
    return np.asarray(2 * payoffs.means - 1)


def _intervals(payoffs: Payoffs) -> tuple[Array, Array]:
    """(lower, upper ends) [K, K]; NaN for pairs that never met and on the diagonal."""
    low, high = (np.full(payoffs.games.shape, np.nan) for _ in range(2))
    for i, j in np.argwhere(payoffs.games > 0):
        if i != j:
            low[i, j], high[i, j] = payoffs.interval(int(i), int(j))
    return low, high


def _forgotten(players: dict[str, PlayerRow], payoffs: Payoffs, low: Array, high: Array) -> dict[str, Forgetting]:
    found = {}
    for learner in _learners(players):
        own = [payoffs.names.index(name) for name, row in players.items() if row.learner == learner]
        among = np.ix_(own, own)
        lost = analysis.forgetting(payoffs.means[among])
        if np.isnan(lost).all():
            continue
        # The newest one's row as good as it may be, those of the others as bad as they may be.
        doubted = np.where(np.arange(len(own))[:, None] == len(own) - 1, high[among], low[among])
        sure = np.nan_to_num(analysis.forgetting(doubted), nan=-np.inf)
        worst = int(sure.argmax())
        is_sure = sure[worst] > 0
        found[learner] = Forgetting(
            float(np.nanmean(lost)), float(sure[worst]) if is_sure else 0.0, payoffs.names[own[worst]] if is_sure else ""
        )
    return found


def _lately(store: Store, trusted_games: int) -> dict[str, Lately]:
    met: dict[str, dict[str, Count]] = {}
    for learner, player, count in store.counts():
        met.setdefault(learner, {})[player] = count
    found = {}
    for learner, counts in met.items():
        trusted = {player: count.win_rate for player, count in counts.items() if count.games >= trusted_games}
        worst = min(trusted, key=trusted.__getitem__, default="")
        rates = [count.win_rate for count in counts.values()]
        found[learner] = Lately(float(np.mean(rates)), len(rates), trusted.get(worst, float("nan")), worst)
    return found


def told(event: EventRow) -> str:
    """An event as one line."""
    return f"{event.player} {event.text}" if event.kind in ("reset", "promoted") else f"{event.player}: {event.text}"


def told_forgetting(standings: Standings) -> list[str]:
    """A line for each learner that was kept twice or more."""
    lines = []
    for learner, lost in standings.forgetting.items():
        sure = f", surely {lost.sure:.2f} against {lost.against}" if lost.against else ", none of it sure"
        lines.append(f"Forgetting of {learner} against its past: {lost.mean:.2f} on average{sure}")
    return lines


def told_lately(standings: Standings) -> list[str]:
    """A line for each learner that met somebody but itself."""
    lines = []
    for learner, now in standings.lately.items():
        worst = f", least {now.worst:.0%} against {now.against}" if now.against else ""
        players = f"{now.players} player{'s' if now.players > 1 else ''}"
        lines.append(f"{learner} in training: wins {now.win_rate:.0%} against {players}{worst}")
    return lines
