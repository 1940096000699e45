"""What one env tells, the same for every kind of env: who acts next, what the others saw, who left and how.

Parallel   all agents that are left and are shown something act; who is shown nothing is absent and waits
AEC        one agent acts at a time, so that one turn is one step; its reward is what has gathered since it acted last,
           and the turns of agents that are over are taken at once
Gymnasium  one agent, called `agent`
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

from marl_ppo.errors import ConfigError

PICTURES = "rgb_array"
"""the render_mode of an env that gives pictures"""
THE_AGENT = "agent"
"""of a Gymnasium env"""


@dataclass(slots=True, kw_only=True)
class Told:
    """What an env said after a reset or a step, by agent."""

    present: set[str]
    """the agents that are left"""
    observations: Mapping[str, Any]
    """of those that act next, and of those that have just been cut off"""
    infos: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rewards: Mapping[str, Any] = field(default_factory=dict)
    terminated: set[str] = field(default_factory=set)
    truncated: set[str] = field(default_factory=set)


class Driver(ABC):
    """Drives one env. Whatever the env raises passes through."""

    name: str
    """what the env calls itself"""
    agents: tuple[str, ...]
    """all that may ever take part"""
    one_team: bool
    """whether agents that look alike are taken to be on one team, unless somebody says otherwise"""

    @abstractmethod
    def reset(self, seed: int) -> Told:
        """Start an episode."""

    @abstractmethod
    def step(self, actions: Mapping[str, Any]) -> Told:
        """Let the agents that act do what `actions` says."""

    @abstractmethod
    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """As the env declares it."""

    @abstractmethod
    def action_space(self, agent: str) -> spaces.Space[Any]:
        """As the env declares it."""

    def state_space(self) -> Any:
        """As the env declares it, or None."""
        return None

    def state(self) -> Any:
        """What a centralised critic may see."""
        raise NotImplementedError

    @property
    @abstractmethod
    def draws(self) -> bool:
        """Whether it was made to give pictures of itself."""

    @abstractmethod
    def picture(self) -> Any:
        """What it looks like now: uint8 [H, W, 3]."""

    @abstractmethod
    def close(self) -> None:
        """Free what the env holds."""


def driver_of(env: Any) -> Driver:
    """The driver for an env. Raises ConfigError for anything that is none."""
    if isinstance(env, ParallelEnv):
        return ParallelDriver(env)
    if isinstance(env, AECEnv):
        return TurnDriver(env)
    if isinstance(env, gymnasium.Env):
        return GymnasiumDriver(env)
    raise ConfigError(f"an env must be a PettingZoo ParallelEnv or AECEnv or a gymnasium.Env, got a {type(env).__name__}")


class _PettingZooDriver(Driver):
    def __init__(self, env: Any) -> None:
        self._env = env
        self.name = str(env)
        self.agents = tuple(getattr(env, "possible_agents", None) or ())
        if not self.agents:
            raise ConfigError(f"PettingZoo env {str(env)!r} must have fixed possible_agents to be played as a world")

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        space: spaces.Space[Any] = self._env.observation_space(agent)
        return space

    def action_space(self, agent: str) -> spaces.Space[Any]:
        space: spaces.Space[Any] = self._env.action_space(agent)
        return space

    def state_space(self) -> Any:
        return getattr(self._env, "state_space", None)

    def state(self) -> Any:
        return self._env.state()

    @property
    def draws(self) -> bool:
        return getattr(self._env, "render_mode", None) == PICTURES

    def picture(self) -> Any:
        return self._env.render()

    def close(self) -> None:
        self._env.close()


class ParallelDriver(_PettingZooDriver):
    """All who are left act at once."""

    one_team = True

    def reset(self, seed: int) -> Told:
        observations, infos = self._env.reset(seed=seed)
        return Told(present=set(self._env.agents), observations=observations, infos=infos)

    def step(self, actions: Mapping[str, Any]) -> Told:
        observations, rewards, terminations, truncations, infos = self._env.step(actions)
        terminated = {agent for agent, is_over in terminations.items() if is_over}
        truncated = {agent for agent, is_over in truncations.items() if is_over}
        return Told(
            # Some envs set the flags but keep the agent in `agents`; the flags count.
            present=set(self._env.agents) - terminated - truncated,
            observations=observations,
            infos=infos,
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
        )


class TurnDriver(_PettingZooDriver):
    """One acts at a time."""

    one_team = False

    def reset(self, seed: int) -> Told:
        self._env.reset(seed=seed)
        told = self._go_on()
        told.infos = {**self._env.infos, **told.infos}
        return told

    def step(self, actions: Mapping[str, Any]) -> Told:
        self._env.step(actions[self._env.agent_selection])
        return self._go_on()

    def _go_on(self) -> Told:
        """Take the turns of those that are over, until it is somebody's turn who is not."""
        env = self._env
        told = Told(present=set(), observations={}, infos={}, rewards={})
        observations, infos, rewards = {}, {}, {}
        # Before the turns of those that are over: some envs pay everybody again at each of them.
        owed = dict(env._cumulative_rewards)
        turns = 2 * len(env.agents) + 1
        while env.agents:
            agent = env.agent_selection
            observation, _, terminated, truncated, infos[agent] = env.last()
            rewards[agent] = owed[agent]
            if not terminated:
                observations[agent] = observation
            if not terminated and not truncated:
                break
            (told.terminated if terminated else told.truncated).add(agent)
            env.step(None)
            turns -= 1
            if not turns:
                raise RuntimeError(f"agents {env.agents} are over but never leave")
        told.present, told.observations, told.infos, told.rewards = set(env.agents), observations, infos, rewards
        return told


class GymnasiumDriver(Driver):
    """The one agent of a Gymnasium env."""

    agents = (THE_AGENT,)
    one_team = True

    def __init__(self, env: Any) -> None:
        self._env = env
        self.name = type(env.unwrapped).__name__ if env.spec is None else str(env.spec.id)

    def reset(self, seed: int) -> Told:
        observation, info = self._env.reset(seed=seed)
        return Told(present={THE_AGENT}, observations={THE_AGENT: observation}, infos={THE_AGENT: info})

    def step(self, actions: Mapping[str, Any]) -> Told:
        observation, reward, terminated, truncated, info = self._env.step(actions[THE_AGENT])
        return Told(
            present=set() if terminated or truncated else {THE_AGENT},
            observations={THE_AGENT: observation},
            infos={THE_AGENT: info},
            rewards={THE_AGENT: reward},
            terminated={THE_AGENT} if terminated else set(),
            truncated={THE_AGENT} if truncated else set(),
        )

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        space: spaces.Space[Any] = self._env.observation_space
        return space

    def action_space(self, agent: str) -> spaces.Space[Any]:
        space: spaces.Space[Any] = self._env.action_space
        return space

    @property
    def draws(self) -> bool:
        return self._env.render_mode == PICTURES

    def picture(self) -> Any:
        return self._env.render()

    def close(self) -> None:
        self._env.close()
