"""Who finds the best pair of moves in `climbing` (11) and `penalty` (10): lenient or plain PPO, by 10 seeds each.

python benchmarks/climbing.py [--seeds 10]

Everything is as in the shipped presets, which are the same for both games, but for what a method's name says.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marl_ppo.envs.tree import root_of
from marl_ppo.evaluation.flat_tree import flatten
from marl_ppo.evaluation.game_values import expected_payoffs
from marl_ppo.evaluation.strategy_of import strategy_of
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import preset
from marl_ppo.training.trainer import Trainer

BEST = {"climbing": 11.0, "penalty": 10.0}
PLAIN: Mapping[str, Any] = {"surrogate": "clipped", "normalize_advantages": "rollout", "ent_coef": 0.01}
METHODS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "lenient IPPO (preset)": ({}, {}),
    "lenient MAPPO": ({"critic_input": "joint"}, {}),
    "IPPO": ({}, PLAIN),
    "MAPPO": ({"critic_input": "joint"}, PLAIN),
    "IPPO, preset's entropy": ({}, {**PLAIN, "ent_coef": 1.0}),
    "IPPO, preset's entropy and advantages": ({}, {"surrogate": "clipped"}),
}
"""name → (what it changes in the run, and in ppo)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    print("| method | world | best pair | payoff of the greedy pair, by seed |\n| --- | --- | ---: | --- |")
    for method, (run, ppo) in METHODS.items():
        for world, best in BEST.items():
            settings = preset(world)
            found = [greedy_payoff(replace(settings, **run, seed=seed, ppo=replace(settings.ppo, **ppo))) for seed in seeds]
            reached = sum(payoff == best for payoff in found)
            print(f"| {method} | {world} | {reached}/{len(found)} | {' '.join(f'{p:g}' for p in found)} |", flush=True)


def greedy_payoff(config: TrainConfig) -> float:
    """What the pair of most probable moves is paid after training, by the game's table."""
    with Trainer(config) as trainer:
        for _ in range(config.num_updates):
            trainer.train_once()
        (group,) = trainer.setup.spec.groups
        policies = {agent: trainer.setup.students[agent].policy.actor for agent in group.agents}
    tree = flatten(root_of(config.world, **config.world_config))
    return float(expected_payoffs(tree, strategy_of(tree, policies, group, greedy=True))[0])


if __name__ == "__main__":
    main()
