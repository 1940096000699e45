"""`marl-ppo watch [PLAYER] [name=value ...]`: a window, or a gif where there is no screen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from marl_ppo.cli.arguments import split_words
from marl_ppo.cli.evaluate import world_of
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.training.players import find_player
from marl_ppo.viewer.live import live_feed
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.watch import watch


@dataclass(frozen=True)
class WatchFlags:
    """Watch a player: marl-ppo watch [PLAYER] [name=value ...] [flags]; the newest run if PLAYER is left out."""

    world: str | None = None
    """world to play; if not given, the one PLAYER was trained on"""
    against: str = "scripted"
    """who plays the teams that PLAYER cannot play"""
    stochastic: bool = False
    """sample actions instead of taking the most probable ones"""
    seed: int = 0
    """of the episodes"""
    rate: float = 8.0
    """world steps per second"""
    seconds: float = 20.0
    """length of a gif"""
    out: Path | None = None
    """write a gif here instead of opening a window"""


def main(arguments: list[str]) -> None:
    """Open the window or write the gif."""
    words, settings, flags = split_words(arguments)
    command = tyro.cli(WatchFlags, args=flags, prog="marl-ppo watch PLAYER")
    if len(words) > 1:
        raise ConfigError(f"name one player, got {words}")
    world, name = world_of(words[0] if words else None, command.world, settings, 1)
    world.spec.require("scene", "watching")
    player = find_player(name, world.spec, greedy=not command.stochastic)
    seating = seat_players(world.spec, 1, _lineup(world.spec, player, command.against))

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(command.seed, "match", copies, episodes)

    play = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy)
    renderer = Renderer(title=f"{world.spec.id}: {player.name}", teams=world.spec.teams)
    watch(live_feed(play), renderer=renderer, rate=command.rate, out=command.out, seconds=command.seconds)


def _lineup(spec: WorldSpec, player: Player, against: str) -> list[Player]:
    """PLAYER wherever it can play, `against` elsewhere."""
    everyone = [(agent, team) for group in spec.groups for agent, team in zip(group.agents, group.team, strict=True)]
    able = np.ones(len(spec.teams), bool)
    for agent, team in everyone:
        able[team] &= agent in player.policies
    return [player if able[t] else find_player(against, spec, greedy=True) for t in range(len(spec.teams))]
