"""Tables and pictures of a league: standings, pay-offs, and bots by level."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from marl_ppo.cli.report import number
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.evaluation.statistics import Interval
from marl_ppo.leagues.pictures import draw_partners, draw_payoff, draw_rating_history
from marl_ppo.leagues.ratings import Rating
from marl_ppo.leagues.standings import Row, Standings, members_by_level, told_forgetting, told_lately
from marl_ppo.leagues.store import Store
from marl_ppo.training.bots import check_bot_name, save_bot

LEVELS = {2: {"easy": 0.2, "hard": 0.8}, 3: {"easy": 0.2, "medium": 0.5, "hard": 0.8}}
"""number of levels → mean win rate by level"""
PERSON = " (person)"
"""what stands behind a person's name"""
WIDEST = 14
"""players up to which a pay-off table fits the terminal; of more, the first ones are shown"""


def show_standings(standings: Standings, console: Console, *, most: int | None = None) -> None:
    """The rows, the first `most` of them, and what ratings cannot say."""
    title = f"{standings.world}, turn {standings.turn}: {standings.steps:,} steps, {standings.seconds:,.0f} s"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    if standings.partners:
        for column in ("", "player", "cross-play", "self-play", "gap", "games"):
            table.add_column(column, justify="left" if column == "player" else "right", no_wrap=True)
        together = sorted(
            (*standings.partners, *standings.person_partners), key=lambda row: -np.nan_to_num(row.cross_play, nan=-np.inf)
        )
        for place, row in enumerate(together[:most], 1):
            table.add_row(
                str(place),
                row.player.name + (PERSON if row.player.kind == "person" else ""),
                _with_half(row.cross_play, row.cross_play_interval),
                _with_half(row.self_play, row.self_play_interval),
                _with_half(row.gap, row.gap_interval),
                f"{row.games:,}",
            )
        console.print(table)
        console.print("± half of the 95 % interval; of cross-play it is one over partners", highlight=False)
        return
    for column in ("", "player", "rating", "μ ± 1.96σ", "Elo", "± ", "wins", "Nash", "games", "steps"):
        table.add_column(column, justify="left" if column == "player" else "right", no_wrap=True)
    everybody = sorted((*standings.rows, *standings.persons), key=lambda row: (-row.rating.conservative, row.player.name))
    for place, one in enumerate(everybody[:most], 1):
        table.add_row(str(place), *_cells(one, standings))
    console.print(table)
    console.print(f"Cyclic share of the pay-offs: {number(standings.cyclic_share, '.0%')}", highlight=False, end="")
    console.print(f"; {len(standings.cycles)} sure cycles of three" if standings.cycles else "; no sure cycle of three")
    if most is None:
        for cycle in standings.cycles[:3]:
            console.print(f"  {cycle}", highlight=False)
        for line in told_forgetting(standings):
            console.print(line, highlight=False)
    for line in told_lately(standings):
        console.print(line, highlight=False)
    if standings.champion:
        console.print(f"Champion: {standings.champion}, after {standings.promotions} promotions", highlight=False)


def _with_half(value: float, interval: Interval) -> str:
    """A number and half of its interval, where it has one."""
    half = (interval.high - interval.low) / 2
    return number(value, ".2f") if math.isnan(half) else f"{value:.2f} ± {half:.2f}"


def _cells(row: Row, standings: Standings) -> list[str]:
    mark = " ★" if row.player.name == standings.champion else PERSON if row.player.kind == "person" else ""
    rating, (low, high) = row.rating, row.elo_interval
    return [
        row.player.name + mark,
        f"{rating.conservative:.1f}",
        f"{rating.mu:.1f} ± {1.96 * rating.sigma:.1f}",
        number(row.elo, ".0f"),
        number((high - low) / 2, ".0f"),
        number(row.win_rate, ".0%"),
        f"{row.nash:.0%}" if row.nash >= 0.005 else "",
        f"{rating.games:,}",
        f"{row.player.steps:,}" if row.player.steps else "",
    ]


def show_payoff(standings: Standings, console: Console) -> None:
    """Who scores how much against whom, best players first, with intervals where there is room."""
    payoffs = standings.payoffs
    order = _order(standings)[:WIDEST]
    title = "return of the row with the column" if payoffs.together else "score of the row against the column"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for i in order:
        table.add_column(payoffs.names[i], justify="right", overflow="fold")
    roomy = len(order) <= 6
    for i in order:
        cells = []
        for j in order:
            if (i == j and not payoffs.together) or not payoffs.games[i, j]:
                cells.append("·")
                continue
            low, high = payoffs.interval(i, j)
            interval = f"\n{low:.2f} … {high:.2f}\n{payoffs.games[i, j]} games" if roomy else ""
            cells.append(f"{payoffs.means[i, j]:.2f}{interval}")
        table.add_row(payoffs.names[i], *cells)
    console.print(table)
    if len(order) < len(payoffs.names):
        console.print(f"The first {len(order)} of {len(payoffs.names)}; the picture has all of them.")
    if not roomy:
        console.print("Games and intervals of one player: marl-ppo league payoff LEAGUE PLAYER", highlight=False)


