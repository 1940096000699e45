"""A world as a standard PettingZoo AECEnv: agents choose one by one, and the world steps when all have chosen.

At each step of the world the agents that must act are selected in the order of `possible_agents`, so a world in which
all act together cycles through them and a game of turns selects whoever is on turn. A step at which nobody acts is
taken at once. Agents that are over are selected once more, for the action None, as PettingZoo's AEC cycle wants it.
"""

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from pettingzoo import AECEnv

from marl_ppo.envs.pettingzoo.view import WorldParallelEnv, parallel_env
from marl_ppo.envs.world import Array
from marl_ppo.errors import WorldError


def aec_env(world_id: str, *, render_mode: str | None = None, **config: Any) -> "WorldAECEnv":
    """A registered world as an AECEnv; `config` holds the world's settings."""
    return WorldAECEnv(parallel_env(world_id, render_mode=render_mode, **config))


class WorldAECEnv(AECEnv):  # type: ignore[misc]  # PettingZoo ships no types
    """The AEC form of a world's parallel form, which does all that is not a matter of order."""

    state_space: spaces.Box
    """absent where the world lacks the capability `state`"""

    def __init__(self, parallel: WorldParallelEnv) -> None:
        super().__init__()
        self._parallel = parallel
        self.metadata = parallel.metadata
        self.render_mode = parallel.render_mode
        self.possible_agents = parallel.possible_agents
        self.agents: list[str] = []
        self._observations: dict[str, Any] = {}
        if hasattr(parallel, "state_space"):
            self.state_space = parallel.state_space

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._parallel.observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._parallel.action_space(agent)

    def observe(self, agent: str) -> Any:
        if not self._observations:
            raise WorldError("observe: no episode was started; call reset() first")
        return self._observations[agent]

    def state(self) -> Array:
        """What a centralised critic may see: float32 [S]."""
        return self._parallel.state()

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> None:
        self._observations, self.infos = self._parallel.reset(seed, options)
        self.agents = list(self._parallel.agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._chosen: dict[str, Array] = {}
        self._waiting = self._parallel.acting
        """the agents that have still to choose before the world steps"""
        self._skip_idle_steps()
        self._accumulate_rewards()
        self._select()

    def step(self, action: Any) -> None:
        if not self.agents:
            raise WorldError("step: the episode is over or was never started; call reset() first")
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._chosen[agent] = self._parallel.check_action(agent, action)
        self._waiting.remove(agent)
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        if not self._waiting:
            self._step_world()
            self._skip_idle_steps()
        self._accumulate_rewards()
        self._select()

    def render(self) -> Array | None:
        return self._parallel.render()

    def close(self) -> None:
        self._parallel.close()

    def _step_world(self) -> None:
        # Updates, not replacements: who is over but not yet removed keeps its last values.
        observations, rewards, terminations, truncations, infos = self._parallel.step(self._chosen)
        self._observations |= observations
        self.terminations |= terminations
        self.truncations |= truncations
        self.infos |= infos
        for agent, reward in rewards.items():
            self.rewards[agent] += reward
        self._chosen = {}
        self._waiting = self._parallel.acting

    def _skip_idle_steps(self) -> None:
        while self._parallel.agents and not self._waiting:
            self._step_world()

    def _select(self) -> None:
        # When the episode is over nobody waits; PettingZoo's dead steps below then go through those that are left.
        self.agent_selection = self._waiting[0] if self._waiting else self.agents[0]
        self._deads_step_first()
