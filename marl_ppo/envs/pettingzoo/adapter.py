"""Any PettingZoo ParallelEnv as a World: N independent copies of it, stepped one after the other in this process.

What it takes: fixed `possible_agents`, flat Box observations, Discrete, flat MultiDiscrete or flat Box actions.

groups     agents with equal spaces; each group is one team, since PettingZoo does not say who wins together
endings    an agent that leaves `agents` terminates or is truncated as the env says, or terminates where it says
           neither; the copy ends when no agent is left
state      `env.state()` where the env offers `state_space`
seeds      an episode starts with `env.reset(seed=int(seed % 2**31))`: many envs take no larger seed. So few numbers
           that now and then a held-out episode is one met in training
actions    continuous ones are clipped to the action space, since envs differ in what they do outside it

There is no snapshot and no re-simulation: what an env keeps to itself cannot be known from outside.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marl_ppo.envs.registry import PETTINGZOO_PREFIX
from marl_ppo.envs.world import ActionSpace, Array, Group, World, WorldSpec
from marl_ppo.errors import ConfigError, UnknownNameError

SEED_RANGE = 2**31


def from_parallel_env(make: Callable[[], ParallelEnv], *, num_envs: int) -> World:
    """N copies of the env that `make` makes. Raises ConfigError where it is of a kind that cannot be adapted."""
    return ParallelEnvWorld([make() for _ in range(num_envs)])


def installed_env(world_id: str, *, num_envs: int, **config: Any) -> World:
    """N copies of an installed env, e.g. `pettingzoo:mpe2.simple_spread_v3`; `config` goes to its `parallel_env`."""
    name = world_id.removeprefix(PETTINGZOO_PREFIX)
    try:
        module = importlib.import_module(name)
    except (ImportError, TypeError, ValueError) as error:  # the latter two: no module is named, or none from the root
        raise UnknownNameError(
            f"{world_id!r} must name an installed module with a `parallel_env`, but {error}; install its package"
        ) from error
    if not hasattr(module, "parallel_env"):
        known = "only the AEC form of an env, and Parallel ones are taken" if hasattr(module, "env") else "no env"
        raise UnknownNameError(f"{world_id!r} must name a module with a `parallel_env`; {name} has {known}")
    try:
        envs = [module.parallel_env(**config) for _ in range(num_envs)]
    except Exception as error:  # whatever an env thinks of its arguments
        raise ConfigError(f"{world_id!r} cannot be made with {config}: {type(error).__name__} {error}") from error
    return ParallelEnvWorld(envs, world_id=world_id, config=config)


class ParallelEnvWorld(World):
    """One World over equal ParallelEnvs, a copy each."""

    def __init__(
        self, envs: Sequence[ParallelEnv], *, world_id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        if not envs:
            raise ConfigError("num_envs must be at least 1, got 0")
        super().__init__(_spec_of(envs[0], world_id, config or {}), len(envs))
        self._envs = list(envs)
        self._acting = tuple(np.zeros((len(envs), len(group.agents)), bool) for group in self.spec.groups)
        """bool [N, A] per group: whose actions the next step reads"""
        self._action_spaces = {agent: envs[0].action_space(agent) for agent in self.spec.agents}

    def close(self) -> None:
        for env in self._envs:
            env.close()

    def _reset(self, where: Array) -> None:
        for n in np.flatnonzero(where).tolist():
            observations, _ = self._envs[n].reset(seed=int(self.seeds[n]) % SEED_RANGE)
            for acting in self._acting:
                acting[n] = False
            self._write(n, observations, rewards={}, terminations={}, truncations={})

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, self._acting)
        for n, env in enumerate(self._envs):
            joint_action = {
                agent: _env_action(self._action_spaces[agent], actions[g][n, a])
                for g, group in enumerate(self.spec.groups)
                for a, agent in enumerate(group.agents)
                if self._acting[g][n, a]
            }
            observations, rewards, terminations, truncations, _ = env.step(joint_action)
            self._write(n, observations, rewards, terminations, truncations)

    def _write(
        self,
        n: int,
        observations: Mapping[str, Array],
        rewards: Mapping[str, float],
        terminations: Mapping[str, bool],
        truncations: Mapping[str, bool],
    ) -> None:
        """Write copy n's row of every output after its env was reset or stepped, and note who plays on."""
        env, out = self._envs[n], self.outputs
        # Some envs set the flags but keep the agent in `agents`; the flags count.
        over = {agent for agent in env.possible_agents if terminations.get(agent) or truncations.get(agent)}
        now = set(env.agents) - over
        for g, group in enumerate(self.spec.groups):
            for a, agent in enumerate(group.agents):
                left = bool(self._acting[g][n, a]) and agent not in now
                terminated = left and bool(terminations.get(agent) or not truncations.get(agent))
                truncated = left and not terminated
                # Who is cut off keeps its last obs for this one step, since its value is bootstrapped from it.
                alive = agent in now or truncated
                out.obs[g]["vector"][n, a] = observations[agent] if alive else 0
                out.rewards[g][n, a] = rewards.get(agent, 0.0)
                out.alive[g][n, a] = alive
                out.acting[g][n, a] = self._acting[g][n, a] = agent in now
                out.terminations[g][n, a] = terminated
                out.truncations[g][n, a] = truncated
        if self.spec.state_size:
            out.state[n] = env.state()
        out.ended[n] = not now
        out.faulted[n] = False


