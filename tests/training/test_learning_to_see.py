"""Every kind of observation is learned from; a control that cannot see the cue, or sees it badly, must miss the bar."""

from typing import Any

import pytest

from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.trainer import Trainer

pytestmark = pytest.mark.learning
BAR = 0.9


def share_solved(form: str, *, normalize_obs: Any = "auto", **riddle: Any) -> float:
    """Of the riddles of the last five updates; guessing solves a third."""
    config = TrainConfig(
        world="pettingzoo:riddles:Riddle",
        world_config={"form": form, **riddle},
        num_envs=64,
        num_steps=8,
        total_steps=50 * 64 * 8,
        critic_input="own",
        network=NetworkConfig(hidden=(32,), normalize_obs=normalize_obs),
        ppo=PPOConfig(learning_rate=2e-3, num_minibatches=2, gamma=0.9),
    )
    with Trainer(config) as trainer:
        returns = [trainer.train_once().metrics["return/agent"] for _ in range(config.num_updates)]
    return sum(returns[-5:]) / 5


@pytest.mark.parametrize("form", ["picture", "tokens", "entities", "parts", "far numbers"])
def test_what_is_shown_is_learned(form: str) -> None:
    assert share_solved(form) > BAR


@pytest.mark.parametrize("form", ["picture", "entities"])
def test_what_is_not_shown_is_not(form: str) -> None:
    assert share_solved(form, blank=True) < BAR


def test_far_numbers_are_lost_on_a_network_that_does_not_standardise_them() -> None:
    assert share_solved("far numbers", normalize_obs="never") < BAR
