"""`marl-ppo match WORLD A B [C ...] [name=value ...]`: who wins, or plays better together; tables, a picture, and JSON."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from marl_ppo.cli.arguments import Settings, make_copies, parse_flags, require_file, require_positive, split_words
from marl_ppo.cli.recording import check_kinds, film_first, record_match
from marl_ppo.cli.report import number, summary_table, write_report
from marl_ppo.envs.registry import is_installed, world_settings
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.cross_play import CrossPlay, cross_play
from marl_ppo.evaluation.heat_map import draw_heat_map
from marl_ppo.evaluation.match import MatchResult, Progress, Standing, distinct, match
from marl_ppo.evaluation.replays import kinds_from
from marl_ppo.leagues.folders import as_player
from marl_ppo.play.seating import Player
from marl_ppo.training.config_file import preset
from marl_ppo.training.players import find_levels, find_player, is_untrained, trained_config

PICTURE = Path("match.png")
WIDE = 6
"""players up to whom a cross-play table of 80 columns has room for the intervals"""


@dataclass(frozen=True)
class MatchFlags:
    """Let players meet: marl-ppo match WORLD A B [C ...] [name=value ...] [flags].

    Each of A, B, C is a run, a checkpoint, a bot, LEAGUE:NAME for a league's player, a league for its top player, scripted,
    scripted:NAME or random; one that is named twice meets itself, as A and A#2.

    SIDES ARE BALANCED: every held-out seed is played once with each player on each side, so that a lucky deal or the better
    side favours nobody. Where a player plays one side only, the lineups that are possible are played, and that is said.

    A world with T teams takes T players. With two teams and more players, every pair plays. In a world with one team each
    player plays all of it, on the same seeds, and their returns are compared.

    WHO WINS: the team with the higher outcome; where the world tells no outcomes, with the higher return. Score is win + ½
    draw (with more than two teams, a share of the first place), with Wilson's 95 % intervals. It counts how often one wins; the
    returns tell by how much.
    """

    episodes: int = 1000
    """of each player, or of each pair where every pair plays; rounded up so that each seed is played from every side"""
    seed: int = 0
    """of the held-out seeds"""
    greedy: bool = False
    """take the most probable actions instead of sampling them"""
    all_pairs: bool = False
    """every pair, and each player with itself: a cross-play table, and a picture of it. In a world with one team, one agent
    is played by the row's player and the others by the column's"""
    out: Path | None = None
    """the picture of --all-pairs; match.png if not given"""
    num_envs: int | None = None
    """copies stepped together; if not given, up to 1000, or 50 of an installed env, of which each copy costs memory"""
    json: Path | None = None
    """write the results here"""
    record: str = ""
    """write replays to replays/: upsets, longest, shortest, median, best, worst or first, several with commas"""
    record_count: int = 1
    """of each kind"""


def main(arguments: list[str]) -> None:
    """Play, and tell what came of it."""
    words, settings, flags = split_words(arguments)
    command = parse_flags(MatchFlags, flags, "marl-ppo match WORLD A B")
    require_positive(episodes=command.episodes, num_envs=command.num_envs, record_count=command.record_count)
    kinds = kinds_from(command.record)
    require_file(command.json)
    require_file(command.out)
    if command.out is not None and not command.all_pairs:
        raise ConfigError("--out names the picture of --all-pairs; give both or neither")
    if not words:
        raise ConfigError("name a world and the players: marl-ppo match WORLD A B")
    world_id, *named = words
    world_settings(world_id)  # an unknown world is refused before an unknown player
    names = [as_player(name) for name in named]
    console = Console()
    settings, note = _settings_of(world_id, names, settings)
    if note:
        console.print(note, highlight=False)
    # A seed is played from both sides, so that there are half as many as episodes.
    world = make_copies(world_id, settings, -(-command.episodes // 2), command.num_envs)
    players = _find_players(names, world, command.greedy)
    every_pair = command.all_pairs or len(world.spec.teams) == 2 < len(players)
    if kinds:
        check_kinds(kinds, world.spec)
        if every_pair and len(world.spec.teams) > 1:
            raise ConfigError("--record is for one match at a time: name two players, without --all-pairs")
    report: dict[str, Any] = {
        "world": world.spec.id,
        "version": world.spec.version,
        "config": dict(world.spec.config),
        "players": names,
        "episodes": command.episodes,
        "seed": command.seed,
        "greedy": command.greedy,
    }
    how = f"seed {command.seed}, {'most probable' if command.greedy else 'sampled'} actions"
    options: dict[str, Any] = {"episodes": command.episodes, "seed": command.seed}
    table = None
    if every_pair:
        with _progress(console, world) as show:
            table = cross_play(world, players, self_play=command.all_pairs, on_progress=show, **options)
    if not every_pair or len(world.spec.teams) == 1:
        with _progress(console, world) as show:
            record = bool(kinds) and "resimulate" in world.spec.capabilities
            result = match(world, players, record=record, on_progress=show, **options)
        console.print(f"{world.spec.id}: {', '.join(result.players)}; {command.episodes:,} episodes, {how}", highlight=False)
        _show_match(result, command.episodes, console)
        report["matches"] = [_match_report(result)]
        if record:
            record_match(result, distinct(players), kinds, command.record_count, console)
        elif kinds:
            lineup = [players[p] for p in result.lineups[0]]
            film_first(world, lineup, command.record_count, command.seed, "match", console)
    if table is not None:
        pairs = f"{world.spec.id}: every pair of {', '.join(table.players)}; {command.episodes:,} episodes each, {how}"
        console.print(pairs, highlight=False)
        _show_pairs(table, command.episodes, console)
        report.setdefault("matches", [_match_report(result) for result in table.matches.values()])
        report["cross_play"] = {
            "players": table.players,
            "shows": table.shows,
            **{name: getattr(table, name).tolist() for name in ("mean", "low", "high")},
            "dropped": table.dropped,
        }
        if command.all_pairs:
            title = f"{world.spec.id}: {command.episodes:,} episodes per pair, seed {command.seed}"
            console.print(f"Wrote {draw_heat_map(table, command.out or PICTURE, title=title)}.")
    if command.json is not None:
        write_report(report, command.json, console)


def _settings_of(world_id: str, names: Sequence[str], settings: Settings) -> tuple[Settings, str]:
    """The world's settings and what to say of them: those of the command, else those the trained players agree on."""
    folders = [folder for name in dict.fromkeys(names) if not is_untrained(name) for folder in find_levels(name)]
    configs = [trained_config(folder) for folder in folders]
    trained = [dict(config.world_config) for config in configs if config.world == world_id]
    # What is shipped for an installed env often says who plays with whom.
    shipped = preset(world_id).world_config if is_installed(world_id) else {}
    if not any(trained):
        return {**shipped, **settings}, ""
    if any(config != trained[0] for config in trained):
        return {**shipped, **settings}, "Players were trained with different settings; the world's own are used."
    written = " ".join(f"{name}={value}" for name, value in trained[0].items())
    return {**trained[0], **settings}, f"Played with the settings of the trained players: {written}."


