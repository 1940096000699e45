"""What a hierarchy costs where none is needed: returns of `spread` beside flat MAPPO, after equal steps.

    python benchmarks/hierarchy_spread.py [--seeds 0 1 2 3 4] [--steps 2500000]

Both have the settings of the world's preset. Returns are of 2000 episodes that were not trained on, actions sampled. Skill is
what a player gains over random play, as a share of what flat MAPPO gains; a hierarchy is to keep .95 of it, and of the return.
"""

import argparse
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from marl_ppo.envs.registry import make_world
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.statistics import interquartile_mean, stratified_bootstrap
from marl_ppo.play.seating import Player
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import preset
from marl_ppo.training.players import find_player
from marl_ppo.training.policies import acting
from marl_ppo.training.trainer import Trainer

EPISODES = 2000
TOLD = ("agents.worker/subgoal_sensitivity", "agents.manager/subgoal_usage")


def returned(player: Player) -> float:
    """Its mean return in new episodes."""
    played = evaluate(make_world("spread", num_envs=500), [player], episodes=EPISODES, seed=1)
    return float(played.returns.mean())


def trained(config: TrainConfig, bar: Bar) -> tuple[float, list[float]]:
    """(return, how much the worker listens and how evenly subgoals are used at the end of training)."""
    told: list[list[float]] = []
    with Trainer(config) as trainer:
        task = bar.add_task(f"{config.policy} seed {config.seed}", total=config.total_steps)
        while not trainer.finished:
            progress = trainer.train_once()
            told.append([progress.metrics.get(name, np.nan) for name in TOLD])
            bar.update(task, completed=progress.steps)
        actors = {name: student.policy.actor for name, student in trainer.setup.students.items()}
        policies = acting(trainer.setup.spec, config, actors)
    return returned(Player(name=config.policy, policies=policies)), np.mean(told[-10:], axis=0).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=2_500_000)
    options = parser.parse_args()
    config = replace(preset("spread"), total_steps=options.steps)
    table = Table("policy", "seed", "return", "sensitivity, nats", "usage")
    returns: dict[str, list[float]] = {"flat": [], "hierarchical": []}
    with Bar() as bar:
        for seed in options.seeds:
            for policy, found in returns.items():
                ours, told = trained(replace(config, policy=policy, seed=seed), bar)  # type: ignore[arg-type]
                found.append(ours)
                table.add_row(
                    policy, str(seed), f"{ours:.3f}", *("" if np.isnan(number) else f"{number:.3f}" for number in told)
                )
    console, generator = Console(), np.random.default_rng(0)
    console.print(table)
    for policy, found in returns.items():
        low, high = stratified_bootstrap(found, interquartile_mean, generator)
        console.print(f"{policy}: {interquartile_mean(found):.3f} ({low:.3f} … {high:.3f})")
    flat, ours = (float(interquartile_mean(found)) for found in returns.values())
    chance = returned(find_player("random", make_world("spread").spec))
    console.print(f"random: {chance:.3f}; of flat, skill {(ours - chance) / (flat - chance):.3f}, return {flat / ours:.3f}")


if __name__ == "__main__":
    main()
