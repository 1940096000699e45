"""Staggered: agents leave at random steps while the others play on, and episodes end at random steps.

Every playing agent sees a cue and should name it. After each step an agent dies (terminates) with the probability of
the param `death_rate`; the copy ends for all by the rules or when nobody is left (termination), by a cut or at the step
limit (truncation). None of this depends on the actions, so the best `accuracy` is 1; guessing has 1/CUES.

on_death="ends"  each is paid 1 for its own right answers; an agent may also be cut off alone (truncated): at that step
                 it is alive with its last obs, acts no more, and is gone from the next step on
on_death="team"  all agents, the dead too, are paid the mean over those who answered; a dead agent's termination or
                 truncation comes when the copy ends

obs    [cue one-hot 3, share of the step limit gone]
state  for each agent [playing, cue one-hot 3], then the share of the step limit gone
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.probes.common import choices, one_hot, text_scene, uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, Param, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.settings import require_within

CUES = 3
MAX_STEPS = 20
CUT_RATE = 0.05
"""chance per step that an agent is cut off alone (on_death="ends")"""
END_RATE = 0.03
"""chance per step that the copy ends by the rules, and again that it is cut off"""


class Staggered(World):
    """N copies of a few agents that leave one after another."""

    def __init__(self, num_envs: int, agents: int = 3, on_death: Literal["ends", "team"] = "ends") -> None:
        require_within(1, 1_000, agents=agents)
        if on_death not in ("ends", "team"):
            raise ConfigError(f"on_death must be 'ends' or 'team', got {on_death!r}")
        group = Group(
            name="players",
            agents=tuple(f"player_{a}" for a in range(agents)),
            team=(0,) * agents,
            obs={"vector": spaces.Box(0.0, 1.0, (CUES + 1,), np.float32)},
            action=spaces.Discrete(CUES),
        )
        spec = WorldSpec(
            id="staggered",
            version=1,
            groups=(group,),
            teams=("players",),
            max_steps=MAX_STEPS,
            state_size=agents * (1 + CUES) + 1,
            on_death=on_death,
            metrics={"accuracy": Metric(description="share of the answers that were right", low=0.0, high=1.0)},
            params={"death_rate": Param(description="an agent's chance to die per step", default=0.1, low=0.0, high=1.0)},
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config={"agents": agents, "on_death": on_death},
        )
        super().__init__(spec, num_envs)
        self._playing = np.zeros((num_envs, agents), bool)
        self._cue = np.zeros((num_envs, agents), np.int64)
        self._tick = np.zeros(num_envs, np.int64)
        self._answers = np.zeros(num_envs, np.int64)
        self._right = np.zeros(num_envs, np.int64)

    def _reset(self, where: Array) -> None:
        self._playing[where] = True
        for array in (self._tick, self._answers, self._right):
            array[where] = 0
        self._cue[where] = choices(self._numbers()[:, : self._cue.shape[1]], CUES)[where]
        nothing = np.zeros_like(self._playing)
        self._write(where, rewards=nothing, terminations=nothing, truncations=nothing, ended=nothing[:, 0])

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [self._playing])
        right = (actions[0] == self._cue) & self._playing
        answers = self._playing.sum(axis=1)
        rewards = right.astype(np.float64)
        if self.spec.on_death == "team":
            rewards[:] = (right.sum(axis=1) / answers)[:, None]
        self._answers += answers
        self._right += right.sum(axis=1)
        self._tick += 1

        agents = self._playing.shape[1]
        numbers = self._numbers()
        fate, end = numbers[:, agents : 2 * agents], numbers[:, 2 * agents]
        dies = self._playing & (fate < self.params[:, :1])
        left_alone = np.zeros_like(dies)
        if self.spec.on_death == "ends":
            left_alone = self._playing & (fate >= 1.0 - CUT_RATE) & ~dies
        self._playing &= ~(dies | left_alone)

        by_rules = (end < END_RATE) | ~self._playing.any(axis=1)
        cut = ~by_rules & ((end >= 1.0 - END_RATE) | (self._tick == MAX_STEPS))
        if self.spec.on_death == "ends":
            terminations = dies | (self._playing & by_rules[:, None])
            truncations = left_alone | (self._playing & cut[:, None])
        else:  # a dead agent's stream goes on until the copy ends, and then ends as the copy does
            terminations = np.broadcast_to(by_rules[:, None], dies.shape)
            truncations = np.broadcast_to(cut[:, None], dies.shape)
        self._cue = choices(numbers[:, :agents], CUES)
        self._write(np.ones(self.num_envs, bool), rewards, terminations, truncations, by_rules | cut)

    def _numbers(self) -> Array:
        """This tick's random numbers: a cue for each agent, a fate for each agent, the copy's end."""
        count = 2 * self._playing.shape[1] + 1
        return np.asarray(uniforms(self.seeds, self._tick * count, count))

    def _write(self, where: Array, rewards: Array, terminations: Array, truncations: Array, ended: Array) -> None:
        playing = self._playing & ~terminations
        alive = playing | (truncations if self.spec.on_death == "ends" else False)
        cue = one_hot(self._cue, CUES)
        gone = np.broadcast_to((self._tick / MAX_STEPS).astype(np.float32)[:, None, None], (*alive.shape, 1))
        seats = np.concatenate([playing[..., None], cue * playing[..., None]], axis=2)
        values = {
            "obs.0.vector": np.concatenate([cue, gone], axis=2) * alive[..., None],
            "rewards.0": rewards,
            "alive.0": alive,
            "acting.0": playing & ~ended[:, None],
            "terminations.0": terminations,
            "truncations.0": truncations,
            "state": np.column_stack([seats.reshape(self.num_envs, -1), gone[:, 0]]),
            "metrics.accuracy": self._right / np.maximum(self._answers, 1),
            "outcomes": self._right[:, None],
            "ended": ended,
        }
        write(self.outputs, where, values)

    def scene(self, copy: int) -> Scene:
        names = self.spec.groups[0].agents
        return text_scene(
            [f"{name}: " + (f"cue {self._cue[copy, a]}" if self._playing[copy, a] else "gone") for a, name in enumerate(names)]
        )

    def _arrays(self) -> dict[str, Array]:
        return {
            "playing": self._playing,
            "cue": self._cue,
            "tick": self._tick,
            "answers": self._answers,
            "right": self._right,
        }