def show_payoff_of(standings: Standings, name: str, console: Console) -> None:
    """How one player does with or against each of the others, the best of these first."""
    payoffs = standings.payoffs
    if name not in payoffs.names:
        raise UnknownNameError.near(
            "player of this league", name, payoffs.names, otherwise="`marl-ppo league standings` has them."
        )
    own = payoffs.names.index(name)
    what = "return" if payoffs.together else "score"
    title = f"{name}: {what} {'with' if payoffs.together else 'against'} each player"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("player", what, "95 %", "games"):
        table.add_column(column, justify="left" if column == "player" else "right", no_wrap=True)
    for other in _order(standings):
        if other == own and not payoffs.together:
            continue
        low, high = payoffs.interval(own, other)
        interval = "" if math.isnan(low) else f"{low:.2f} … {high:.2f}"
        table.add_row(
            payoffs.names[other], number(payoffs.means[own, other], ".2f"), interval, f"{payoffs.games[own, other]:,}"
        )
    console.print(table)


def draw_league(store: Store, standings: Standings, folder: Path, *, payoff: Path | None = None) -> list[Path]:
    """The pay-offs as a picture, and the ratings over the turns; returns the files."""
    order = _order(standings)
    names = [standings.payoffs.names[i] for i in order]
    grid = np.ix_(order, order)
    means, games = standings.payoffs.means[grid], standings.payoffs.games[grid]
    if standings.payoffs.together:
        return [draw_partners(names, means, payoff or folder / "payoff.png", title=f"{standings.world}: cross-play")]
    files = [draw_payoff(names, means, games, payoff or folder / "payoff.png", title=f"{standings.world}: win rates")]
    history: dict[str, list[tuple[int, Rating]]] = {}
    for turn, row in store.rating_history():
        history.setdefault(row.player, []).append((turn, Rating(row.mu, row.sigma, row.elo, row.games)))
    if history and payoff is None:
        files.append(draw_rating_history(history, folder / "ratings.png", title=f"{standings.world}: ratings"))
    return files


def show_levels(standings: Standings, league: Path, count: int, save_as: str | None, console: Console) -> None:
    """Name so many bots, from easy to hard, and save them if asked to."""
    if standings.partners:
        raise ConfigError(f"in {standings.world} nobody is beaten, so there are no levels; see the order of the standings")
    if count not in LEVELS:
        raise ConfigError(f"--levels must be 2 or 3, got {count}")
    picked = dict(zip(LEVELS[count], members_by_level(standings, tuple(LEVELS[count].values())).values(), strict=True))
    names = {label: f"{save_as}-{label}" for label in picked}
    if save_as is not None:
        for name in names.values():
            check_bot_name(name)  # all of them before the first is saved
    for label, row in picked.items():
        low, high = row.win_rate_interval
        console.print(
            f"{label:<7}{row.player.name}: wins {row.win_rate:.0%} ({low:.0%} … {high:.0%}) of its games, "
            f"{_against_top(standings, row)}",
            highlight=False,
        )
    if save_as is None:
        return
    command = f"marl-ppo league standings {league} --levels {count} --save-as {save_as}"
    for label, row in picked.items():
        with console.status(f"measuring {row.player.name} for its card"):
            about = {"level": label, **_rated(standings, row, league)}
            saved = save_bot(f"{league}:{row.player.name}", names[label], command=command, league=about)
        console.print(f"Saved {saved}.", highlight=False)


def _rated(standings: Standings, row: Row, league: Path) -> dict[str, Any]:
    """What a bot's card tells of its league."""
    return {
        "name": league.name,
        "player": row.player.name,
        "turn": standings.turn,
        "members": len(standings.rows),
        "rating": row.rating.conservative,
        "mu": row.rating.mu,
        "sigma": row.rating.sigma,
        "elo": row.elo,
        "elo_interval": list(row.elo_interval),
        "win_rate": row.win_rate,
        "win_rate_interval": list(row.win_rate_interval),
        "games": row.rating.games,
    }


def _against_top(standings: Standings, row: Row) -> str:
    if row.player.name == standings.top:
        return "and is the top player"
    own, top = (standings.payoffs.names.index(name) for name in (row.player.name, standings.top))
    low, high = standings.payoffs.interval(own, top)
    score = standings.payoffs.means[own, top]
    told = "never met" if math.isnan(score) else f"scores {score:.2f} ({low:.2f} … {high:.2f}) against"
    return f"{told} the top player {standings.top}"


def _order(standings: Standings) -> list[int]:
    place = {name: number for number, name in enumerate(standings.payoffs.names)}
    return [place[player.name] for player in standings.order]
