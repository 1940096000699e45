"""`marl-ppo evaluate [PLAYER] [name=value ...]`: a table, and JSON on request."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table

from marl_ppo.cli.arguments import one_word, parse_flags, require_file, require_positive, split_words, world_of
from marl_ppo.cli.recording import check_kinds, film_first, record_episodes
from marl_ppo.cli.report import summary_table, write_report
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import Evaluation, evaluate
from marl_ppo.evaluation.replays import kinds_from
from marl_ppo.evaluation.statistics import normalized_skill
from marl_ppo.leagues.folders import as_player
from marl_ppo.training.lineups import measured_teams, opponent, variants


@dataclass(frozen=True)
class EvaluateFlags:
    """Measure a player on held-out episodes: marl-ppo evaluate [PLAYER] [name=value ...] [flags].

    PLAYER is a run, a checkpoint, a bot, LEAGUE:NAME for a league's player, a league for its top player (the newest run
    or league if left out); or, with --world, scripted,
    scripted:NAME or random.
    """

    world: str | None = None
    """world to play; if not given, the one PLAYER was trained on"""
    team: str | None = None
    """the team to measure; in turn all that PLAYER plays if not given"""
    against: str | None = None
    """who plays the other teams, sampling its actions: scripted, random or a trained player; if not given, the script,
    where there is none PLAYER itself, and where PLAYER cannot, random"""
    episodes: int = 10_000
    """held-out episodes"""
    seed: int = 0
    """of the held-out episodes"""
    num_envs: int | None = None
    """copies stepped together; if not given, 1000, or 50 of an installed env, of which each copy costs memory"""
    json: Path | None = None
    """write the results here"""
    record: str = ""
    """write replays of the first way PLAYER is measured to replays/: longest, shortest, median, best, worst or first,
    several with commas"""
    record_count: int = 1
    """of each kind"""


def main(arguments: list[str]) -> None:
    """Measure greedy and stochastic play beside the random and the scripted player."""
    words, settings, flags = split_words(arguments)
    command = parse_flags(EvaluateFlags, flags, "marl-ppo evaluate PLAYER")
    require_positive(episodes=command.episodes, num_envs=command.num_envs, record_count=command.record_count)
    kinds = kinds_from(command.record)
    require_file(command.json)
    world, name = world_of(one_word(words), command.world, settings, command.episodes, command.num_envs)
    if command.against is not None and len(world.spec.teams) == 1:
        raise ConfigError(f"world {world.spec.id!r} has one team, so nobody plays against it; leave out --against")
    check_kinds(kinds, world.spec)
    record = bool(kinds) and "resimulate" in world.spec.capabilities
    console = Console()
    measured = variants(name, world.spec)
    other = opponent(None if command.against is None else as_player(command.against), world.spec, name)
    teams = {}
    for team in measured_teams(world.spec, measured[0][1], command.team):
        results = {}
        for label, player in measured:
            about = f"{team}, {label}: {{:,}} of {command.episodes:,} episodes of {world.spec.id}"
            with console.status(about.format(0)) as status:

                def show(done: int, status: Status = status, about: str = about) -> None:
                    status.update(about.format(done))

                lineup = [player if one == team else other for one in world.spec.teams]
                results[label] = evaluate(
                    world,
                    lineup,
                    episodes=command.episodes,
                    seed=command.seed,
                    record=record and player is measured[0][1],
                    on_progress=show,
                )
                if kinds and not record and player is measured[0][1]:
                    film_first(world, lineup, command.record_count, command.seed, "eval", console)
                if results[label].recordings is not None:
                    record_episodes(results[label], lineup, team, kinds, command.record_count, console)
        teams[team] = _report(results, team)
        against = f", team {team} against {other.name}" if len(world.spec.teams) > 1 else ""
        about = f"{world.spec.id}: {name}, {command.episodes:,} held-out episodes, seed {command.seed}{against}"
        console.print(about, highlight=False)
        console.print(_table(teams[team], team))
        if broken := sum(result.faulted for result in results.values()):
            console.print(f"{broken:,} episodes broke and are left out; the last time, {world.last_fault}", highlight=False)
    if command.json is not None:
        report = {
            "player": name,
            "world": world.spec.id,
            "version": world.spec.version,
            "config": dict(world.spec.config),
            "episodes": command.episodes,
            "seed": command.seed,
            "against": other.name if len(world.spec.teams) > 1 else None,
            "teams": teams,
        }
        write_report(report, command.json, console)


def _report(results: dict[str, Evaluation], team: str) -> dict[str, Any]:
    """Of one team: the summaries by player and measure, and the skill by player."""
    players = {
        label: {name: asdict(summary) for name, summary in result.summaries().items()} for label, result in results.items()
    }
    means = {label: measures[f"return/{team}"]["mean"] for label, measures in players.items()}
    skill = {}
    if {"random", "scripted"} <= means.keys():
        anchors = {"random": means["random"], "reference": means["scripted"]}
        skill = {label: normalized_skill(value, **anchors) for label, value in means.items()}
    return {"players": players, "skill": skill}


def _table(report: dict[str, Any], team: str) -> Table:
    """One block per measure, so that the players stand under each other."""
    players = report["players"]
    blocks = {}
    for measure in next(iter(players.values())):
        kind, _, name = measure.partition("/")
        if kind == "metric" or name == team:
            title = f"return {name}" if kind == "return" else name
            blocks[title] = {label: measures[measure] for label, measures in players.items()}
    return summary_table(blocks, skill=report["skill"])
