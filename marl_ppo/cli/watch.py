"""`marl-ppo watch [PLAYER] [name=value ...]`: a window, or a gif where there is no screen."""

import math
from dataclasses import dataclass
from pathlib import Path

from marl_ppo.cli.arguments import one_word, parse_flags, split_words, world_of
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array
from marl_ppo.errors import CapabilityError, ConfigError
from marl_ppo.leagues.folders import as_player
from marl_ppo.play.play import Play
from marl_ppo.play.seating import playable_teams, seat_players
from marl_ppo.training.players import find_player
from marl_ppo.viewer.live import live_feed
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.watch import watch


@dataclass(frozen=True)
class WatchFlags:
    """Watch a player: marl-ppo watch [PLAYER] [name=value ...] [flags]; the newest run or league if PLAYER is left out.

    PLAYER is a run, a checkpoint, a bot, LEAGUE:NAME for a league's player, or a league for its top player.
    """

    world: str | None = None
    """world to play; if not given, the one PLAYER was trained on"""
    against: str = "scripted"
    """who plays the teams that PLAYER cannot play, taking its most probable actions"""
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
    command = parse_flags(WatchFlags, flags, "marl-ppo watch PLAYER")
    if not 0 < command.seconds < math.inf:
        raise ConfigError(f"seconds must be positive and finite, got {command.seconds}")
    world, name = world_of(one_word(words), command.world, settings, episodes=1)
    spec = world.spec
    if "scene" not in spec.capabilities:
        raise CapabilityError(
            f"world {spec.id!r} cannot be drawn: it has no scene. A player can also be watched in another world whose agents "
            "look alike to it: name it with --world"
        )
    player = find_player(name, spec, greedy=not command.stochastic)
    able = playable_teams(spec, player)
    lineup = [player if team in able else find_player(as_player(command.against), spec, greedy=True) for team in spec.teams]
    seating = seat_players(spec, 1, lineup)

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(command.seed, "match", copies, episodes)

    play = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy)
    renderer = Renderer(title=f"{spec.id}: {player.name}", teams=spec.teams)
    watch(live_feed(play), renderer=renderer, rate=command.rate, out=command.out, seconds=command.seconds)
