"""A world as a standard PettingZoo ParallelEnv: one copy, dicts keyed by agent id.

spaces   a world with the one leaf `vector` shows a Box, others a Dict of leaves; a masked group shows PettingZoo's
         Dict(observation=..., action_mask=...), and in `info["action_mask"]` the same mask as `sample` of its action space
         takes it: for a MultiDiscrete a tuple of masks, which in the observation lie side by side
turns    `acting` lists the agents whose actions the next step reads, and `info["acting"]` says it of each; actions of the
         others are ignored, and may be left out, and their mask is all ones
endings  an agent leaves `agents` when its seat terminates or is truncated; the infos of an episode's last step carry
         `info["metrics"]` and, where the world has outcomes, `info["outcome"]`, the score of the agent's team
seeds    `reset(seed=s)` plays episode 0 of run seed s, each later `reset()` the next one, from the stream
         (s, "eval", copy 0, episode). Until a seed is given the run seed is one from the operating system.
drawing  in the mode `human` every reset and step is shown in a window, at most RENDER_FPS times a second, until somebody
         closes the window; step, return and metrics stand beside the scene
"""

import copy
import importlib
import secrets
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import logger, spaces
from pettingzoo import ParallelEnv

from marl_ppo.envs.hud import Hud
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, Group, World
from marl_ppo.errors import ConfigError, WorldError

RENDER_FPS = 10


def parallel_env(world_id: str, *, render_mode: str | None = None, **config: Any) -> "WorldParallelEnv":
    """A registered world as a ParallelEnv; `config` holds the world's settings."""
    return WorldParallelEnv(make_world(world_id, **config), render_mode)


