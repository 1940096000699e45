"""`marl-ppo evaluate [PLAYER] [name=value ...]`: a table, and JSON on request."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from marl_ppo.cli.arguments import split_words
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import Evaluation, evaluate
from marl_ppo.evaluation.statistics import normalized_skill
from marl_ppo.play.seating import Player
from marl_ppo.training.players import find_player, find_trained, newest_run, trained_config


@dataclass(frozen=True)
class EvaluateFlags:
    """Measure a player on held-out episodes: marl-ppo evaluate [PLAYER] [name=value ...] [flags].

    PLAYER is a run, a checkpoint or a bot (the newest run if left out), or scripted or random with --world.
    """

    world: str | None = None
    """world to play; for a trained player, the one it was trained on"""
    team: str | None = None
    """the team PLAYER plays; all teams if not given"""
    against: str = "scripted"
    """who plays the other teams, where --team is given"""
    episodes: int = 10_000
    """held-out episodes"""
    seed: int = 0
    """of the held-out episodes"""
    num_envs: int = 1000
    """copies stepped together; changes speed only"""
    json: Path | None = None
    """write the results here"""


def main(arguments: list[str]) -> None:
    """Measure greedy and stochastic play beside the random and the scripted player."""
    words, settings, flags = split_words(arguments)
    command = tyro.cli(EvaluateFlags, args=flags, prog="marl-ppo evaluate PLAYER")
    if len(words) > 1:
        raise ConfigError(f"name one player, got {words}")
    world, name = world_of(words[0] if words else None, command.world, settings, min(command.num_envs, command.episodes))
    console = Console()
    results = {}
    for label, player in _variants(name, world):
        with console.status(f"{label}: {command.episodes:,} episodes of {world.spec.id}"):
            lineup = _lineup(world, player, command)
            results[label] = evaluate(world, lineup, episodes=command.episodes, seed=command.seed)
    report = _report(results, world, command)
    console.print(_table(report, world, command))
    if command.json is not None:
        command.json.write_text(json.dumps(report, indent=2))
        console.print(f"Wrote {command.json}.")


def world_of(player: str | None, world: str | None, settings: dict[str, Any], num_envs: int) -> tuple[World, str]:
    """The world a player is to play, and the player's name: the newest run if there is none."""
    if player is None:
        player = str(newest_run())
    if player in ("random", "scripted"):
        if world is None:
            raise ConfigError(f"say which world {player!r} plays, with --world")
        return make_world(world, num_envs=num_envs, **settings), player
    config = trained_config(find_trained(player))
    return make_world(config.world, num_envs=num_envs, **{**config.world_config, **settings}), player


def _variants(name: str, world: World) -> list[tuple[str, Player]]:
    if name in ("random", "scripted"):
        return [(name, find_player(name, world.spec, greedy=True))]
    found = [(mode, find_player(name, world.spec, greedy=mode == "greedy")) for mode in ("greedy", "stochastic")]
    for anchor in ("random", "scripted"):
        try:
            found.append((anchor, find_player(anchor, world.spec, greedy=True)))
        except LookupError:  # a world without a script has no upper anchor
            continue
    return found


def _lineup(world: World, player: Player, command: EvaluateFlags) -> list[Player]:
    teams = world.spec.teams
    if command.team is None:
        if set(world.spec.agents) <= player.policies.keys():
            return [player] * len(teams)
        played = sorted(
            {
                world.spec.teams[t]
                for g in world.spec.groups
                for a, t in zip(g.agents, g.team, strict=True)
                if a in player.policies
            }
        )
        raise ConfigError(f"{player.name!r} plays only {played}; say so with --team {played[0]}")
    if command.team not in teams:
        raise ConfigError(f"world {world.spec.id!r} has no team {command.team!r}; its teams are {list(teams)}")
    other = find_player(command.against, world.spec)
    return [player if team == command.team else other for team in teams]


def _report(results: dict[str, Evaluation], world: World, command: EvaluateFlags) -> dict[str, Any]:
    summaries = {label: result.summaries() for label, result in results.items()}
    players = {
        label: {name: asdict(summary) | {"interval": list(summary.interval)} for name, summary in found.items()}
        for label, found in summaries.items()
    }
    teams = [command.team] if command.team else list(world.spec.teams)
    skill = {}
    if {"random", "scripted"} <= players.keys():
        for label in players:
            skill[label] = {
                team: normalized_skill(
                    players[label][f"return/{team}"]["mean"],
                    random=players["random"][f"return/{team}"]["mean"],
                    reference=players["scripted"][f"return/{team}"]["mean"],
                )
                for team in teams
            }
    return {
        "world": world.spec.id,
        "version": world.spec.version,
        "config": dict(world.spec.config),
        "episodes": command.episodes,
        "seed": command.seed,
        "team": command.team,
        "against": command.against if command.team else None,
        "players": players,
        "skill": skill,
    }


def _table(report: dict[str, Any], world: World, command: EvaluateFlags) -> Table:
    against = f", team {command.team} against {command.against}" if command.team else ""
    title = f"{world.spec.id}: {command.episodes:,} held-out episodes, seed {command.seed}{against}"
    table = Table(title=title, box=None, title_justify="left", pad_edge=False)
    for column in ("player", "measure", "mean", "± s.e.", "IQM", "95 % interval", "skill"):
        table.add_column(column, justify="left" if column in ("player", "measure") else "right", no_wrap=True)
    for label, measures in report["players"].items():
        for name, summary in measures.items():
            kind, _, team = name.partition("/")
            skill = report["skill"].get(label, {}).get(team) if kind == "return" else None
            low, high = summary["interval"]
            table.add_row(
                label,
                team if kind == "metric" else f"return {team}",
                f"{summary['mean']:.3f}",
                f"{summary['standard_error']:.3f}",
                f"{summary['iqm']:.3f}",
                f"{low:.3f} … {high:.3f}",
                "" if skill is None else f"{skill:.0%}",
            )
        table.add_row()
    return table
