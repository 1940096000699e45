"""TwoKinds: one scout and three workers with unequal obs and actions, paid only where both kinds are right.

At each of `STEPS` steps every agent sees a cue of its own and should name it. All four get the same reward: the share
of the workers that are right if the scout is right, else 0. The best return is STEPS, with `success` 1; guessing has
success 1/3 * 1/5.

scout    Discrete(3), obs [cue one-hot 3, share of the episode gone]
worker   Discrete(5), obs [cue one-hot 5, share of the episode gone]
state    all four cues one-hot, share of the episode gone
"""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import choices, one_hot, text_scene, uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec

STEPS = 5
WORKERS = 3
SCOUT_CUES = 3
WORKER_CUES = 5


def _group(name: str, agents: tuple[str, ...], cues: int) -> Group:
    return Group(
        name=name,
        agents=agents,
        team=(0,) * len(agents),
        obs={"vector": spaces.Box(0.0, 1.0, (cues + 1,), np.float32)},
        action=spaces.Discrete(cues),
    )


class TwoKinds(World):
    """N teams of one scout and three workers."""

    def __init__(self, num_envs: int) -> None:
        spec = WorldSpec(
            id="two_kinds",
            version=1,
            groups=(
                _group("scouts", ("scout",), SCOUT_CUES),
                _group("workers", tuple(f"worker_{a}" for a in range(WORKERS)), WORKER_CUES),
            ),
            teams=("crew",),
            max_steps=STEPS,
            state_size=SCOUT_CUES + WORKERS * WORKER_CUES + 1,
            metrics={"success": Metric(description="mean reward of the steps so far", low=0.0, high=1.0)},
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
        )
        super().__init__(spec, num_envs)
        self._scout_cue = np.zeros((num_envs, 1), np.int64)
        self._worker_cue = np.zeros((num_envs, WORKERS), np.int64)
        self._tick = np.zeros(num_envs, np.int64)
        self._score = np.zeros(num_envs)  # sum of the team's rewards

    def _reset(self, where: Array) -> None:
        self._tick[where] = 0
        self._score[where] = 0.0
        self._show_cues(where)
        self._write(where, rewards=np.zeros(self.num_envs))

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [True, True])
        scout_right = actions[0][:, 0] == self._scout_cue[:, 0]
        rewards = scout_right * (actions[1] == self._worker_cue).mean(axis=1)
        self._score += rewards
        self._tick += 1
        everywhere = np.ones(self.num_envs, bool)
        self._show_cues(everywhere)
        self._write(everywhere, rewards)

    def _show_cues(self, where: Array) -> None:
        numbers = uniforms(self.seeds, self._tick * (1 + WORKERS), 1 + WORKERS)
        self._scout_cue[where] = choices(numbers[:, :1], SCOUT_CUES)[where]
        self._worker_cue[where] = choices(numbers[:, 1:], WORKER_CUES)[where]

    def _write(self, where: Array, rewards: Array) -> None:
        ended = self._tick == STEPS
        playing = ~ended[:, None]
        gone = (self._tick / STEPS).astype(np.float32)
        values: dict[str, Array] = {
            "state": np.column_stack(
                [
                    one_hot(self._scout_cue, SCOUT_CUES).reshape(self.num_envs, -1),
                    one_hot(self._worker_cue, WORKER_CUES).reshape(self.num_envs, -1),
                    gone,
                ]
            ),
            "metrics.success": self._score / np.maximum(self._tick, 1),
            "outcomes": self._score[:, None],
            "ended": ended,
        }
        for g, (cue, options) in enumerate(((self._scout_cue, SCOUT_CUES), (self._worker_cue, WORKER_CUES))):
            progress = np.broadcast_to(gone[:, None, None], (*cue.shape, 1))
            obs = np.concatenate([one_hot(cue, options), progress], axis=2)
            values |= {
                f"obs.{g}.vector": obs * playing[..., None],
                f"rewards.{g}": rewards[:, None],
                f"alive.{g}": playing,
                f"acting.{g}": playing,
                f"terminations.{g}": ~playing,
            }
        write(self.outputs, where, values)

    def scene(self, copy: int) -> Scene:
        return text_scene([f"scout {self._scout_cue[copy]}", f"workers {self._worker_cue[copy]}"])

    def _arrays(self) -> dict[str, Array]:
        return {
            "scout_cue": self._scout_cue,
            "worker_cue": self._worker_cue,
            "tick": self._tick,
            "score": self._score,
        }
