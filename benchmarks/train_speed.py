"""End-to-end training speed on spread: ours in several setups, and other trainers beside it, in one run.

    python benchmarks/train_speed.py [--ours joint own] [--threads 1 2] [--num-envs 128 512] [--rounds 5]
        [--peer NAME "COMMAND"] ... [--json FILE]

Three agents, discrete actions, 25 steps; separate actor and critic of 64-64 tanh; 4 epochs of 4 minibatches, shuffled anew
each epoch; float32. An agent-step is a step of one agent, learning included.

A peer is any command that trains the same task, measures itself, and prints a JSON line with "agent_steps_per_s" last; it
runs in an environment of its own, so COMMAND names that environment's python. Every side is a process that runs alone.
Sides take turns, once per round, so that a busy moment of the machine does not hit one of them only. Ratios are taken
within a round; the table shows the median over the rounds.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sides import Finished, Side, rates, run

OURS = {
    "joint": ["--critic=joint"],
    "own": ["--critic=own"],
    "joint-autograd": ["--critic=joint", "--autograd"],
    "own-autograd": ["--critic=own", "--autograd"],
    "joint-mpe2": ["--critic=joint", "--mpe2"],
    "own-mpe2": ["--critic=own", "--mpe2"],
}
"""setups by name: a centralised critic (MAPPO) or independent ones (IPPO); plain autograd; the original env"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", nargs="*", choices=list(OURS), default=list(OURS), help="setups of ours; all if not given")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--num-envs", nargs="+", type=int, default=[], metavar="N", help="copies; not for mpe2")
    parser.add_argument("--peer", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a window of ours; peers choose their own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured here")
    options = parser.parse_args()
    peers = [Side.from_words(name, command) for name, command in options.peer]
    sides = ours(options) + peers
    runs: dict[str, list[Finished]] = {side.name: [] for side in sides}
    turns = itertools.product(range(options.rounds), sides)
    for _, side in track(turns, "measuring", total=options.rounds * len(sides), console=Console(stderr=True)):
        runs[side.name].append(run(side))
    Console(width=None if sys.stdout.isatty() else 160).print(table(runs, [peer.name for peer in peers]))
    if options.json:
        options.json.write_text(json.dumps(record(runs, sides), indent=2) + "\n")


def ours(options: argparse.Namespace) -> list[Side]:
    """One side per setup, number of threads and number of copies."""
    script = str(Path(__file__).with_name("spread_training.py"))
    sides = []
    for setup, threads in itertools.product(options.ours, options.threads):
        copies = [] if setup.endswith("mpe2") else options.num_envs
        for num_envs in copies or [None]:
            name = f"{setup}, {threads} thread{'s' * (threads > 1)}" + (f", {num_envs} copies" if num_envs else "")
            words = [sys.executable, script, *OURS[setup], f"--threads={threads}", f"--seconds={options.seconds}"]
            sides.append(Side(name, (*words, *([f"--num-envs={num_envs}"] if num_envs else []))))
    return sides


def table(runs: dict[str, list[Finished]], peers: Sequence[str]) -> Table:
    found = Table(title="training spread, agent-steps/s", box=None, pad_edge=False)
    for column in ("side", "median", "lowest", "highest", "peak MiB", *(f"x {peer}" for peer in peers)):
        found.add_column(column, justify="left" if column == "side" else "right")
    for name, finished in runs.items():
        measured = rates(finished)
        cells = [statistics.median(measured), min(measured), max(measured), max(each.peak_mib for each in finished)]
        ratios = [statistics.median(a / b for a, b in zip(measured, rates(runs[peer]), strict=True)) for peer in peers]
        found.add_row(name, *(f"{cell:,.0f}" for cell in cells), *(f"{ratio:.2f}" for ratio in ratios))
    return found


def record(runs: dict[str, list[Finished]], sides: Sequence[Side]) -> dict[str, Any]:
    """All of it, but without the commands' paths: those are of one machine."""
    return {
        "machine": {"cpu": cpu(), "cores": len(os.sched_getaffinity(0)), "load_after": os.getloadavg()},
        "sides": {
            side.name: {
                "agent_steps_per_s": round(statistics.median(rates(runs[side.name]))),
                "rounds": [round(rate) for rate in rates(runs[side.name])],
                "peak_mib": round(max(each.peak_mib for each in runs[side.name])),
                "settings": runs[side.name][-1].line.get("settings", {}),
            }
            for side in sides
        },
    }


def cpu() -> str:
    """The processor's name, where the system tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
