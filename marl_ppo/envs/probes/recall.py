"""Recall: one bit is shown at the first step, hidden for `delay` steps, then asked for.

Only the last of the `delay + 2` decisions counts: 1 if it names the bit, else 0. With memory the best return is 1; obs
at the question does not tell the bit, so without memory no policy scores more than 0.5 on average.

obs    [bit was 0, bit was 1, now asked]: the first two only at the first step
state  [bit is 0, bit is 1, share of the episode gone]
"""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import choices, one_hot, text_scene, uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec
from marl_ppo.settings import require_within


class Recall(World):
    """N recall tasks; `delay` steps lie between the cue and the question."""

    def __init__(self, num_envs: int, delay: int = 4) -> None:
        require_within(0, 1_000_000, delay=delay)
        group = Group(
            name="players",
            agents=("player",),
            team=(0,),
            obs={"vector": spaces.Box(0.0, 1.0, (3,), np.float32)},
            action=spaces.Discrete(2),
        )
        spec = WorldSpec(
            id="recall",
            version=1,
            groups=(group,),
            teams=("players",),
            max_steps=delay + 2,
            state_size=3,
            metrics={"success": Metric(description="1 if the answer was right", low=0.0, high=1.0)},
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config={"delay": delay},
        )
        super().__init__(spec, num_envs)
        self._steps = delay + 2
        self._cue = np.zeros(num_envs, np.int64)
        self._tick = np.zeros(num_envs, np.int64)

    def _reset(self, where: Array) -> None:
        cue = choices(uniforms(self.seeds, np.zeros(self.num_envs, np.int64), 1)[:, 0], 2)
        self._cue[where] = cue[where]
        self._tick[where] = 0
        self._write(where, success=np.zeros(self.num_envs))

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [True])
        asked = self._tick == self._steps - 1
        self._tick += 1
        self._write(np.ones(self.num_envs, bool), success=(asked & (actions[0][:, 0] == self._cue)).astype(np.float64))

    def _write(self, where: Array, success: Array) -> None:
        ended = self._tick == self._steps
        playing = ~ended[:, None]
        cue = one_hot(self._cue, 2)
        obs = np.zeros((self.num_envs, 1, 3), np.float32)
        obs[:, 0, :2] = cue * (self._tick == 0)[:, None]
        obs[:, 0, 2] = self._tick == self._steps - 1
        values = {
            "obs.0.vector": obs,
            "rewards.0": success[:, None],
            "alive.0": playing,
            "acting.0": playing,
            "terminations.0": ~playing,
            "state": np.column_stack([cue, self._tick / self._steps]),
            "metrics.success": success,
            "outcomes": success[:, None],
            "ended": ended,
        }
        write(self.outputs, where, values)

    def scene(self, copy: int) -> Scene:
        return text_scene([f"cue {self._cue[copy]}", f"step {self._tick[copy]} of {self._steps}"])

    def _arrays(self) -> dict[str, Array]:
        return {"cue": self._cue, "tick": self._tick}
