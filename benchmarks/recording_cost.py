"""What it costs to record a match: the time with a recorder over the time without, in turns within one run.

    python benchmarks/recording_cost.py [--rounds 7]

1000 games of trained players in soccer, 2000 episodes of spread and of tag, as `marl-ppo match` and `evaluate` play them. Told
are the median over the rounds of the ratio of two neighbours, and its range; and what it takes to seal one episode, once.
"""

import argparse
import time
from statistics import median

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import World
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.play.seating import Player, by_agent
from marl_ppo.play.thinking import think
from marl_ppo.replays.sealing import seal
from marl_ppo.training.players import find_player

MATCHES = {
    "soccer": (("soccer-hard", "soccer-medium"), 1000),
    "spread": (("spread",), 2000),
    "tag": (("tag-chasers", "tag-prey"), 2000),
}


def seconds(world: World, lineup: list[Player], episodes: int, *, record: bool) -> float:
    """Of one evaluation, of the processor's time: other programs slow it down less than the clock's."""
    began = time.process_time()
    evaluate(world, lineup, episodes=episodes, record=record)
    return time.process_time() - began


def keeping(world: World, lineup: list[Player]) -> tuple[float, float]:
    """Seconds it takes to seal one episode, and to ask what was thought in it."""
    recordings = evaluate(world, lineup, episodes=500, record=True).recordings
    assert recordings is not None
    recording = recordings[0]
    assert recording is not None
    players = by_agent(world.spec, lineup)
    began = time.process_time()
    seal(recording, world.spec, {agent: player.name for agent, player in players.items()})
    sealed = time.process_time()
    think(recording, world.spec, players)
    return sealed - began, time.process_time() - sealed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for world_id, (names, episodes) in MATCHES.items():
        world = make_world(world_id, num_envs=500)
        lineup = [find_player(name, world.spec) for name in names]
        seconds(world, lineup, episodes, record=True)  # compiles
        ratios, plain = [], []
        for number in range(rounds):
            pair = {record: seconds(world, lineup, episodes, record=record) for record in (number % 2 == 0, number % 2 == 1)}
            plain.append(pair[False])
            ratios.append(pair[True] / pair[False])
        sealed, thought = keeping(world, lineup)
        low, middle, high = (100 * (ratio - 1) for ratio in (min(ratios), median(ratios), max(ratios)))
        print(
            f"{world_id}: {middle:+.1f} % ({low:+.1f} … {high:+.1f}) of {median(plain):.2f} s; a replay takes "
            f"{1000 * sealed:.0f} ms to seal, {1000 * thought:.0f} ms to ask what the players thought",
            flush=True,
        )


if __name__ == "__main__":
    main()