def _find_players(names: Sequence[str], world: World, greedy: bool) -> list[Player]:
    """In the order of the names; one that is named twice is found once, so that it plays itself with the same networks."""
    found = {name: find_player(name, world.spec, greedy=greedy) for name in dict.fromkeys(names)}
    return [found[name] for name in names]


@contextmanager
def _progress(console: Console, world: World) -> Iterator[Progress]:
    with console.status(f"playing {world.spec.id}") as status:
        yield lambda done, total: status.update(f"{done:,} of {total:,} episodes of {world.spec.id}")


def _show_match(result: MatchResult, wanted: int, console: Console) -> None:
    teams = result.spec.teams
    for line in _remarks([result], wanted):
        console.print(line, highlight=False)
    if len(teams) > 1:
        console.print(_standings_table(result))
    report = _match_report(result)
    blocks = {"return": report["returns"]}
    if len(teams) > 1:
        blocks |= {f"return as {team}": report["team_returns"][team] for team in teams}
    else:
        blocks["difference of returns"] = report["differences"]
    lineups = f", {' – '.join(teams)}" if len(teams) > 1 else ""
    blocks |= {f"{metric}{lineups}": summaries for metric, summaries in report["metrics"].items()}
    console.print(summary_table(blocks))


def _show_pairs(table: CrossPlay, wanted: int, console: Console) -> None:
    for line in _remarks(list(table.matches.values()), wanted, table.dropped):
        console.print(line, highlight=False)
    if table.matches:
        console.print(_pairs_table(list(table.matches.values())))
        cells = "Score of the row against the column"
    else:
        cells = "Return with one agent of the row's player, the others the column's"
    intervals = ", ± half the interval" if len(table.players) <= WIDE else ""
    console.print(f"{cells}{intervals}:", highlight=False)
    console.print(_cross_table(table))


