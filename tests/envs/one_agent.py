"""A Gymnasium env that shows what it is told to show, and keeps what it is sent: what the tests of the adapter share."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class OneAgent(gymnasium.Env[Any, Any]):
    """Shows `value` at every moment; ends after `steps` steps."""

    def __init__(self, obs: spaces.Space[Any], value: Any, action: spaces.Space[Any] | None = None, steps: int = 3) -> None:
        self.observation_space, self.action_space = obs, action or spaces.Discrete(2)
        self.value, self.steps, self.tick = value, steps, 0
        self.info: dict[str, Any] = {}
        self.received: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.tick = 0
        return self.value, self.info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self.received.append(action)
        self.tick += 1
        return self.value, 1.0, self.tick == self.steps, False, self.info


def blind(action: spaces.Space[Any]) -> OneAgent:
    """Sees nothing worth mentioning and acts in `action`."""
    return OneAgent(spaces.Box(0.0, 1.0, (1,), np.float32), np.zeros(1), action)
