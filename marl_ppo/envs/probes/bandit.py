"""Bandit: one agent, one decision, one best choice. The smallest thing each kind of action head can learn.

action="discrete"        arm k of `arms` pays 1 if it is the best, else 0
action="multi_discrete"  two such choices at once, each with its own best arm; pays the share that is right
action="continuous"      two numbers in [-1, 1], clipped; pays minus the mean squared distance to the target

By default the best choice is the same in every episode and obs is blank.
context=True  the best choice is drawn anew for each episode and shown
masked=True   (discrete) only some arms are legal, drawn anew; the best is the last legal one. Only the action mask
              tells which are legal, so a policy that ignores it cannot reach the optimum

The best return is 1 for arms and 0 for the continuous target; `success` is then 1.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from marl_ppo.envs.probes.common import choices, one_hot, text_scene, uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import ActionSpace, Array, Group, Metric, World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.settings import require_within

ActionKind = Literal["discrete", "multi_discrete", "continuous"]

DIMENSIONS = 2
"""choices made at once by the multi-discrete and the continuous agent"""
FIXED = (0.9, 0.3)
"""where in its range the best choice lies without `context`, for each dimension"""
REACH = 0.8
"""targets lie in [-REACH, REACH], away from the clipped edge"""
TOLERANCE = 0.1
"""a continuous choice this near to its target counts as a success"""


class Bandit(World):
    """N bandits; see the module's docstring for the rules."""

    def __init__(
        self,
        num_envs: int,
        action: ActionKind = "discrete",
        arms: int = 4,
        context: bool = False,
        masked: bool = False,
    ) -> None:
        require_within(2, 1_000, arms=arms)
        action_spaces: dict[ActionKind, ActionSpace] = {
            "discrete": spaces.Discrete(arms),
            "multi_discrete": spaces.MultiDiscrete([arms] * DIMENSIONS),
            "continuous": spaces.Box(-1.0, 1.0, (DIMENSIONS,), np.float32),
        }
        if action not in action_spaces:
            raise ConfigError(f"action must be one of {list(action_spaces)}, got {action!r}")
        if masked and (action != "discrete" or context):
            raise ConfigError(f"masked needs action='discrete' and no context, got {action=} and {context=}")
        self._action = action
        self._arms = arms
        self._context = context
        self._masked = masked
        dimensions = 1 if action == "discrete" else DIMENSIONS
        shown = dimensions if action == "continuous" else dimensions * arms
        group = Group(
            name="players",
            agents=("player",),
            team=(0,),
            obs={"vector": spaces.Box(-1.0, 1.0, (shown,), np.float32)},
            action=action_spaces[action],
            masked=masked,
        )
        spec = WorldSpec(
            id="bandit",
            version=1,
            groups=(group,),
            teams=("players",),
            max_steps=1,
            state_size=shown,
            metrics={"success": Metric(description="share of the choices that are the best ones", low=0.0, high=1.0)},
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config={"action": action, "arms": arms, "context": context, "masked": masked},
        )
        super().__init__(spec, num_envs)
        self._best = np.zeros((num_envs, dimensions))  # best arms, or the target

    def _reset(self, where: Array) -> None:
        dimensions = self._best.shape[1]
        numbers = uniforms(self.seeds, np.zeros(self.num_envs, np.int64), dimensions + self._arms)
        legal = self._legal_arms(numbers[:, dimensions:])
        if self._masked:
            best = self._arms - 1 - legal[:, ::-1].argmax(axis=1)[:, None]
        else:
            places = numbers[:, :dimensions] if self._context else np.tile(FIXED[:dimensions], (self.num_envs, 1))
            best = REACH * (2.0 * places - 1.0) if self._action == "continuous" else choices(places, self._arms)
        self._best[where] = best[where]

        shown = self._encoded()
        values: dict[str, ArrayLike] = {"alive.0": True, "acting.0": True, "state": shown}
        if self._context:
            values["obs.0.vector"] = shown[:, None]
        if self._masked:
            values["action_mask.0"] = legal[:, None]
        write(self.outputs, where, values)

    def _legal_arms(self, numbers: Array) -> Array:
        """Each arm with probability 1/2, and the one with the lowest number in any case: bool [N, arms]."""
        return np.asarray(numbers <= np.maximum(0.5, numbers.min(axis=1, keepdims=True)))

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [True])
        chosen = actions[0].reshape(self._best.shape).astype(np.float64)
        if self._action == "continuous":
            distance = np.clip(chosen, -1.0, 1.0) - self._best
            rewards = -np.square(distance).mean(axis=1)
            success = (np.abs(distance) <= TOLERANCE).mean(axis=1)
        else:
            rewards = success = (chosen == self._best).mean(axis=1)
        results = {"rewards.0": rewards[:, None], "metrics.success": success, "outcomes": rewards[:, None]}
        everywhere = np.ones(self.num_envs, bool)
        write(self.outputs, everywhere, results | {"terminations.0": True, "ended": True, "state": self._encoded()})

    def _encoded(self) -> Array:
        """The best choice as obs and state show it: [N, shown]."""
        if self._action == "continuous":
            return self._best.astype(np.float32)
        return one_hot(self._best.astype(np.int64), self._arms).reshape(self.num_envs, -1)

    def scene(self, copy: int) -> Scene:
        return text_scene([f"best choice: {', '.join(f'{best:g}' for best in self._best[copy])}"])

    def _arrays(self) -> dict[str, Array]:
        return {"best": self._best}
