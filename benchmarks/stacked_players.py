"""What it is worth to play frozen players of one architecture together: matches a second beside each asked alone.

    python benchmarks/stacked_players.py [--world capture_flag] [--policy hierarchical] [--memory none] [--players 8]

Untrained players, of whom every copy plays one pair after another, as in a league's matches. Both sides play the same
matches, turn by turn within one run; told are the median of the turns' ratios and its range.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_all
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import preset
from marl_ppo.training.fused.playing import fastest_stack
from marl_ppo.training.policies import acting, make_policies

STEPS = 100
"""of a turn"""


def untrained(spec: WorldSpec, config: TrainConfig, number: int) -> Player:
    """One of the architecture that the config tells."""
    own = replace(config, seed=1000 + number)
    actors = {name: policy.actor for name, policy in make_policies(spec, own).items()}
    return Player(name=str(number), policies=acting(spec, own, actors))


def play_of(config: TrainConfig, copies: int, players: Sequence[Player], *, alone: bool) -> Play:
    """Everybody against everybody."""
    world = make_world(config.world, num_envs=copies)
    spec = world.spec
    cast = seat_all(spec, players, learning=players if alone else (), make_stack=fastest_stack)

    def seats(where: Array, episodes: Array) -> list[Array]:
        first, gap = where % len(players), 1 + (where // len(players) + episodes) % (len(players) - 1)
        teams = np.stack([first + (team % 2) * gap for team in range(len(spec.teams))], 1) % len(players)
        return [
            table[teams[:, group.team], np.arange(len(group.agents))]
            for group, table in zip(spec.groups, cast.tables, strict=True)
        ]

    play = Play(world, cast.policies, seats, lambda where, episodes: stream(0, "match", where, episodes))
    play.start()
    return play


def steps_per_second(play: Play) -> float:
    """Of all copies together, over one turn. Matches are as long on both sides."""
    began = time.perf_counter()
    for _ in range(STEPS):
        play.step()
    return STEPS * play.world.num_envs / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="capture_flag")
    parser.add_argument("--policy", choices=("flat", "hierarchical"), default="hierarchical")
    parser.add_argument("--memory", choices=("none", "gru"), default="none")
    parser.add_argument("--players", type=int, default=8)
    parser.add_argument("--copies", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    config = preset(options.world)
    config = replace(config, policy=options.policy, network=replace(config.network, memory=options.memory))
    spec = make_world(options.world).spec
    players = [untrained(spec, config, number) for number in range(options.players)]
    for copies in options.copies:
        alone, together = (play_of(config, copies, players, alone=one) for one in (True, False))
        for play in (alone, together):
            steps_per_second(play)  # compiles, and gets matches going
        speeds = [(steps_per_second(alone), steps_per_second(together)) for _ in range(options.rounds)]
        same = all((a == b).all() for a, b in zip(alone.actions, together.actions, strict=True))
        ratios = [stacked / single for single, stacked in speeds]
        print(
            f"{copies} copies: {median(ratios):.2f} x the matches ({min(ratios):.2f} to {max(ratios):.2f}), "
            f"{median(s for _, s in speeds):,.0f} steps a second; {'the same' if same else 'other'} actions at the end",
            flush=True,
        )


if __name__ == "__main__":
    main()
