"""A small world of MultiDiscrete actions with masks, which no registered world has."""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import uniforms, write
from marl_ppo.envs.world import Array, Group, World, WorldSpec
from marl_ppo.errors import WorldError

WHEELS = (2, 3, 4)
STEPS = 4


class LockedWorld(World):
    """Two agents turn three wheels each, of which some positions are blocked at each step; to choose one raises."""

    def __init__(self, num_envs: int) -> None:
        group = Group(
            name="locksmiths",
            agents=("smith_0", "smith_1"),
            team=(0, 0),
            obs={"vector": spaces.Box(0.0, STEPS, (1,), np.float32)},
            action=spaces.MultiDiscrete(WHEELS),
            masked=True,
        )
        spec = WorldSpec(
            id="locked",
            version=1,
            groups=(group,),
            teams=("locksmiths",),
            max_steps=STEPS,
            capabilities=frozenset({"resimulate", "snapshot"}),
        )
        super().__init__(spec, num_envs)
        self.tick = np.zeros(num_envs, np.int64)

    def _reset(self, where: Array) -> None:
        self.tick[where] = 0
        self.write(where)

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [True])
        for legal, chosen in zip(self.spec.groups[0].split_mask(self.legal()), np.moveaxis(actions[0], -1, 0), strict=True):
            if not np.take_along_axis(legal, chosen[..., None], axis=-1).all():
                raise WorldError(f"a wheel was turned to a blocked position: {chosen.tolist()} of {legal.tolist()}")
        self.tick += 1
        self.write(np.ones(self.num_envs, bool))

    def legal(self) -> Array:
        """Each position with a chance of 1/2, and the last one of each wheel always."""
        legal = uniforms(self.seeds, 100 * self.tick, 2 * sum(WHEELS)).reshape(self.num_envs, 2, -1) < 0.5
        legal[..., np.cumsum(WHEELS) - 1] = True
        return legal

    def write(self, where: Array) -> None:
        ended = self.tick == STEPS
        alive = np.repeat(~ended[:, None], 2, axis=1)
        values = {
            "obs.0.vector": (self.tick[:, None] * alive)[..., None],
            "action_mask.0": self.legal() | ended[:, None, None],
            "alive.0": alive,
            "acting.0": alive,
            "terminations.0": ~alive,
            "ended": ended,
        }
        write(self.outputs, where, values)

    def _arrays(self) -> dict[str, Array]:
        return {"tick": self.tick}
