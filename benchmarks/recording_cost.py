"""What it costs to record a match: the share of its time that is spent in the recorder.

    python benchmarks/recording_cost.py [--rounds 5]

1000 games of trained players in soccer, 2000 episodes of spread and of tag, as `marl-ppo match` and `evaluate` play them. The
recorder's own calls are timed, since the time with a recorder and the time without differ by more from one run to the next
than by what it takes. Told are the median over the rounds and its range, and what it takes to keep one episode.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import World
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.play.seating import Player, by_agent
from marl_ppo.play.thinking import think
from marl_ppo.replays.recorder import Recorder
from marl_ppo.replays.sealing import seal
from marl_ppo.training.players import find_player

MATCHES = {
    "soccer": (("soccer-hard", "soccer-medium"), 1000),
    "spread": (("spread",), 2000),
    "tag": (("tag-chasers", "tag-prey"), 2000),
}
spent = 0.0
"""seconds in the recorder"""


def timed(call: Callable[..., None]) -> Callable[..., None]:
    """The same, with its time added to what was spent."""

    def run(*arguments: Any) -> None:
        global spent
        began = time.perf_counter()
        call(*arguments)
        spent += time.perf_counter() - began

    return run


def share(world: World, lineup: list[Player], episodes: int) -> float:
    """Of the time of one evaluation that goes into recording it."""
    global spent
    spent, began = 0.0, time.perf_counter()
    evaluate(world, lineup, episodes=episodes, record=True)
    return spent / (time.perf_counter() - began)


def keeping(world: World, lineup: list[Player]) -> tuple[float, float]:
    """Seconds it takes to seal one episode, and to ask what was thought in it."""
    recordings = evaluate(world, lineup, episodes=500, record=True).recordings
    assert recordings is not None
    recording = recordings[0]
    assert recording is not None
    players = by_agent(world.spec, lineup)
    began = time.perf_counter()
    seal(recording, world.spec, {agent: player.name for agent, player in players.items()})
    sealed = time.perf_counter()
    think(recording, world.spec, players)
    return sealed - began, time.perf_counter() - sealed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for name in ("on_reset", "on_step", "on_end"):
        setattr(Recorder, name, timed(getattr(Recorder, name)))
    for world_id, (names, episodes) in MATCHES.items():
        world = make_world(world_id, num_envs=500)
        lineup = [find_player(name, world.spec) for name in names]
        share(world, lineup, episodes)  # compiles
        shares = [100 * share(world, lineup, episodes) for _ in range(rounds)]
        sealed, thought = keeping(world, lineup)
        print(
            f"{world_id}: {median(shares):.1f} % of the time ({min(shares):.1f} … {max(shares):.1f}); a replay takes "
            f"{1000 * sealed:.0f} ms to seal, {1000 * thought:.0f} ms to ask what the players thought",
            flush=True,
        )


if __name__ == "__main__":
    main()