def _remarks(results: Sequence[MatchResult], wanted: int, dropped: int | None = None) -> list[str]:
    """What a reader has to know of how it was played."""
    lines = []
    if results and len(results[0].spec.teams) > 1:
        if all(result.balanced for result in results):
            lines.append("Sides are balanced: every seed is played once from every side.")
        if lineups := [lineup for result in results if not result.balanced for lineup in _lineups(result)]:
            lines.append(f"Sides are NOT balanced, since not everybody plays every team: {'; '.join(lineups)}.")
        sizes = sorted({result.episodes + result.dropped for result in results} - {wanted})
        lines += [f"Rounded up from {wanted:,} to {size:,} episodes, the same number on every side." for size in sizes]
        if results[0].by == "return":
            lines.append(f"{results[0].spec.id} tells no outcomes: the higher return wins.")
    dropped = sum(result.dropped for result in results) if dropped is None else dropped
    if dropped:
        lines.append(f"{dropped:,} episodes are left out: they faulted, or another one on their seed did.")
    return lines


def _lineups(result: MatchResult) -> list[str]:
    """Each in words, with its number of episodes: "chasers A, prey B (500)"."""
    named = [zip(result.spec.teams, lineup, strict=True) for lineup in result.lineups]
    episodes = f"({result.episodes // len(result.lineups):,})"
    return [f"{', '.join(f'{team} {result.players[p]}' for team, p in seats)} {episodes}" for seats in named]


def _standings_table(result: MatchResult) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for column in ("win", "draw", "loss", "win rate", "95 %", "score", "95 %"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, standing in result.standings().items():
        table.add_row(
            name,
            *_counts(standing),
            f"{standing.win_rate:.3f}",
            "{:.2f} … {:.2f}".format(*standing.win_interval),
            f"{standing.score:.3f}",
            "{:.2f} … {:.2f}".format(*standing.score_interval),
        )
    return table


def _pairs_table(results: Sequence[MatchResult]) -> Table:
    """Of each pair, how the first did against the second."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for column in ("win", "draw", "loss", "score", "95 %", "return", "± s.e."):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        standing = next(iter(result.standings().values()))
        returns = next(iter(result.player_returns().values()))
        table.add_row(
            " – ".join(result.players),
            *_counts(standing),
            f"{standing.score:.3f}",
            "{:.2f} … {:.2f}".format(*standing.score_interval),
            f"{returns.mean:.3f}",
            number(returns.standard_error, ".3f"),
        )
    return table


def _counts(standing: Standing) -> list[str]:
    return [f"{count:,}" for count in (standing.wins, standing.draws, standing.losses)]


def _cross_table(result: CrossPlay) -> Table:
    """Square, with intervals as far as 80 columns have room for them."""
    largest = float(np.nanmax(np.abs(result.mean)))
    form = f".{max(0, 2 - max(0, math.floor(math.log10(max(largest, 1.0)))))}f"

    def cell(row: int, column: int) -> str:
        value, half = result.mean[row, column], (result.high[row, column] - result.low[row, column]) / 2
        shown = number(value, form)
        return shown if math.isnan(value) or len(result.players) > WIDE else f"{shown}±{half:{form}}"

    cells = [[cell(row, column) for column in range(len(result.players))] for row in range(len(result.players))]
    width = max(len(text) for row in cells for text in row)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold")
    for name in result.players:
        table.add_column(name, justify="right", overflow="fold", min_width=width, max_width=width)
    for name, row in zip(result.players, cells, strict=True):
        table.add_row(name, *row)
    return table


def _match_report(result: MatchResult) -> dict[str, Any]:
    """Everything measured, ready for JSON."""

    def fields(summaries: Mapping[Any, Any]) -> dict[str, Any]:
        return {" - ".join(key) if isinstance(key, tuple) else key: asdict(summary) for key, summary in summaries.items()}

    spec = result.spec
    return {
        "players": result.players,
        "lineups": [{team: result.players[p] for team, p in zip(spec.teams, lineup, strict=True)} for lineup in result.lineups],
        "episodes": result.episodes,
        "dropped": result.dropped,
        "balanced": result.balanced,
        "sides": result.sides(),
        "won_by": result.by if len(spec.teams) > 1 else None,
        "standings": fields(result.standings()),
        "returns": fields(result.player_returns()),
        "team_returns": {team: fields(result.team_returns(team)) for team in spec.teams},
        "differences": fields(result.differences()),
        "metrics": {metric: fields(result.lineup_metrics(metric)) for metric in spec.metrics},
    }
