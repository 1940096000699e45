"""Training steps a second of a hierarchy beside a flat policy with equal networks, in turns within one run.

    python benchmarks/hierarchy_speed.py [--rounds 9] [--copies 4]

Both have the settings of the world's preset, with `--copies` times as many copies of the world; a manager has networks as
large as its worker's. A round is some updates of each; the ratio is told of each pair of rounds, so that what else the
machine does falls on both.
"""

import argparse
import statistics
import time
from dataclasses import replace

from rich.console import Console
from rich.progress import track
from rich.table import Table

from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import preset
from marl_ppo.training.trainer import Trainer

WORLDS = {
    "spread": "thing",
    "four_rooms": "place",
    "key_doors": "thing",
    "plates": "thing",
    "relay": "thing",
    "capture_flag": "thing",
}
SECONDS = 2.0
"""of a round, about"""


def config_of(world: str, policy: str, copies: int) -> TrainConfig:
    """Long enough never to end."""
    config = preset(world)
    config = replace(config, num_envs=config.num_envs * copies)
    hierarchy = replace(config.hierarchy, subgoals=WORLDS[world])
    return replace(config, policy=policy, hierarchy=hierarchy, total_steps=10**9)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    options = parser.parse_args()
    table = Table("world", "memory", "flat, steps/s", "hierarchical, steps/s", "ratio (least … greatest)")
    for world in options.worlds:
        trainers = {policy: Trainer(config_of(world, policy, options.copies)) for policy in ("flat", "hierarchical")}
        updates = {}
        for policy, trainer in trainers.items():
            trainer.train_once()
            began = time.perf_counter()
            trainer.train_once()
            updates[policy] = max(1, round(SECONDS / (time.perf_counter() - began)))
        rates: dict[str, list[float]] = {policy: [] for policy in trainers}
        for _ in track(range(options.rounds), world, transient=True):
            for policy, trainer in trainers.items():
                began = time.perf_counter()
                for _ in range(updates[policy]):
                    trainer.train_once()
                taken = time.perf_counter() - began
                rates[policy].append(updates[policy] * trainer.config.steps_per_update / taken)
        ratios = [ours / flat for ours, flat in zip(rates["hierarchical"], rates["flat"], strict=True)]
        told = (f"{statistics.median(rates[policy]):,.0f}" for policy in trainers)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f})"
        table.add_row(world, trainers["flat"].config.network.memory, *told, spread)
        for trainer in trainers.values():
            trainer.close()
    Console().print(table)


if __name__ == "__main__":
    main()
