"""Tables and pictures of a league: standings, pay-offs, and bots by level."""

import math
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from marl_ppo.cli.report import number
from marl_ppo.errors import ConfigError
from marl_ppo.leagues.pictures import draw_partners, draw_payoff, draw_rating_history
from marl_ppo.leagues.ratings import Rating
from marl_ppo.leagues.standings import Row, Standings, members_by_level
from marl_ppo.leagues.store import Store

LEVEL_NAMES = {2: ("easy", "hard"), 3: ("easy", "medium", "hard")}
WIDEST = 14
"""players up to which a pay-off table fits the terminal; of more, the first ones are shown"""


def show_standings(standings: Standings, console: Console, *, most: int | None = None) -> None:
    """The rows, the first `most` of them, and what ratings cannot say."""
    title = f"{standings.world}, turn {standings.turn}: {standings.steps:,} steps, {standings.seconds:,.0f} s"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    if standings.partners:
        for column in ("", "player", "cross-play", "95 %", "self-play", "gap", "games"):
            table.add_column(column, justify="left" if column == "player" else "right", no_wrap=True)
        for place, row in enumerate(standings.partners[:most], 1):
            low, high = row.cross_play_interval
            table.add_row(
                str(place),
                row.player.name,
                number(row.cross_play, ".2f"),
                "" if math.isnan(low) else f"{low:.2f} … {high:.2f}",
                number(row.self_play, ".2f"),
                number(row.gap, ".2f"),
                f"{row.games:,}",
            )
        console.print(table)
        return
    for column in ("", "player", "rating", "μ ± 1.96σ", "Elo", "± ", "wins", "Nash", "games", "steps"):
        table.add_column(column, justify="left" if column == "player" else "right", no_wrap=True)
    for place, one in enumerate(standings.rows[:most], 1):
        table.add_row(str(place), *_cells(one, standings))
    console.print(table)
    console.print(f"Cyclic share of the pay-offs: {number(standings.cyclic_share, '.0%')}", highlight=False, end="")
    console.print(f"; {len(standings.cycles)} sure cycles of three" if standings.cycles else "; no sure cycle of three")
    if most is None:
        for cycle in standings.cycles[:3]:
            console.print(f"  {cycle}", highlight=False)
        for learner, lost in standings.forgetting.items():
            if lost > 0:
                console.print(f"{learner} has forgotten up to {lost:.2f} of its win rate against its own past", highlight=False)
    if standings.champion:
        console.print(f"Champion: {standings.champion}, after {standings.promotions} promotions", highlight=False)


def _cells(row: Row, standings: Standings) -> list[str]:
    mark = " ★" if row.player.name == standings.champion else ""
    rating, (low, high) = row.rating, row.elo_interval
    return [
        row.player.name + mark,
        f"{rating.conservative:.1f}",
        f"{rating.mu:.1f} ± {1.96 * rating.sigma:.1f}",
        f"{row.elo:.0f}",
        f"{(high - low) / 2:.0f}",
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
        table.add_column(payoffs.names[i], justify="right")
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


def show_levels(standings: Standings, folder: Path, count: int, save_as: str | None, console: Console) -> None:
    """Name so many bots, from easy to hard, and save them if asked to."""
    if standings.partners:
        raise ConfigError(f"in {standings.world} nobody is beaten, so there are no levels; see the order of the standings")
    if count not in LEVEL_NAMES:
        raise ConfigError(f"--levels must be 2 or 3, got {count}")
    shares = (0.2, 0.8) if count == 2 else (0.2, 0.5, 0.8)
    picked = members_by_level(standings, shares)
    top = standings.payoffs.names.index(standings.top)
    for label, row in zip(LEVEL_NAMES[count], picked.values(), strict=True):
        place = standings.payoffs.names.index(row.player.name)
        low, high = standings.payoffs.interval(place, top)
        rate = standings.payoffs.means[place, top]
        console.print(
            f"{label:<7}{row.player.name}: scores {rate:.2f} ({low:.2f} … {high:.2f}) against {standings.top}", highlight=False
        )
        if save_as is not None:
            from marl_ppo.training.bots import save_bot

            command = f"marl-ppo league standings {folder} --levels {count} --save-as {save_as}"
            console.print(
                f"Saved {save_bot(str(folder / 'players' / row.player.name), f'{save_as}-{label}', command=command)}."
            )


def _order(standings: Standings) -> list[int]:
    place = {name: number for number, name in enumerate(standings.payoffs.names)}
    return [place[player.name] for player in standings.order]
