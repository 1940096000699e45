"""Where a league stands, told from its store alone, so that it can be asked while the league runs.

Ratings hide cycles: no standings without the cyclic share of the pay-offs.
"""

from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.evaluation.statistics import Interval
from marl_ppo.leagues import analysis
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
    """by maximum likelihood over all games of the ladder"""
    elo_interval: Interval
    win_rate: float
    """mean over those it met; NaN before its first game"""
    nash: float
    """its share in the most even equilibrium of choosing a member (Balduzzi et al. 2018)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    """A member of a league in a world with one team."""

    player: PlayerRow
    self_play: float
    """return with itself; NaN where not played"""
    cross_play: float
    """mean over its partners of the return with each"""
    cross_play_interval: Interval
    """over partners"""
    games: int

    @property
    def gap(self) -> float:
        """What it loses with partners it did not choose."""
        return self.self_play - self.cross_play


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """A league at the end of a turn. Rows are sorted by what they have shown for sure: mu - 3 sigma, or cross-play."""

    world: str
    turn: int
    steps: int
    """of all learners, as far as their players were kept"""
    seconds: float
    rows: tuple[Row, ...]
    partners: tuple[PartnerRow, ...]
    """in a world with one team, instead of rows"""
    payoffs: Payoffs
    champion: str
    promotions: int
    transitive_share: float
    """of the pay-offs that one number per player explains; the cyclic share is the rest"""
    cycles: tuple[str, ...]
    """of three players of whom each surely beats the next, strongest first"""
    forgetting: dict[str, float]
    """by learner: the most that its newest player has lost against one of its older ones since that was beaten best"""

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
    """What a store tells."""
    facts = store.facts()
    players = {row.name: row for row in store.players() if row.kind != "learner"}
    together = bool(facts["teams"] == 1)
    payoffs = Payoffs.of(list(players), store.matches("ladder"), together=together)
    events = [event for _, event in store.events()]
    promoted = [event.player for event in events if event.kind == "promoted"]
    first = [row.name for row in players.values() if row.kind == "frozen"]
    advantages = payoffs_of(payoffs.means) if not together else np.zeros(payoffs.games.shape)
    low = _lower_ends(payoffs)
    found = analysis.cycles(payoffs.means, low) if not together else []
    return Standings(
        world=str(facts["world"]),
        turn=store.turn(),
        steps=sum(max((p.steps for p in players.values() if p.learner == name), default=0) for name in _learners(players)),
        seconds=store.seconds(),
        rows=() if together else _rows(players, payoffs, store, advantages),
        partners=_partner_rows(players, payoffs) if together else (),
        payoffs=payoffs,
        champion=(promoted or first or [""])[-1] if promoted else (first or [""])[0],
        promotions=len(promoted),
        transitive_share=float("nan") if together else analysis.transitive_share(_met_only(payoffs)),
        cycles=tuple(analysis.describe(cycle, payoffs.names) for cycle in found),
        forgetting={} if together else {name: _forgotten(name, players, payoffs) for name in _learners(players)},
    )


def members_by_level(standings: Standings, levels: tuple[float, ...]) -> dict[float, Row]:
    """Level → the trained member whose win rate against the top player is nearest to it, all different."""
    names = standings.payoffs.names
    top = names.index(standings.top)
    rates = standings.payoffs.means[:, top].copy()
    by_name = {row.player.name: row for row in standings.rows}
    for place, name in enumerate(names):
        if by_name[name].player.kind == "anchor" or place == top:
            rates[place] = np.nan
    picked = analysis.pick_levels(rates, levels)
    return {level: by_name[names[place]] for level, place in zip(levels, picked, strict=True)}


def _learners(players: dict[str, PlayerRow]) -> list[str]:
    return list(dict.fromkeys(row.learner for row in players.values() if row.learner))


def _rows(players: dict[str, PlayerRow], payoffs: Payoffs, store: Store, advantages: Array) -> tuple[Row, ...]:
    ratings = {row.player: Rating(row.mu, row.sigma, row.elo, row.games) for row in store.ratings()}
    elo = fit_elo(payoffs.totals)
    nash = analysis.nash_average(advantages, tolerance=NASH_TOLERANCE).mixture
    others = payoffs.means.copy()
    np.fill_diagonal(others, np.nan)
    rows = []
    for place, (name, player) in enumerate(players.items()):
        met = others[place][~np.isnan(others[place])]
        rows.append(
            Row(
                player=player,
                rating=ratings.get(name, Rating()),
                elo=float(elo.ratings[place]),
                elo_interval=Interval(float(elo.low[place]), float(elo.high[place])),
                win_rate=float(met.mean()) if len(met) else float("nan"),
                nash=float(nash[place]),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.rating.conservative, row.player.name)))


def _partner_rows(players: dict[str, PlayerRow], payoffs: Payoffs) -> tuple[PartnerRow, ...]:
    rows = []
    for place, player in enumerate(players.values()):
        with_others = np.delete(payoffs.means[place], place)
        met = with_others[~np.isnan(with_others)]
        mean = float(met.mean()) if len(met) else float("nan")
        half = 1.96 * float(met.std(ddof=1)) / len(met) ** 0.5 if len(met) > 1 else float("nan")
        rows.append(
            PartnerRow(
                player=player,
                self_play=float(payoffs.means[place, place]),
                cross_play=mean,
                cross_play_interval=Interval(mean - half, mean + half),
                games=int(payoffs.games[place].sum()),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-np.nan_to_num(row.cross_play, nan=-np.inf), row.player.name)))


def _met_only(payoffs: Payoffs) -> Array:
    """2 p - 1, NaN where a pair never met."""
    return np.asarray(2 * payoffs.means - 1)


def _lower_ends(payoffs: Payoffs) -> Array:
    low = np.full(payoffs.games.shape, np.nan)
    for i, j in np.argwhere(payoffs.games > 0):
        if i != j:
            low[i, j] = payoffs.interval(int(i), int(j))[0]
    return low


def _forgotten(learner: str, players: dict[str, PlayerRow], payoffs: Payoffs) -> float:
    own = [payoffs.names.index(name) for name, row in players.items() if row.learner == learner]
    if len(own) < 2:
        return float("nan")
    lost = analysis.forgetting(payoffs.means[np.ix_(own, own)])
    return float(np.nanmax(lost)) if not np.isnan(lost).all() else float("nan")


def told(event: EventRow) -> str:
    """An event as one line."""
    return f"{event.player} {event.text}" if event.kind in ("reset", "promoted") else f"{event.player}: {event.text}"
