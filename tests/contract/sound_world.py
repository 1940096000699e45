"""A small world that keeps every rule of the contract, made to be broken in one place at a time."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import text_scene, uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, Param, World, WorldSpec

AGENTS = 3
TEAM = np.array([0, 1, 0])
MAX_STEPS = 8
EDGE = 2.0
"""who is further than this from the middle dies"""


class SoundWorld(World):
    """Three agents walk on a line in gusts of wind, each at every second step. They die beyond the edge."""

    spec_changes: ClassVar[dict[str, Any]] = {}
    """what a broken world says otherwise"""

    def __init__(self, num_envs: int) -> None:
        group = Group(
            name="walkers",
            agents=tuple(f"walker_{a}" for a in range(AGENTS)),
            team=tuple(TEAM.tolist()),
            obs={"vector": spaces.Box(-EDGE, EDGE, (2,), np.float32)},
            action=spaces.Discrete(3),
            masked=True,
        )
        settings: dict[str, Any] = {
            "id": "sound",
            "version": 1,
            "groups": (group,),
            "teams": ("even", "odd"),
            "max_steps": MAX_STEPS,
            "state_size": AGENTS,
            "zero_sum": True,
            "metrics": {"alive": Metric(description="share still alive", low=0.0, high=1.0)},
            "params": {"wind": Param(description="drift per step", default=0.1, low=-0.5, high=0.5)},
            "capabilities": frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
        }
        super().__init__(WorldSpec(**settings | self.spec_changes), num_envs)
        self.x = np.zeros((num_envs, AGENTS))
        self.alive = np.zeros((num_envs, AGENTS), bool)
        self.tick = np.zeros(num_envs, np.int64)

    def _reset(self, where: Array) -> None:
        self.tick[where] = 0
        self.x[where] = self.gusts()[where]
        self.alive[where] = True
        self.write(where, died=np.zeros_like(self.alive))

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [self.acting()])
        moves = np.where(self.acting(), 0.5 * (actions[0] - 1), 0.0)
        self.tick += 1
        self.x += np.where(self.alive, moves + self.gusts() + self.params[:, :1], 0.0)
        died = self.alive & (np.abs(self.x) > EDGE)
        self.alive &= ~died
        self.write(np.ones(self.num_envs, bool), died)

    def acting(self) -> Array:
        return self.alive & ((self.tick[:, None] + np.arange(AGENTS)) % 2 == 0)

    def gusts(self) -> Array:
        return uniforms(self.seeds, self.tick * AGENTS, AGENTS) - 0.5

    def values(self, died: Array) -> dict[str, Array]:
        late = self.tick == MAX_STEPS
        ended = late | ~self.alive.any(axis=1)
        acting = self.acting() & ~ended[:, None]
        mask = np.ones((self.num_envs, AGENTS, 3), bool)
        mask[..., 2] = ~(acting & (self.x > 1.0))
        seen = np.stack([self.x, np.broadcast_to(self.tick[:, None] / MAX_STEPS, self.x.shape)], axis=2)
        lead = (np.where(TEAM == 0, 1.0, -1.0) * self.alive).sum(axis=1)
        return {
            "obs.0.vector": seen * self.alive[..., None],
            "action_mask.0": mask,
            "rewards.0": -np.abs(self.x) * self.alive,
            "alive.0": self.alive,
            "acting.0": acting,
            "terminations.0": died,
            "truncations.0": self.alive & late[:, None],
            "state": self.x,
            "metrics.alive": self.alive.mean(axis=1),
            "outcomes": np.stack([lead, -lead], axis=1),
            "ended": ended,
        }

    def write(self, where: Array, died: Array) -> None:
        write(self.outputs, where, self.values(died))

    def scene(self, copy: int) -> Scene:
        return text_scene([f"walker at {x:.2f}" for x in self.x[copy]])

    def _arrays(self) -> dict[str, Array]:
        return {"x": self.x, "alive": self.alive, "tick": self.tick}
