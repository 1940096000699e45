"""`marl-ppo evaluate [PLAYER] [name=value ...]`: a table, and JSON on request."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table

from marl_ppo.cli.arguments import one_word, parse_flags, require_file, require_positive, split_words, world_of
from marl_ppo.cli.report import summary_table, write_report
from marl_ppo.envs.world import World, WorldSpec
from marl_ppo.errors import ConfigError, MarlPPOError
from marl_ppo.evaluation.evaluate import Evaluation, evaluate
from marl_ppo.evaluation.statistics import normalized_skill
from marl_ppo.play.seating import Player, playable_teams
from marl_ppo.training.players import UNTRAINED, find_player


@dataclass(frozen=True)
class EvaluateFlags:
    """Measure a player on held-out episodes: marl-ppo evaluate [PLAYER] [name=value ...] [flags].

    PLAYER is a run, a checkpoint or a bot (the newest run if left out), or scripted or random with --world.
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


def main(arguments: list[str]) -> None:
    """Measure greedy and stochastic play beside the random and the scripted player."""
    words, settings, flags = split_words(arguments)
    command = parse_flags(EvaluateFlags, flags, "marl-ppo evaluate PLAYER")
    require_positive(episodes=command.episodes, num_envs=command.num_envs)
    require_file(command.json)
    world, name = world_of(one_word(words), command.world, settings, command.episodes, command.num_envs)
    if command.against is not None and len(world.spec.teams) == 1:
        raise ConfigError(f"world {world.spec.id!r} has one team, so nobody plays against it; leave out --against")
    console = Console()
    variants = _variants(name, world)
    opponent = _opponent(command.against, world.spec, name)
    teams = {}
    for team in _teams(world.spec, variants[0][1], command.team):
        results = {}
        for label, player in variants:
            about = f"{team}, {label}: {{:,}} of {command.episodes:,} episodes of {world.spec.id}"
            with console.status(about.format(0)) as status:

                def show(done: int, status: Status = status, about: str = about) -> None:
                    status.update(about.format(done))

                lineup = [player if other == team else opponent for other in world.spec.teams]
                results[label] = evaluate(world, lineup, episodes=command.episodes, seed=command.seed, on_progress=show)
        teams[team] = _report(results, team)
        against = f", team {team} against {opponent.name}" if len(world.spec.teams) > 1 else ""
        about = f"{world.spec.id}: {name}, {command.episodes:,} held-out episodes, seed {command.seed}{against}"
        console.print(about, highlight=False)
        console.print(_table(teams[team], team))
    if command.json is not None:
        report = {
            "player": name,
            "world": world.spec.id,
            "version": world.spec.version,
            "config": dict(world.spec.config),
            "episodes": command.episodes,
            "seed": command.seed,
            "against": opponent.name if len(world.spec.teams) > 1 else None,
            "teams": teams,
        }
        write_report(report, command.json, console)


def _variants(name: str, world: World) -> list[tuple[str, Player]]:
    if name in UNTRAINED:
        return [(name, find_player(name, world.spec, greedy=True))]
    found = [(mode, find_player(name, world.spec, greedy=mode == "greedy")) for mode in ("greedy", "stochastic")]
    for anchor in ("random", "scripted"):
        try:
            found.append((anchor, find_player(anchor, world.spec, greedy=True)))
        except MarlPPOError:  # no script, or none for so many agents; no random play in an unbounded space
            continue
    return found


def _teams(spec: WorldSpec, player: Player, wanted: str | None) -> list[str]:
    """The teams to measure: the one asked for, or all that the player can play."""
    able = playable_teams(spec, player)
    if wanted is None:
        return able
    if wanted not in able:
        raise ConfigError(f"{player.name!r} cannot play the team {wanted!r} of {spec.id!r}; it plays {', '.join(able)}")
    return [wanted]


def _opponent(wanted: str | None, spec: WorldSpec, name: str) -> Player:
    """Who plays the teams that are not measured."""
    if wanted is not None:
        return find_player(wanted, spec)
    try:
        return find_player("scripted", spec)
    except MarlPPOError:
        player = find_player(name, spec)
        return player if playable_teams(spec, player) == list(spec.teams) else find_player("random", spec)


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
