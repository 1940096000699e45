"""How long training spread takes to a return, from the moment the command is given.

    python benchmarks/time_to_return.py [--target -12] [--seeds 0 1 2] [--threads 2] [--peer NAME "COMMAND"] ... [--json FILE]

Ours is the real command, `marl-ppo train spread --config benchmarks/spread_speed.toml`, the configuration that
train_speed.py times; its metrics.jsonl is watched. The return is the mean per agent over successive blocks of at least
300 finished training episodes. Reported: world steps, seconds of training, seconds from the command (start-up included;
the first run ever also compiles), and peak memory.

A peer is a command that trains the same task and prints, last, a JSON line whose "curve" lists [seconds since its own
start, agent-steps, mean return per agent]; what it does before it starts that clock is not counted.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sides import Side, SideFailed, run, wait

SETTINGS = Path(__file__).with_name("spread_speed.toml")
EPISODES = 300
"""finished episodes, at least, that a mean return is taken over"""
AGENTS = 3
POLL_S = 0.02


@dataclass(frozen=True)
class Reached:
    """When one training passed the target; None where it never did."""

    name: str
    seed: int | None
    steps: int | None
    """of the world, all copies counted"""
    training_s: float | None
    command_s: float | None
    peak_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=float, default=-12.0, help="mean return per agent")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured here")
    options = parser.parse_args()
    found = [ours(options.target, seed, options.threads) for seed in options.seeds]
    found += [peer(Side.from_words(name, command), options.target) for name, command in options.peer]
    Console(width=None if sys.stdout.isatty() else 120).print(table(found, options.target))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


def ours(target: float, seed: int, threads: int) -> Reached:
    """Give the command, watch its record until the target is passed, then stop it as Ctrl-C does."""
    command = [str(Path(sys.executable).with_name("marl-ppo")), "train", "spread", "--config", str(SETTINGS.resolve())]
    command += ["--seed", str(seed), "--threads", str(threads), "--name", "timed"]
    passed: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as workspace, tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=workspace, stdout=said, stderr=said)
        for line, mean in block_means(written(Path(workspace) / "runs" / "timed" / "metrics.jsonl", process)):
            if mean >= target:
                passed = line | {"command": time.perf_counter() - began}
                os.kill(process.pid, signal.SIGINT)
                break
        peak_mib = wait(process)
        if process.returncode:
            said.seek(0)
            raise SideFailed(f"{shlex.join(command)} ended with status {process.returncode}:\n{said.read()[-2000:]}")
    return Reached("ours", seed, passed.get("steps"), passed.get("seconds"), passed.get("command"), peak_mib)


def written(record: Path, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """The lines of a record as they appear, until the process has ended."""
    while not record.exists() and running(process):
        time.sleep(POLL_S)
    if not record.exists():
        return
    begun = ""
    with record.open() as file:
        going = True
        while going:
            going = running(process)  # asked before reading, so that the last lines are read too
            *lines, begun = (begun + file.read()).split("\n")
            yield from map(json.loads, lines)
            time.sleep(POLL_S)


def running(process: subprocess.Popen[bytes]) -> bool:
    """Whether it is still there, without taking note of its end: `wait` has to see that."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def block_means(lines: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], float]]:
    """(last line, mean return) of each block of updates in which enough episodes finished."""
    total = episodes = 0.0
    for line in lines:
        total += line["episodes"] * line.get("return/agents", 0.0)
        episodes += line["episodes"]
        if episodes >= EPISODES:
            yield line, total / episodes
            total = episodes = 0.0


def peer(side: Side, target: float) -> Reached:
    """Run a peer to its end and find the target in its curve."""
    finished = run(side)
    seconds, agent_steps = next(((s, n) for s, n, mean in finished.line["curve"] if mean >= target), (None, None))
    steps = None if agent_steps is None else agent_steps // AGENTS
    return Reached(side.name, None, steps, seconds, None, finished.peak_mib)


def table(found: Sequence[Reached], target: float) -> Table:
    shown = Table(title=f"training spread to a mean return per agent of {target:g}", box=None, pad_edge=False)
    for column in ("side", "seed", "world steps", "s of training", "s from the command", "peak MiB"):
        shown.add_column(column, justify="left" if column == "side" else "right")
    for each in found:
        steps, *seconds = (
            "not reached" if each.training_s is None else "" if number is None else form.format(number)
            for number, form in ((each.steps, "{:,}"), (each.training_s, "{:.1f}"), (each.command_s, "{:.1f}"))
        )
        seed = "" if each.seed is None else str(each.seed)
        shown.add_row(each.name, seed, steps, *seconds, f"{each.peak_mib:,.0f}")
    return shown


if __name__ == "__main__":
    main()
