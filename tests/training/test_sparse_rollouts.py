"""Rollouts that hold few decisions of a policy, or none: its agents are dead, or wait all along."""

from typing import Any

import pytest
import torch

from marl_ppo.training.guards import Guards
from marl_ppo.training.trainer import Trainer

SPARSE: dict[str, Any] = {"num_envs": 1, "num_steps": 3, "total_steps": 3 * 40}
"""of one copy with three agents that die or wait; three minibatches"""


@pytest.mark.parametrize("network", [{}, {"memory": "gru"}], ids=["feed-forward", "memory"])
@pytest.mark.parametrize("over", [{}, {"fused": False}, {"critic_input": "both"}], ids=["fused", "plain", "critic per seat"])
@pytest.mark.parametrize("world", ["staggered", "waits"])
def test_any_number_of_decisions_can_be_learned_from(small: Any, world: str, over: Any, network: Any) -> None:
    """From none to one per step; a policy learns, which is to say its weights move, exactly where it decided."""
    counts = set()
    with Trainer(small(world, sharing="separate", **SPARSE, **over, network=network)) as trainer:
        for _ in range(trainer.config.num_updates):
            before = {name: weights(trainer, name) for name in trainer.setup.learners}
            metrics = trainer.train_once().metrics
            for name in before:
                moved = not torch.equal(weights(trainer, name), before[name])
                decisions = metrics[f"{name}/decisions"]
                counts.add(decisions)

                assert moved == (decisions > 0)
                assert torch.isfinite(weights(trainer, name)).all()
    assert counts == {0, 1, 2, 3}


def weights(trainer: Trainer, name: str) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in trainer.setup.learners[name].policy.state_dict().values()])


def test_no_alarm_is_raised_where_nothing_was_learned() -> None:
    assert Guards.of_policy().look({"decisions": 0.0}, progress=0.5) == {}
