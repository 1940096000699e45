"""Where the time of training spread goes, stage by stage: nanoseconds per agent-step on one thread.

    python benchmarks/where_time_goes.py [--critic own] [--num-envs 128 1024] [--updates 30]

Settings are those of spread_speed.toml but for what the flags say. Processor time of the one thread is counted, which
other programs disturb less than wall time. A stage's time is its own: what it calls that is a stage too is subtracted.
"""

import argparse
import functools
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from spread_training import NO_END, SETTINGS

import marl_ppo.play.play
import marl_ppo.training.trainer
from marl_ppo.envs import World
from marl_ppo.play.episodes import EpisodeLog
from marl_ppo.play.play import Play
from marl_ppo.training.collector import Collector
from marl_ppo.training.config_file import load_config
from marl_ppo.training.fused.actor import FusedActor
from marl_ppo.training.fused.critic import FusedCritic
from marl_ppo.training.fused.source import FusedGradients
from marl_ppo.training.learner import Learner
from marl_ppo.training.parameters import FlatParameters
from marl_ppo.training.rollout import Experience
from marl_ppo.training.student import Student
from marl_ppo.training.trainer import Trainer

STAGES: dict[str, list[tuple[Any, str]]] = {
    "collect: actor, kernel": [(FusedActor, "act")],
    "collect: critic, kernel": [(FusedCritic, "values")],
    "collect: calls of the two": [(Play, "decide"), (Student, "values")],
    "collect: action noise": [(marl_ppo.play.play, "fill_action_noise")],
    "collect: world": [(World, "step"), (World, "reset")],
    "collect: episode log": [(EpisodeLog, "on_step"), (EpisodeLog, "on_end"), (EpisodeLog, "on_reset")],
    "collect: storing, loop": [(Collector, "collect")],
    "learn: close, advantages": [(Student, "close"), (marl_ppo.training.trainer, "make_batch"), (Experience, "carry")],
    "learn: actor, kernel": [(FusedActor, "gradient")],
    "learn: critic, kernel": [(FusedCritic, "gradient")],
    "learn: calls of the two": [(FusedGradients, "gradient"), (FusedGradients, "begin")],
    "learn: clip, Adam": [(FlatParameters, "clip"), (torch.optim.Adam, "step")],
    "learn: shuffle, targets, loop": [(Learner, "update")],
    "metrics and rest": [(Trainer, "train_once")],
}


class Stopwatch:
    """Counts the processor nanoseconds of functions that it replaces, without those of one another."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._inner = [0]

    def watch(self, owner: Any, name: str, stage: str) -> None:
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args: Any, **named: Any) -> Any:
            self._inner.append(0)
            began = time.thread_time_ns()
            try:
                return function(*args, **named)
            finally:
                took = time.thread_time_ns() - began
                self.spent[stage] += took - self._inner.pop()
                self._inner[-1] += took

        setattr(owner, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--critic", choices=["joint", "own"], default="joint")
    parser.add_argument("--num-envs", nargs="+", type=int, default=[128, 1024], metavar="N")
    parser.add_argument("--updates", type=int, default=30)
    options = parser.parse_args()
    stopwatch = Stopwatch()
    for stage, functions in STAGES.items():
        for owner, name in functions:
            stopwatch.watch(owner, name, stage)
    columns = {num_envs: measure(stopwatch, options.critic, num_envs, options.updates) for num_envs in options.num_envs}
    Console(width=None if sys.stdout.isatty() else 120).print(table(columns, options.critic))


def measure(stopwatch: Stopwatch, critic: Any, num_envs: int, updates: int) -> dict[str, float]:
    """Nanoseconds per agent-step of each stage."""
    config = replace(load_config(SETTINGS), total_steps=NO_END, critic_input=critic, num_envs=num_envs, threads=1, fused=True)
    with Trainer(config) as trainer:
        for _ in range(3):  # compiles
            trainer.train_once()
        stopwatch.spent.clear()
        for _ in range(updates):
            trainer.train_once()
        agent_steps = updates * config.steps_per_update * len(trainer.setup.spec.agents)
    return {stage: stopwatch.spent[stage] / agent_steps for stage in STAGES}


def table(columns: dict[int, dict[str, float]], critic: str) -> Table:
    shown = Table(title=f"critic {critic}, 1 thread: ns per agent-step", box=None, pad_edge=False, show_footer=True)
    shown.add_column("stage", footer="sum")
    for num_envs, spent in columns.items():
        total = sum(spent.values())
        shown.add_column(f"N={num_envs}", justify="right", footer=f"{total:,.0f}")
        shown.add_column("share", justify="right", footer=f"{1e9 / total:,.0f}/s")
    for stage in STAGES:
        cells = ((f"{spent[stage]:,.0f}", f"{spent[stage] / sum(spent.values()):.0%}") for spent in columns.values())
        shown.add_row(stage, *(cell for pair in cells for cell in pair))
    return shown


if __name__ == "__main__":
    main()