def _spec_of(env: ParallelEnv, world_id: str | None, config: Mapping[str, Any]) -> WorldSpec:
    """What the env says of itself, as a WorldSpec; its name's `_v3` becomes version 3."""
    name = str(env)
    if not getattr(env, "possible_agents", None):
        raise ConfigError(f"PettingZoo env {name!r} must have fixed possible_agents to be played as a world")
    groups = _groups_of(env)
    state_space = getattr(env, "state_space", None)
    state_size = state_space.shape[0] if isinstance(state_space, spaces.Box) and len(state_space.shape) == 1 else 0
    version = re.search(r"_v(\d+)$", name)
    return WorldSpec(
        id=world_id or f"{PETTINGZOO_PREFIX}{name}",
        version=int(version[1]) if version else 1,
        groups=groups,
        teams=tuple(group.name for group in groups),
        max_steps=None,
        state_size=state_size,
        capabilities=frozenset({"state"} if state_size else {}),
        config=dict(config),
    )


def _groups_of(env: ParallelEnv) -> tuple[Group, ...]:
    """Agents with equal spaces together, in the order of their first agents; each group is a team."""
    kinds: list[tuple[tuple[Any, Any], list[str]]] = []
    for agent in env.possible_agents:
        pair = (env.observation_space(agent), env.action_space(agent))
        for known, members in kinds:
            if known == pair:
                members.append(agent)
                break
        else:
            kinds.append((pair, [agent]))

    names = [_stem(members) for _, members in kinds]
    return tuple(
        Group(
            name=name if names.count(name) == 1 else members[0],
            agents=tuple(members),
            team=(g,) * len(members),
            obs={"vector": _world_obs(observation, members[0])},
            action=_world_action(action, members[0]),
        )
        for g, (((observation, action), members), name) in enumerate(zip(kinds, names, strict=True))
    )


def _stem(agents: Sequence[str]) -> str:
    """What numbered ids have in common, `agent` for agent_0 and agent_1; the first id where that is nothing."""
    stems = {re.sub(r"_?\d+$", "", agent) for agent in agents}
    return stems.pop() if len(stems) == 1 else agents[0]


def _world_obs(space: spaces.Space[Any], agent: str) -> spaces.Box:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ConfigError(
            f"the observation space of {agent!r} must be a Box of one dimension, got {space}; "
            "flatten it first, for example with supersuit.flatten_v0"
        )
    if not np.issubdtype(space.dtype, np.floating):
        return space
    return spaces.Box(space.low.astype(np.float32), space.high.astype(np.float32), dtype=np.float32)


def _world_action(space: spaces.Space[Any], agent: str) -> ActionSpace:
    """The action space with choices numbered from 0 and floats in float32."""
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) == 1:
        return spaces.MultiDiscrete(space.nvec)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return spaces.Box(space.low.astype(np.float32), space.high.astype(np.float32), dtype=np.float32)
    raise ConfigError(
        f"the action space of {agent!r} must be Discrete, or a MultiDiscrete or Box of one dimension, got {space}"
    )


def _env_action(space: spaces.Space[Any], action: Array) -> Any:
    """An action of the world as the env's own space wants it; the inverse of what `_world_action` simplified."""
    if isinstance(space, spaces.Discrete):
        return int(action + space.start)
    if isinstance(space, spaces.MultiDiscrete):
        return (action + space.start).astype(space.dtype)
    assert isinstance(space, spaces.Box)
    return np.clip(action, space.low, space.high).astype(space.dtype)