class WorldParallelEnv(ParallelEnv):  # type: ignore[misc]  # PettingZoo ships no types
    """A world of one copy as a ParallelEnv."""

    state_space: spaces.Box
    """absent where the world lacks the capability `state`, as PettingZoo's wrappers expect"""

    def __init__(self, world: World, render_mode: str | None = None) -> None:
        if world.num_envs != 1:
            raise ConfigError(f"a ParallelEnv shows one copy, got a world with num_envs={world.num_envs}")
        spec = world.spec
        render_modes = ["human", "rgb_array"] if "scene" in spec.capabilities else []
        if render_mode is not None and render_mode not in render_modes:
            raise ConfigError(f"render_mode of world {spec.id!r} must be None or one of {render_modes}, got {render_mode!r}")

        self.metadata = {"name": f"{spec.id}_v{spec.version}", "render_modes": render_modes, "render_fps": RENDER_FPS}
        self.render_mode = render_mode
        self.possible_agents = list(spec.agents)
        self.agents: list[str] = []
        self._world = world
        self._seats = {agent: (g, a) for g, group in enumerate(spec.groups) for a, agent in enumerate(group.agents)}
        self._observation_spaces = {agent: _observation_space(spec.groups[g]) for agent, (g, _) in self._seats.items()}
        # Copies: a space holds a random generator that users seed per agent, and two envs may share one spec.
        self._action_spaces = {agent: copy.deepcopy(spec.groups[g].action) for agent, (g, _) in self._seats.items()}
        if "state" in spec.capabilities:
            self.state_space = spaces.Box(-np.inf, np.inf, (spec.state_size,), np.float32)
        self._run_seed = secrets.randbits(64)
        self._next_episode = 0
        self._hud = Hud(spec)
        self._renderer: Any = None
        self._shown_s = -np.inf  # when the window last changed, on the monotonic clock

    @property
    def acting(self) -> list[str]:
        """The agents whose actions the next step reads: all that are left, or in a game of turns whoever is on turn."""
        return [agent for agent in self.agents if self._of_seat(self._world.outputs.acting, agent)]

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Start the next episode, or episode 0 of the run seed `seed`; `options["params"]` sets the world's params."""
        run_seed, episode = (self._run_seed, self._next_episode) if seed is None else (int(seed), 0)
        self._world.reset(stream(run_seed, "eval", copy=[0], episode=episode), params=(options or {}).get("params"))
        self._run_seed, self._next_episode = run_seed, episode + 1
        self._hud.start()
        self.agents = list(self.possible_agents)
        if self.render_mode == "human":
            self.render()
        return self._observations(self.agents), self._infos(self.agents)

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        if not self.agents:
            raise WorldError("step: the episode is over or was never started; call reset() first")
        outputs = self._world.step(self._joint_action(actions))
        self._hud.add(outputs)
        played = self.agents
        rewards = {agent: float(self._of_seat(outputs.rewards, agent)) for agent in played}
        terminations = {agent: bool(self._of_seat(outputs.terminations, agent)) for agent in played}
        truncations = {agent: bool(self._of_seat(outputs.truncations, agent)) for agent in played}
        self.agents = [agent for agent in played if not (terminations[agent] or truncations[agent])]
        if self.render_mode == "human":
            self.render()
        return self._observations(played), rewards, terminations, truncations, self._infos(played)

    def check_action(self, agent: str, action: Any) -> Array:
        """`action` in the world's dtype; raises WorldError where it is outside the action space or illegal now."""
        g, _ = self._seats[agent]
        group = self._world.spec.groups[g]
        array = np.asarray(action)
        if array.shape != group.action_shape or not np.can_cast(array.dtype, group.action_dtype, "same_kind"):
            raise WorldError(f"step: the action of {agent!r} must be a member of {group.action}, got {action!r}")
        array = array.astype(group.action_dtype)
        # Continuous actions outside the Box are the world's to clip, as they are when a policy drives it.
        known = np.isfinite(array).all() if isinstance(group.action, spaces.Box) else group.action.contains(array)
        if not known:
            raise WorldError(f"step: the action of {agent!r} must be a member of {group.action}, got {action!r}")
        if (mask := self._action_mask(agent)) is not None:
            parts = group.split_mask(mask)
            if not all(legal[chosen] for legal, chosen in zip(parts, array.reshape(-1), strict=True)):
                legal_ones = [np.flatnonzero(legal).tolist() for legal in parts]
                shown = legal_ones if isinstance(group.action, spaces.MultiDiscrete) else legal_ones[0]
                raise WorldError(f"step: action {action} of {agent!r} is illegal now; legal are {shown}")
        return array

    def state(self) -> Array:
        """What a centralised critic may see: float32 [S]."""
        self._world.spec.require("state", "state()")
        state: Array = self._world.outputs.state[0].copy()
        return state

    def render(self) -> Array | None:
        """Uint8 [H, W, 3] in the mode `rgb_array`; a window and None in the mode `human`."""
        if self.render_mode is None:
            logger.warn("render() does nothing without a render_mode; make the env with render_mode='rgb_array'")
            return None
        if self._next_episode == 0:
            raise WorldError("render: there is no episode to draw yet; call reset() first")
        if self._renderer is None:
            # By name and on first use: the viewer stands above envs and loads a window library, which a run that
            # draws nothing must never do.
            renderer = importlib.import_module("marl_ppo.viewer.renderer").Renderer
            self._renderer = renderer(teams=self._world.spec.teams, title=self._world.spec.id)
        scene, hud = self._world.scene(0), self._hud.lines(self._world.outputs)
        if self.render_mode == "human":
            time.sleep(max(0.0, self._shown_s + 1 / RENDER_FPS - time.monotonic()))
            self._shown_s = time.monotonic() if self._renderer.show(scene, hud) else -np.inf
            return None
        frame: Array = self._renderer.frame(scene, hud)
        return frame

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        self._world.close()

    def _joint_action(self, actions: Mapping[str, Any]) -> list[Array]:
        joint: list[Array] = [
            np.zeros((1, len(group.agents), *group.action_shape), group.action_dtype) for group in self._world.spec.groups
        ]
        for agent in self.acting:
            if agent not in actions:
                raise WorldError(f"step: {agent!r} must act now but has no action; got actions of {sorted(actions)}")
            g, a = self._seats[agent]
            joint[g][0, a] = self.check_action(agent, actions[agent])
        return joint

    def _observations(self, agents: list[str]) -> dict[str, Any]:
        return {agent: self._observation(agent) for agent in agents}

    def _observation(self, agent: str) -> Any:
        g, a = self._seats[agent]
        # Copies: the world writes its next step into the same arrays.
        leaves = {leaf: array[0, a].copy() for leaf, array in self._world.outputs.obs[g].items()}
        observation = leaves["vector"] if leaves.keys() == {"vector"} else leaves
        mask = self._action_mask(agent)
        return observation if mask is None else {"observation": observation, "action_mask": mask}

    def _infos(self, agents: list[str]) -> dict[str, dict[str, Any]]:
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in agents}
        outputs, spec = self._world.outputs, self._world.spec
        for agent, info in infos.items():
            g, a = self._seats[agent]
            info["acting"] = bool(self._of_seat(outputs.acting, agent))
            if (mask := self._action_mask(agent)) is not None:
                is_composite = isinstance(spec.groups[g].action, spaces.MultiDiscrete)
                info["action_mask"] = tuple(spec.groups[g].split_mask(mask)) if is_composite else mask
            if outputs.ended[0]:
                info["metrics"] = {name: float(values[0]) for name, values in outputs.metrics.items()}
                if "outcomes" in spec.capabilities:
                    info["outcome"] = float(outputs.outcomes[0, spec.groups[g].team[a]])
        return infos

    def _action_mask(self, agent: str) -> Array | None:
        """Int8 [K], or None where nothing is ever illegal."""
        g, a = self._seats[agent]
        mask = self._world.outputs.action_mask[g]
        return None if mask is None else mask[0, a].astype(np.int8)

    def _of_seat(self, arrays: tuple[Array, ...], agent: str) -> Any:
        g, a = self._seats[agent]
        return arrays[g][0, a]


def _observation_space(group: Group) -> spaces.Space[Any]:
    leaves: dict[str, spaces.Space[Any]] = {leaf: copy.deepcopy(box) for leaf, box in group.obs.items()}
    space = leaves["vector"] if leaves.keys() == {"vector"} else spaces.Dict(leaves)
    if not group.masked:
        return space
    return spaces.Dict({"observation": space, "action_mask": spaces.Box(0, 1, (group.mask_size,), np.int8)})
