"""Every kind of agent learns a probe; a control that lacks the one thing it takes must miss the same bar."""

from typing import Any

import pytest

from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.trainer import Trainer

pytestmark = pytest.mark.learning


def final_metric(config: TrainConfig, metric: str) -> float:
    """Mean of a training metric over the last fifth of a run."""
    with Trainer(config) as trainer:
        seen = [trainer.train_once().metrics for _ in range(config.num_updates)]
    tail = [metrics[metric] for metrics in seen[-len(seen) // 5 :] if metric in metrics]
    return sum(tail) / len(tail)


def probe(
    world: str, updates: int, *, ppo: dict[str, Any] | None = None, network: dict[str, Any] | None = None, **over: Any
) -> TrainConfig:
    settings = {"num_envs": 64, "num_steps": 16, "threads": 1, **over}
    return TrainConfig(
        world=world,
        total_steps=updates * settings["num_envs"] * settings["num_steps"],
        ppo=PPOConfig(**{"learning_rate": 3e-3, "num_minibatches": 4, "gamma": 0.95, **(ppo or {})}),
        network=NetworkConfig(**{"hidden": (32, 32), **(network or {})}),
        **settings,
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_memory_solves_recall_and_no_memory_cannot(seed: int) -> None:
    """recall shows one bit, hides it and asks for it: guessing scores .5."""
    with_memory = probe("recall", 60, seed=seed, network={"memory": "gru"}, ppo={"sequence_length": 16})
    without = probe("recall", 60, seed=seed)

    assert final_metric(with_memory, "metric/success") >= 0.95
    assert final_metric(without, "metric/success") <= 0.60
