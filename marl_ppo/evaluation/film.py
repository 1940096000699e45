"""Filming: an episode of a world that cannot be played again, kept as pictures."""

from dataclasses import replace

import numpy as np

from marl_ppo.envs.seeds import Purpose, stream
from marl_ppo.envs.world import Array, World
from marl_ppo.play.episodes import EpisodeLog
from marl_ppo.play.play import Observer, Play
from marl_ppo.play.seating import Lineup, by_agent, seat_players
from marl_ppo.replays.frames import FrameGatherer
from marl_ppo.replays.recorder import Recorder
from marl_ppo.replays.replay import Event, Replay
from marl_ppo.replays.sealing import described

LONGEST = 2_000
"""steps of a film at most"""


def film(
    world: World, lineup: Lineup, *, episode: int = 0, seed: int = 0, purpose: Purpose = "match", note: str = ""
) -> Replay:
    """Play one episode of a world of one copy, which must be able to draw itself, and keep what is seen."""
    spec = world.spec
    spec.require("scene", "to film a match")
    players = by_agent(spec, lineup)
    seating = seat_players(spec, 1, players)
    recorder, log, gatherer = Recorder(world), EpisodeLog(spec, 1), FrameGatherer()
    observers: list[Observer] = [recorder, log]

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(seed, purpose, 0, episodes + episode)

    play = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy, observers=observers)
    play.start()
    gatherer.add(world.scene(0))
    steps = 0
    while not world.outputs.ended[0] and steps < LONGEST:
        play.decide()
        play.advance()
        gatherer.add(world.scene(0))
        steps += 1
    whole = bool(world.outputs.ended[0])
    recording = recorder.take().all()[0] if whole else recorder.cut(0)
    episodes = log.take()
    returns = np.concatenate([own[0] for own in episodes.returns]) if len(episodes) else np.zeros(len(spec.agents))
    names = {agent: player.name for agent, player in players.items()}
    hashes = {player.name: player.hash for player in players.values() if player.hash}
    return replace(
        described(recording, spec, names, hashes),
        returns=tuple(returns.tolist()),
        complete=whole,
        events=(Event(steps, "end", "the end"),) if whole else (),
        frames=gatherer.frames(),
        note=note,
    )
