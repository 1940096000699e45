"""Small runs that finish in seconds."""

from typing import Any

import pytest

from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs import registry
from marl_ppo.training.config import PPOConfig, TrainConfig


@pytest.fixture(scope="session")
def small() -> Any:
    """A factory of small configs: small("waits", num_steps=7, ppo={"gamma": 0.9}, network={"memory": "gru"})."""

    def make(
        world: str, *, ppo: dict[str, Any] | None = None, network: dict[str, Any] | None = None, **over: Any
    ) -> TrainConfig:
        settings = {"num_envs": 8, "num_steps": 9, "total_steps": 8 * 9 * 8, "threads": 1, **over}
        return TrainConfig(
            world=world,
            ppo=PPOConfig(**{"num_minibatches": 3, "update_epochs": 2, "sequence_length": 4, **(ppo or {})}),
            network=NetworkConfig(**{"hidden": (16, 16), **(network or {})}),
            **settings,
        )

    return make


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the world `shown` known."""
    entry = registry.Registration(id="shown", entry_point="shown:Shown", description="")
    monkeypatch.setitem(registry._REGISTRY, "shown", entry)
