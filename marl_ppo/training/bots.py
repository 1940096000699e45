"""From a run to a bot: agents/NAME, whole or not at all."""

import datetime
import platform
import re
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marl_ppo.envs.registry import world_plugin
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.play.seating import Player, playable_teams
from marl_ppo.training.cards import Card, content_hash, write_card
from marl_ppo.training.checkpoint import read_meta
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.lineups import copies_for, opponent, variants
from marl_ppo.training.players import BOTS, copy_player, find_trained, is_untrained, trained_config
from marl_ppo.training.setup import world_from

EPISODES = 1000
"""held-out episodes that the card tells the results of"""


def check_bot_name(name: str) -> None:
    """Raise ConfigError unless a bot can be saved as agents/NAME."""
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise ConfigError(f"a bot's name must be letters, digits and any of _ . + -, without folders; got {name!r}")
    if is_untrained(name) or (BOTS / name).exists():
        raise ConfigError(f"{name!r} is a player that there is already; choose another name to save the bot as")


def save_bot(run: str, name: str, *, command: str, league: Mapping[str, Any] | None = None, episodes: int = EPISODES) -> Path:
    """Measure a trained player, by its name or folder, and save it as agents/NAME with its card. Returns the folder.

    `command` is what it was trained or picked by, `league` what a league tells of it, for the card. Raises ConfigError where
    the name is taken.
    """
    check_bot_name(name)
    checkpoint = find_trained(run)
    config = trained_config(checkpoint)
    writing = BOTS / f".writing-{name}"
    shutil.rmtree(writing, ignore_errors=True)
    try:
        copy_player(checkpoint, writing)
        spec, player, results = _measured(checkpoint, config, episodes)
        card = Card(
            name=name,
            hash=content_hash(writing),
            world=_world(spec, config),
            plays=_plays(spec, player),
            training=_training(checkpoint, config, command) | ({} if league is None else {"league": dict(league)}),
            results=results,
        )
        write_card(card, writing)
        check_bot_name(name)  # somebody may have been faster
        return writing.rename(BOTS / name)
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise


def _measured(checkpoint: Path, config: TrainConfig, episodes: int) -> tuple[WorldSpec, Player, dict[str, Any]]:
    """The world, the player that takes its most probable actions, and the returns of the teams that it plays."""
    world = world_from(config, copies_for(config.world, episodes))
    try:
        spec = world.spec
        measured = variants(str(checkpoint), spec)
        player = measured[0][1]
        results: dict[str, Any] = {"episodes": episodes, "seed": 0}
        other = opponent(None, spec, str(checkpoint))
        if len(spec.teams) > 1:
            results["against"] = other.name if is_untrained(other.name) else "itself"
        results["teams"] = {}
        for team in playable_teams(spec, player):
            results["teams"][team] = told = {}
            for label, measure in measured:
                lineup = [measure if one == team else other for one in spec.teams]
                summary = evaluate(world, lineup, episodes=episodes).summaries()[f"return/{team}"]
                told[label] = {"mean": summary.mean, "interval": list(summary.interval)}
    finally:
        world.close()
    return spec, player, results


def _world(spec: WorldSpec, config: TrainConfig) -> dict[str, Any]:
    told: dict[str, Any] = {"id": config.world, "version": spec.version, "settings": dict(config.world_config)}
    plugin = world_plugin(config.world)
    return told if plugin is None else told | {"package": plugin.package}


def _plays(spec: WorldSpec, player: Player) -> dict[str, Any]:
    groups = {}
    for group in spec.groups:
        if agents := [agent for agent in group.agents if agent in player.policies]:
            obs = {leaf: str(space) for leaf, space in group.obs.items()}
            groups[group.name] = {"agents": agents, "obs": obs, "action": str(group.action), "masked": group.masked}
    return {"teams": playable_teams(spec, player), "groups": groups}


def _training(checkpoint: Path, config: TrainConfig, command: str) -> dict[str, Any]:
    counters = read_meta(checkpoint)["counters"]
    packages = ("marl_ppo", "torch", "numpy", "numba")
    return {
        "command": command,
        "seed": config.seed,
        "steps": counters["steps"],
        "seconds": round(counters["seconds"], 1),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
    }
