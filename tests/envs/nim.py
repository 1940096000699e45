"""A small world of turns, masks and two leaves, which no registered world has together."""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs import Group, Metric, Param, World, WorldSpec
from marl_ppo.envs.scene import Scene, Text

MOST_TAKEN = 3


class Nim(World):
    """Take one to three stones in turn; who takes the last wins. Small, but it has turns, real masks and two leaves."""

    def __init__(self, num_envs: int, capabilities: Sequence[str] = ("scene", "state", "outcomes")) -> None:
        group = Group(
            name="players",
            agents=("player_0", "player_1"),
            team=(0, 1),
            obs={
                "vector": spaces.Box(0.0, 1.0, (2,), np.float32),
                "stones": spaces.Box(0, 255, (3, 3), np.uint8),
            },
            action=spaces.Discrete(MOST_TAKEN),
            masked=True,
        )
        spec = WorldSpec(
            id="nim",
            version=2,
            groups=(group,),
            teams=("first", "second"),
            max_steps=None,
            state_size=1,
            zero_sum=True,
            metrics={"turns": Metric(description="turns taken", low=1.0, high=9.0)},
            params={"prize": Param(description="what the winner gets", default=1.0, low=0.0, high=5.0)},
            capabilities=frozenset(capabilities),
        )
        super().__init__(spec, num_envs)
        self.heap = np.zeros(num_envs, np.int64)
        self.turn = np.zeros(num_envs, np.int64)

    def _reset(self, where: np.ndarray) -> None:
        self.heap[where] = 5 + (self.seeds[where] % np.uint64(5)).astype(np.int64)
        self.turn[where] = 0
        self._write(where)

    def _step(self, actions: Sequence[np.ndarray]) -> None:
        for n in range(self.num_envs):
            self.heap[n] -= 1 + actions[0][n, self.turn[n] % 2]
            self.turn[n] += 1
        self._write(np.ones(self.num_envs, bool))

    def _write(self, where: np.ndarray) -> None:
        out, mask = self.outputs, self.outputs.action_mask[0]
        for n in np.flatnonzero(where):
            over, on_turn = self.heap[n] == 0, self.turn[n] % 2
            won = np.array([-1.0, 1.0]) if on_turn == 0 else np.array([1.0, -1.0])
            out.obs[0]["vector"][n] = 0 if over else np.eye(2)
            out.obs[0]["stones"][n] = 0 if over else np.arange(9).reshape(3, 3) < self.heap[n]
            mask[n] = True
            if not over:
                mask[n, on_turn] = np.arange(MOST_TAKEN) < self.heap[n]
            out.rewards[0][n] = won * self.params[n, 0] if over else 0.0
            out.outcomes[n] = won if over else 0.0
            out.alive[0][n] = out.acting[0][n] = not over
            out.acting[0][n, 1 - on_turn] = False
            out.terminations[0][n] = out.ended[n] = over
            out.metrics["turns"][n] = self.turn[n]
            out.state[n] = self.heap[n]

    def scene(self, copy: int) -> Scene:
        return Scene(bounds=(0, 0, 1, 1), primitives=(Text(key="heap", x=0, y=0, text=str(self.heap[copy])),))
