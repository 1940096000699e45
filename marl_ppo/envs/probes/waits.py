"""Waits: each agent acts every one to four steps, and is paid at every step, also while it waits.

At a decision an agent sees a cue and how many steps its choice will stand. Each of these steps pays 1 if the choice
names the cue, else 0. The best `accuracy` is 1 (one per agent and step); guessing has 1/CUES. There are steps at which
nobody acts. Episodes are cut off (truncated) after STEPS steps, in the middle of most waits.

obs    [cue one-hot 3 (at a decision), steps the choice will stand / 4 (at a decision),
        steps until the next decision / 4 (while waiting), the standing choice is right (while waiting)]
state  the obs of all agents
"""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import choices, one_hot, text_scene, uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec

AGENTS = 2
CUES = 3
LONGEST_WAIT = 4
STEPS = 25
OBS_SIZE = CUES + 3


class Waits(World):
    """N copies of two agents that never meet."""

    def __init__(self, num_envs: int) -> None:
        group = Group(
            name="players",
            agents=tuple(f"player_{a}" for a in range(AGENTS)),
            team=(0,) * AGENTS,
            obs={"vector": spaces.Box(0.0, 1.0, (OBS_SIZE,), np.float32)},
            action=spaces.Discrete(CUES),
        )
        spec = WorldSpec(
            id="waits",
            version=1,
            groups=(group,),
            teams=("players",),
            max_steps=STEPS,
            state_size=AGENTS * OBS_SIZE,
            metrics={"accuracy": Metric(description="share of the agent-steps that paid", low=0.0, high=1.0)},
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
        )
        super().__init__(spec, num_envs)
        self._cue = np.zeros((num_envs, AGENTS), np.int64)  # of the agent's last or open decision
        self._stands = np.zeros((num_envs, AGENTS), np.int64)  # steps for which that decision's choice stands
        self._until = np.zeros((num_envs, AGENTS), np.int64)  # steps until the next decision; 0: it acts now
        self._right = np.zeros((num_envs, AGENTS), bool)  # whether the standing choice is right
        self._tick = np.zeros(num_envs, np.int64)
        self._score = np.zeros(num_envs)  # agent-steps that paid

    def _reset(self, where: Array) -> None:
        for array in (self._until, self._right, self._tick, self._score):
            array[where] = 0
        self._open_decisions(where)
        self._write(where, paid=np.zeros((self.num_envs, AGENTS), bool))

    def _step(self, actions: Sequence[Array]) -> None:
        deciding = self._until == 0
        self._refuse_outside(actions, [deciding])
        self._right = np.where(deciding, actions[0] == self._cue, self._right)
        self._until = np.where(deciding, self._stands, self._until) - 1
        paid = self._right.copy()
        self._score += paid.sum(axis=1)
        self._tick += 1
        everywhere = np.ones(self.num_envs, bool)
        self._open_decisions(everywhere)
        self._write(everywhere, paid)

    def _open_decisions(self, where: Array) -> None:
        """A new cue and wait for every agent that acts at the next step."""
        numbers = uniforms(self.seeds, self._tick * (2 * AGENTS), 2 * AGENTS)
        opening = where[:, None] & (self._until == 0)
        self._cue = np.where(opening, choices(numbers[:, :AGENTS], CUES), self._cue)
        self._stands = np.where(opening, 1 + choices(numbers[:, AGENTS:], LONGEST_WAIT), self._stands)

    def _write(self, where: Array, paid: Array) -> None:
        ended = self._tick == STEPS
        deciding = self._until == 0
        obs = np.zeros((self.num_envs, AGENTS, OBS_SIZE), np.float32)
        obs[..., :CUES] = one_hot(self._cue, CUES) * deciding[..., None]
        obs[..., CUES] = self._stands / LONGEST_WAIT * deciding
        obs[..., CUES + 1] = self._until / LONGEST_WAIT
        obs[..., CUES + 2] = self._right & ~deciding
        values = {
            "obs.0.vector": obs,
            "rewards.0": paid,
            "alive.0": True,  # cut off at the end, never dead: the last obs is there to be valued
            "acting.0": deciding & ~ended[:, None],
            "truncations.0": ended[:, None],
            "state": obs.reshape(self.num_envs, -1),
            "metrics.accuracy": self._score / (AGENTS * np.maximum(self._tick, 1)),
            "outcomes": self._score[:, None],
            "ended": ended,
        }
        write(self.outputs, where, values)

    def scene(self, copy: int) -> Scene:
        def line(a: int) -> str:
            until = self._until[copy, a]
            return f"player_{a}: " + (f"waits {until} more" if until else f"cue {self._cue[copy, a]}")

        return text_scene([line(a) for a in range(AGENTS)])

    def _arrays(self) -> dict[str, Array]:
        return {
            "cue": self._cue,
            "stands": self._stands,
            "until": self._until,
            "right": self._right,
            "tick": self._tick,
            "score": self._score,
        }
