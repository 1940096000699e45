"""What many opponents cost: training against 16 different frozen players beside training against one, and memory over a
pool that grows to 1000.

    python benchmarks/league_opponents.py [--world soccer] [--rounds 5] [--pool 1000]

Writes docs/league_opponents.md with both results and docs/league_memory.png, the curve.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
from rich.progress import track

from marl_ppo.leagues.ladder import parts_of
from marl_ppo.leagues.members import Members
from marl_ppo.leagues.store import PlayerRow
from marl_ppo.play.bank import Bank
from marl_ppo.play.seating import Player
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import preset
from marl_ppo.training.fused.playing import fastest_stack
from marl_ppo.training.policies import make_policies
from marl_ppo.training.setup import spec_of
from marl_ppo.training.trainer import Trainer

OPPONENTS = 16
UPDATES = 4
"""of a timed round, of each side in turn"""


def trainer_against(config: TrainConfig, opponents: int) -> Trainer:
    """A trainer whose bank holds so many different players, all of the learner's architecture."""
    spec = spec_of(config)
    bank = Bank(spec, parts_of(spec), seed=0, make_stack=fastest_stack)
    trainer = Trainer(config, bank=bank)
    players = {}
    for number in range(opponents):
        policies = make_policies(spec, replace(config, seed=1000 + number))
        by_agent = {agent: policies[group.name].actor for group in spec.groups for agent in group.agents}
        players[str(number)] = Player(name=str(number), policies=by_agent)
    bank.fill([str(slot % opponents) for slot in range(OPPONENTS)], players)
    return trainer


def seconds_of(trainer: Trainer) -> float:
    """Of UPDATES updates."""
    began = time.perf_counter()
    for _ in range(UPDATES):
        trainer.train_once()
    return time.perf_counter() - began


def compare(config: TrainConfig, rounds: int) -> list[tuple[float, float]]:
    """(seconds against one, against OPPONENTS) of each round, one side right after the other."""
    with trainer_against(config, 1) as one, trainer_against(config, OPPONENTS) as many:
        for side in (one, many):
            seconds_of(side)  # compiles, and gets episodes going
        return [(seconds_of(one), seconds_of(many)) for _ in track(range(rounds), "training", transient=True)]


def memory_curve(config: TrainConfig, pool: int) -> list[tuple[int, float]]:
    """(players, MiB): a pool that grows, with as many of it in the bank as a turn holds, drawn from all of it."""
    spec = spec_of(config)
    curve = []
    with tempfile.TemporaryDirectory() as folder:
        members = Members(Path(folder), spec)
        bank = Bank(spec, parts_of(spec), seed=0, make_stack=fastest_stack)
        with Trainer(config, bank=bank) as trainer:
            for number in track(range(pool), "growing a pool", transient=True):
                name = f"main-{number}"
                digest = members.freeze(name, trainer.learners(), config)
                members.know(
                    [
                        PlayerRow(
                            name=name,
                            kind="frozen",
                            learner="main",
                            role="main",
                            teams=spec.teams,
                            turn=number,
                            steps=0,
                            trigger="timeout",
                            hash=digest,
                        )
                    ]
                )
                if number % 10 == 9:
                    slots = [f"main-{(slot * 7919 + number) % (number + 1)}" for slot in range(OPPONENTS)]
                    wanted = dict.fromkeys([*slots, *(one for one in bank.in_play if one)])
                    bank.fill(slots, members.load(wanted))
                    trainer.train_once()
                    curve.append((number + 1, resident_mib()))
    return curve


def resident_mib() -> float:
    """What this process has in memory now, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="soccer")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pool", type=int, default=1000)
    options = parser.parse_args()
    config = replace(preset(options.world), total_steps=10**12)
    times = compare(config, options.rounds)
    ratio = statistics.median(many / one for one, many in times)
    print(f"{OPPONENTS} opponents take {ratio:.2f} x the time of one")
    curve = memory_curve(config, options.pool)
    early, late = curve[min(9, len(curve) - 1)], curve[-1]
    print(f"memory: {early[1]:.0f} MiB with {early[0]} players, {late[1]:.0f} MiB with {late[0]}")
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(*zip(*curve, strict=True))
    axes.set(
        xlabel="players in the pool",
        ylabel="MiB in memory",
        ylim=(0, 1.2 * max(mib for _, mib in curve)),
        title=f"A league's memory on {options.world}",
    )
    figure.savefig("docs/league_memory.png", dpi=120)
    Path("docs/league_opponents.md").write_text(
        f"# What many opponents cost\n\nMade by `python benchmarks/league_opponents.py --world {options.world}`.\n\n"
        f"Training against {OPPONENTS} different frozen players took **{ratio:.2f} ×** the time of training against one "
        f"(median of {len(times)} rounds, one side right after the other, one thread; rounds "
        f"{min(b / a for a, b in times):.2f} to {max(b / a for a, b in times):.2f}).\n\n"
        f"A pool that grows to {late[0]} players, {OPPONENTS} in the bank at a time: {early[1]:.0f} MiB with {early[0]} "
        f"players, {late[1]:.0f} MiB with {late[0]}.\n\n![memory over the size of the pool](league_memory.png)\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
