"""A league as a static site: index.html and a page for each replay. All figures are those of its standings.

index.html          standings, pay-offs, ratings over the turns, events, and the replays to be played in place
replays/NAME.html   the matches in the league's folder replays/
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from marl_ppo.errors import MarlPPOError
from marl_ppo.leagues.highlights import REPLAYS
from marl_ppo.leagues.ratings import Rating
from marl_ppo.leagues.standings import PartnerRow, Row, Standings, read_standings, told, told_forgetting, told_lately
from marl_ppo.leagues.store import Store
from marl_ppo.replays.files import SUFFIX, read_replay
from marl_ppo.replays.replay import Replay
from marl_ppo.viewer.replayed import ReplayTimeline
from marl_ppo.viewer.web.page import as_json, is_made_from, source_of, theme, write_html, write_page

PAGE = "page"
"""the folder of a league that holds its site"""
_CYCLES = 3  # that are told
_FRAMES = "frame-src 'self' file:"  # 'self' alone means nothing to some browsers where a page is a file


def write_league(league: Path, folder: Path | None = None, *, progress: Callable[[Path], None] = lambda path: None) -> Path:
    """Write the site of a league to `folder`, the league's own if not given; returns its index.html.

    `progress` hears of each replay before it is played; pages that are still right are left as they are. A replay that
    cannot be played is named on the page, with the reason.
    """
    folder = folder or league / PAGE
    with Store.open(league) as store:
        standings = read_standings(store)
        about = _about(league, store, standings)
    files = sorted((league / REPLAYS).glob(f"*{SUFFIX}"), reverse=True)
    told = (_replay(file, folder, progress) for file in files)
    about["replays"] = [one for one in told if one is not None]
    if folder == league / PAGE:
        _clear(folder / REPLAYS, kept={f"{file.stem}.html" for file in files})
    return write_page(
        folder / "index.html",
        "league.html",
        styles=("league.css",),
        scripts=("making.js", "league.js"),
        title=league.resolve().name,
        policy=_FRAMES,
        theme=theme(),
        data=as_json(_known(about)),
    )


def _about(league: Path, store: Store, standings: Standings) -> dict[str, Any]:
    payoffs = standings.payoffs
    names = [player.name for player in standings.order]
    cycles = standings.cycles
    beyond = [f"{len(cycles)} sure cycles of three" if cycles else "No sure cycle of three", *cycles[:_CYCLES]]
    return {
        "name": league.resolve().name,
        "world": standings.world,
        "turn": standings.turn,
        "steps": standings.steps,
        "seconds": standings.seconds,
        "together": payoffs.together,
        "top": standings.top,
        "champion": standings.champion,
        "promotions": standings.promotions,
        "games": sum(row.games for row in store.matches("ladder")),
        "cyclic_share": standings.cyclic_share,
        "rows": [_row(row) for row in standings.rows],
        "partners": [_partner(row) for row in standings.partners],
        "beyond": ([] if payoffs.together else [*beyond, *told_forgetting(standings)]) + told_lately(standings),
        "payoff": _payoff(standings, names),
        "history": _history(store, names),
        "events": [[turn, told(event)] for turn, event in reversed(store.events())],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.player.name,
        "rating": row.rating.conservative,
        "mu": row.rating.mu,
        "mu_interval": list(row.rating.interval),
        "elo": row.elo,
        "elo_interval": list(row.elo_interval),
        "win_rate": row.win_rate,
        "win_rate_interval": list(row.win_rate_interval),
        "nash": row.nash,
        "games": row.rating.games,
        "steps": row.player.steps,
    }


def _partner(row: PartnerRow) -> dict[str, Any]:
    return {
        "name": row.player.name,
        "cross_play": row.cross_play,
        "cross_play_interval": list(row.cross_play_interval),
        "self_play": row.self_play,
        "self_play_interval": list(row.self_play_interval),
        "gap": row.gap,
        "gap_interval": list(row.gap_interval),
        "games": row.games,
    }


def _payoff(standings: Standings, names: list[str]) -> dict[str, Any]:
    """[K][K] of the row's player, best players first."""
    payoffs = standings.payoffs
    order = [payoffs.names.index(name) for name in names]
    means = payoffs.means
    known = [float(value) for value in means[payoffs.games > 0]]
    intervals = {(i, j): payoffs.interval(i, j) for i in order for j in order}
    return {
        "names": names,
        "means": [[float(means[i, j]) for j in order] for i in order],
        "low": [[intervals[i, j][0] for j in order] for i in order],
        "high": [[intervals[i, j][1] for j in order] for i in order],
        "games": [[int(payoffs.games[i, j]) for j in order] for i in order],
        "range": [min(known, default=0.0), max(known, default=1.0)] if payoffs.together else [0.0, 1.0],
    }


def _history(store: Store, names: Iterable[str]) -> list[dict[str, Any]]:
    """[turn, mu, lower, upper end] of each player that was ever rated, best players first."""
    points: dict[str, list[list[float]]] = {}
    for turn, row in store.rating_history():
        rating = Rating(row.mu, row.sigma, row.elo, row.games)
        points.setdefault(row.player, []).append([turn, rating.mu, *rating.interval])
    return [{"name": name, "points": points[name]} for name in names if name in points]


def _replay(file: Path, folder: Path, progress: Callable[[Path], None]) -> dict[str, str] | None:
    """What the site tells of a replay, whose page is written where it is missing, or was made of something else; None where
    a league that runs has just removed it."""
    page = folder / REPLAYS / f"{file.stem}.html"
    try:
        try:
            replay, source = read_replay(file), source_of(file)
        except FileNotFoundError:
            return None
        if not is_made_from(page, source):
            progress(file)
            timeline = ReplayTimeline(replay)
            try:
                write_html(timeline, page, source=source)
            finally:
                timeline.close()
    except MarlPPOError as error:
        # Without the folders of this machine, which are nobody's business.
        return {"title": file.stem, "broken": str(error).replace(str(file), file.name)}
    return {"title": " – ".join(replay.sides), "about": _told(replay, file), "page": f"{REPLAYS}/{quote(file.stem)}.html"}


def _told(replay: Replay, file: Path) -> str:
    result = replay.events[-1].text if replay.events else ""
    return ", ".join(part for part in (file.stem, f"{replay.steps:,} steps", result) if part)


def _clear(folder: Path, kept: set[str]) -> None:
    """Remove the pages of replays that the league no longer has."""
    for page in folder.glob("*.html"):
        if page.name not in kept:
            page.unlink()


def _known(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they are null, and read n/a."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
