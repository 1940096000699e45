"""Matches to record: every world, played by its script, else at random."""

from collections.abc import Sequence
from typing import Any

from marl_ppo.envs import World, make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array
from marl_ppo.errors import MarlPPOError
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.replays.recorder import Recorder, Recording
from marl_ppo.replays.replay import Replay
from marl_ppo.replays.sealing import seal
from marl_ppo.training.players import find_player


def lineup_for(world: World, names: Sequence[str] = ("scripted", "random")) -> list[Player]:
    """A player for each team: the first of the names that this world has, and the second for the other teams."""
    found = []
    for name in names:
        try:
            found.append(find_player(name, world.spec))
        except MarlPPOError:
            continue
    return [found[0], *[found[min(1, len(found) - 1)]] * (len(world.spec.teams) - 1)]


def recordings(
    world_id: str,
    count: int = 1,
    *,
    num_envs: int = 3,
    names: Sequence[str] = ("scripted", "random"),
    seed: int = 0,
    **config: Any,
) -> tuple[World, list[Player], list[Recording]]:
    """The first episodes that end."""
    world = make_world(world_id, num_envs=num_envs, **config)
    lineup = lineup_for(world, names)
    seating = seat_players(world.spec, num_envs, lineup)
    recorder = Recorder(world)

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(seed, "match", copies, episodes)

    play = Play(world, seating.policies, seating.seats, seeds, observers=[recorder])
    play.start()
    found: list[Recording] = []
    while len(found) < count:
        play.step()
        found += recorder.take().all()
    return world, lineup, found[:count]


def recorded(world_id: str, **options: Any) -> Replay:
    """One sealed match."""
    world, lineup, (recording, *_) = recordings(world_id, **options)
    return sealed(world, lineup, recording)


def sealed(world: World, lineup: Sequence[Player], recording: Recording) -> Replay:
    """A recording as a replay."""
    spec = world.spec
    players = {a: lineup[t].name for group in spec.groups for a, t in zip(group.agents, group.team, strict=True)}
    return seal(recording, spec, players)
