"""Playing on from a moment of a replay, with whatever players: a branch.

The players see the match from its beginning and decide at every step, as they would have: memory and the numbers of their
decisions are right when it is their turn. Up to the moment, the recorded actions are played instead of what they decide.
"""

from collections.abc import Sequence

import numpy as np

from marl_ppo.envs.world import Array, World
from marl_ppo.errors import ConfigError
from marl_ppo.play.play import Observer, Play
from marl_ppo.play.seating import Lineup, seat_players
from marl_ppo.replays.replay import Origin, Replay


def play_on(replay: Replay, world: World, lineup: Lineup, step: int, observers: Sequence[Observer] = ()) -> Play:
    """A play that stands at moment `step` of a replay, in a `world` of one copy that `replays.simulation.world_of` made for
    it. `observers` watch it from the match's beginning.

    Raises ConfigError for a moment that the replay has not, or at which the match is over.
    """
    last = replay.steps - 1 if replay.complete else replay.steps
    if not 0 <= step <= last:
        raise ConfigError(f"a branch may begin at moments 0 to {last} of this match, got {step}")
    seating = seat_players(world.spec, 1, lineup)

    def seeds(copies: Array, episodes: Array) -> Array:
        # Only the first episode is the replay's; whoever plays on after its end meets others.
        return np.uint64(replay.seed) + episodes.astype(np.uint64)

    play = Play(
        world, seating.policies, seating.seats, seeds, greedy=seating.greedy, observers=observers, params=lambda: replay.params
    )
    play.start()
    for moment in range(step):
        play.decide()
        for actions, recorded in zip(play.actions, replay.actions, strict=True):
            actions[0] = recorded[moment]
        play.advance()
    return play


def origin_of(replay: Replay, step: int) -> Origin:
    """What a branch says of where it comes from."""
    return Origin(id=replay.id, step=step)
