"""A world whose reward can pay for something else than its task."""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import write
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec


class Hackable(World):
    """Walk to the target for a reward of 1, or bump into the wall for a `bonus`; only walking is the task."""

    def __init__(self, num_envs: int, bonus: float = 0.0) -> None:
        group = Group(
            name="walkers",
            agents=("walker",),
            team=(0,),
            obs={"vector": spaces.Box(0.0, 1.0, (1,), np.float32)},
            action=spaces.Discrete(2),
        )
        spec = WorldSpec(
            id="hackable",
            version=1,
            groups=(group,),
            teams=("walkers",),
            max_steps=1,
            metrics={"arrived": Metric(description="1 at the target, 0 at the wall", low=0.0, high=1.0)},
        )
        super().__init__(spec, num_envs)
        self._bonus = bonus

    def _reset(self, where: Array) -> None:
        write(self.outputs, where, {"alive.0": True, "acting.0": True})

    def _step(self, actions: Sequence[Array]) -> None:
        arrived = actions[0][:, 0] == 0
        rewards = np.where(arrived, 1.0, self._bonus)
        ending = {"terminations.0": True, "ended": True}
        everywhere = np.ones(self.num_envs, bool)
        write(self.outputs, everywhere, {"rewards.0": rewards[:, None], "metrics.arrived": arrived, **ending})
