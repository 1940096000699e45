"""How fast worlds step on one core, through `World.step`, with resets, obs, state and metrics included.

    python benchmarks/world_speed.py [--worlds spread tag] [--num-envs 256 1024 4096] [--seconds 1] [--windows 5]

Prints one JSON line per measurement: median and best agent-steps/s over several windows, which alternate between all
measurements so that a busy moment of the machine hits them alike. mpe2 steps in the same run, through its parallel API,
which is how trainers use it; `ratio` is ours over its. Actions are uniform and drawn beforehand.
"""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo.envs import World, make_world

ORIGINALS = {
    "spread": "simple_spread_v3",
    "speaker_listener": "simple_speaker_listener_v4",
    "reference": "simple_reference_v3",
    "tag": "simple_tag_v3",
    "adversary": "simple_adversary_v3",
}
ACTION_SETS = 16

Stepper = Callable[[float], float]
"""steps for so many seconds and returns agent-steps/s"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=list(ORIGINALS), metavar="ID")
    parser.add_argument("--num-envs", nargs="+", type=int, default=[256, 1024, 4096], metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one window")
    parser.add_argument("--windows", type=int, default=5)
    options = parser.parse_args()
    for world_id in options.worlds:
        steppers: dict[tuple[str, int], Stepper] = {
            ("marl_ppo", n): ours(make_world(world_id, num_envs=n)) for n in options.num_envs
        }
        if world_id in ORIGINALS:
            steppers["mpe2", 1] = mpe2(ORIGINALS[world_id])
        compare(world_id, steppers, options.seconds, options.windows)


def compare(world_id: str, steppers: dict[tuple[str, int], Stepper], seconds: float, windows: int) -> None:
    for stepper in steppers.values():
        stepper(0.1)  # compiles
    rates: dict[tuple[str, int], list[float]] = {name: [] for name in steppers}
    for _ in range(windows):
        for name, stepper in steppers.items():
            rates[name].append(stepper(seconds))
    original = statistics.median(rates["mpe2", 1]) if ("mpe2", 1) in rates else None
    for (system, num_envs), measured in rates.items():
        median = statistics.median(measured)
        row: dict[str, Any] = {"world": world_id, "system": system, "num_envs": num_envs}
        row |= {"agent_steps_per_second": round(median), "best": round(max(measured))}
        if system == "marl_ppo" and original:
            row["ratio"] = round(median / original)
        print(json.dumps(row), flush=True)


def ours(world: World) -> Stepper:
    rng = np.random.default_rng(0)
    action_sets = [random_actions(world, rng) for _ in range(ACTION_SETS)]
    seeds = np.arange(world.num_envs, dtype=np.uint64)

    def run(seconds: float) -> float:
        seeds[:] += np.uint64(world.num_envs)
        world.reset(seeds)
        steps, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            for actions in action_sets:
                outputs = world.step(actions)
                if outputs.ended.any():
                    seeds[:] += np.uint64(world.num_envs)
                    world.reset(seeds, where=outputs.ended)
            steps += ACTION_SETS
        return steps * world.num_envs * len(world.spec.agents) / elapsed

    return run


def random_actions(world: World, rng: np.random.Generator) -> list[np.ndarray]:
    actions: list[np.ndarray] = []
    for group in world.spec.groups:
        shape = (world.num_envs, len(group.agents), *group.action_shape)
        if isinstance(group.action, spaces.Box):
            actions.append(rng.uniform(0.0, 1.0, shape).astype(group.action_dtype))
        elif isinstance(group.action, spaces.Discrete):
            actions.append(rng.integers(0, int(group.action.n), shape))
        else:
            actions.append(rng.integers(0, group.action.nvec, shape))
    return actions


def mpe2(module: str) -> Stepper:
    env = importlib.import_module(f"mpe2.{module}").parallel_env()
    env.reset(seed=0)
    num_agents = len(env.possible_agents)
    rng = np.random.default_rng(0)
    action_sets = [
        {agent: int(rng.integers(env.action_space(agent).n)) for agent in env.possible_agents} for _ in range(ACTION_SETS)
    ]

    def run(seconds: float) -> float:
        env.reset()
        steps, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            for actions in action_sets:
                env.step(actions)
                if not env.agents:
                    env.reset()
            steps += ACTION_SETS
        return steps * num_agents / elapsed

    return run


if __name__ == "__main__":
    main()
