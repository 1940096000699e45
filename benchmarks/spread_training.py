"""One way of ours to train spread, timed: prints one JSON line, as scripts that time other trainers do.

    python benchmarks/spread_training.py [--critic own] [--autograd] [--threads 2] [--num-envs 256] [--mpe2]

Settings are those of spread_speed.toml but for what the flags say. An agent-step is a step of one agent, learning
included; a window holds whole updates, and compilation and two updates of warm-up come before the first.
`--mpe2` trains on the original env through our adapter, in 8 copies of 125 steps unless told otherwise.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config
from marl_ppo.training.trainer import Trainer

SETTINGS = Path(__file__).with_name("spread_speed.toml")
ORIGINAL: dict[str, Any] = {
    "world": "pettingzoo:mpe2.simple_spread_v3",
    "world_config": {"N": 3, "local_ratio": 0.5, "max_cycles": 25, "continuous_actions": False},
    "num_envs": 8,
    "num_steps": 125,
}
NO_END = 10**12
"""a budget of steps that no window uses up"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--critic", choices=["joint", "own"], default="joint", help="what the critic sees: MAPPO or IPPO")
    parser.add_argument("--autograd", action="store_true", help="plain modules and autograd instead of the fused update")
    parser.add_argument("--mpe2", action="store_true", help="the original env instead of our world")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--num-envs", type=int, metavar="N", help="copies of the world")
    parser.add_argument("--num-minibatches", type=int)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window, at least")
    parser.add_argument("--windows", type=int, default=1)
    options = parser.parse_args()
    config = configured(options)
    with Trainer(config) as trainer:
        agents = len(trainer.setup.spec.agents)
        rates = [rate * agents for rate in windows(trainer, options.seconds, options.windows)]
    line = {"agent_steps_per_s": round(statistics.median(rates)), "windows": [round(rate) for rate in rates]}
    print(json.dumps(line | {"settings": described(config, agents)}), flush=True)


def configured(options: argparse.Namespace) -> TrainConfig:
    config = load_config(SETTINGS)
    if options.mpe2:
        config = replace(config, **ORIGINAL)
    if options.num_minibatches:
        config = replace(config, ppo=replace(config.ppo, num_minibatches=options.num_minibatches))
    return replace(
        config,
        total_steps=NO_END,
        critic_input=options.critic,
        fused=not options.autograd,
        threads=options.threads,
        num_envs=options.num_envs or config.num_envs,
    )


def windows(trainer: Trainer, seconds: float, count: int) -> Iterator[float]:
    """World steps per second in `count` windows of whole updates, each of at least `seconds`."""
    for _ in range(2):
        trainer.train_once()
    for _ in range(count):
        before, began = trainer.steps, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            trainer.train_once()
        yield (trainer.steps - before) / elapsed


def described(config: TrainConfig, agents: int) -> dict[str, object]:
    ppo = config.ppo
    return {
        "world": config.world,
        "critic": config.critic_input,
        "fused": config.fused,
        "threads": config.threads,
        "num_envs": config.num_envs,
        "num_steps": config.num_steps,
        "update_epochs": ppo.update_epochs,
        "num_minibatches": ppo.num_minibatches,
        "minibatch_agent_steps": config.steps_per_update * agents // ppo.num_minibatches,
    }


if __name__ == "__main__":
    main()
