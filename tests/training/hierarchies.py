"""Small hierarchies that learn."""

from typing import Any

from marl_ppo.training.config import HierarchyConfig, PPOConfig, TrainConfig

GAMMA = 0.9
"""of managers"""


def hierarchy(small: Any, world: str = "four_rooms", *, steps: int = 5, subgoals: str = "place", **over: Any) -> TrainConfig:
    """Two levels of `small`; what is not of the hierarchy goes to it."""
    levels = HierarchyConfig(
        subgoals=subgoals,
        subgoal_steps=steps,
        warm_up=over.pop("warm_up", 0.0),
        mix=over.pop("mix", "rewards"),
        manager=PPOConfig(num_minibatches=2, update_epochs=2, gamma=GAMMA),
    )
    config: TrainConfig = small(world, policy="hierarchical", hierarchy=levels, **over)
    return config
