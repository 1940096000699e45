"""A player outside of a Play: from the dicts of a PettingZoo loop to actions.

A bot keeps what a Play keeps for its seats: memory, the number of each decision, and the episode's seed, from which the
noise of every sampled action follows. Episodes are numbered as those of `marl_ppo.parallel_env` are, so that a bot and an
env that were reset with the same seed play what a Play over the same world plays, action for action.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.observations import flat_obs, obs_size
from marl_ppo.agents.policy import MindsMates, Obs, Policy, Team
from marl_ppo.envs.seeds import fill_action_noise, stream
from marl_ppo.envs.world import Array, Group, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.seating import Player

Seen = tuple[Mapping[str, Any], Any]
"""what an agent sees, by leaf of its group, and its mask or None"""
ReadObservation = Callable[[str, Any, Mapping[str, Any]], Seen]
"""(agent, observation, info) → what the agent sees"""
WriteAction = Callable[[str, Any], Any]
"""(agent, action in the group's space) → the action as the env wants it"""


def as_shown(agent: str, observation: Any, info: Mapping[str, Any]) -> Seen:
    """As our own envs show it: a Dict of leaves, or the leaf `vector` alone; the mask beside it, or in the info."""
    mask = info.get("action_mask")
    if isinstance(observation, Mapping) and "action_mask" in observation:
        observation, mask = observation["observation"], observation["action_mask"]
    return observation if isinstance(observation, Mapping) else {"vector": observation}, mask


def as_it_is(agent: str, action: Any) -> Any:
    """As our own envs take it."""
    return action


@dataclass(slots=True)
class _Part:
    """One policy's agents in one group: they decide in one batch, as in a Play."""

    policy: Policy
    group: Group
    first_seat: int
    """number of the group's first agent among all of the world"""
    places: list[int]
    """of the policy's agents in the group"""
    memory: Tensor
    """float32 [A, M]"""
    decisions: Array
    """int64 [1, A], decisions each agent has made in this episode"""


class Bot:
    """A player that drives a standard PettingZoo loop; `marl_ppo.load` makes one.

    env.reset(seed=5) and bot.reset(5) start the same episode, env.reset() and bot.reset() the next one.
    """

    def __init__(
        self,
        player: Player,
        spec: WorldSpec,
        *,
        seed: int = 0,
        read: ReadObservation = as_shown,
        write: WriteAction = as_it_is,
    ) -> None:
        self.name = player.name
        self.agents = tuple(agent for agent in spec.agents if agent in player.policies)
        """those it can play"""
        self._spec = spec
        self._greedy = player.greedy
        self._read, self._write = read, write
        self._parts = _parts(spec, player)
        self._run_seed, self._next_episode = seed, 0
        self._started = False

    def reset(self, seed: int | None = None) -> None:
        """Begin an episode: the first one of `seed`, or the next one where none is given."""
        if seed is not None:
            self._run_seed, self._next_episode = int(seed), 0
        self._seed = stream(self._run_seed, "eval", copy=[0], episode=self._next_episode)
        self._next_episode += 1
        self._started = True
        for part in self._parts:
            part.decisions[:] = 0

    @torch.no_grad()
    def act(self, observations: Mapping[str, Any], infos: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """An action for each agent that decides now: of those given, the ones this bot can play and that are on turn.

        Masks are read from an observation's "action_mask" or else the info's. Who only waits is told by "acting" in the
        info, as our envs give it, or by leaving it out. Agents given together decide in one batch; given one by one they
        decide the same up to the rounding of matrix products. Raises ConfigError for an agent or an observation that is
        not of this world.
        """
        if not self._started:
            self.reset()
        infos = infos or {}
        if unknown := observations.keys() - set(self._spec.agents):
            raise ConfigError(f"world {self._spec.id!r} has no agent {sorted(unknown)}; its agents are {self._spec.agents}")
        actions: dict[str, Any] = {}
        for part in self._parts:
            names = part.group.agents
            now = [a for a in part.places if names[a] in observations and infos.get(names[a], {}).get("acting", True)]
            if now:
                decided = self._decide(part, now, observations, infos)
                actions |= {names[a]: self._write(names[a], action) for a, action in zip(now, decided, strict=True)}
        return actions

    def act_one(self, agent: str, observation: Any, info: Mapping[str, Any] | None = None) -> Any:
        """The action of one agent, for loops in which agents choose one by one. Raises ConfigError if it has none now."""
        actions = self.act({agent: observation}, None if info is None else {agent: info})
        if agent not in actions:
            why = "it is not on turn" if agent in self.agents else f"it plays {', '.join(self.agents)}"
            raise ConfigError(f"{self.name!r} has no action for {agent!r}: {why}")
        return actions[agent]

    def _decide(
        self, part: _Part, now: list[int], observations: Mapping[str, Any], infos: Mapping[str, Mapping[str, Any]]
    ) -> list[Any]:
        group, policy = part.group, part.policy
        noise = np.full((1, len(group.agents), policy.noise_size), 0.5, np.float32)
        if policy.noise_size:
            fill_action_noise(noise, self._seed, part.decisions, part.first_seat)
        seen = [self._see(group, group.agents[a], observations, infos) for a in now]
        mask = torch.from_numpy(np.stack([mask for _, mask in seen])) if group.masked else None
        obs: Obs = {leaf: torch.from_numpy(np.stack([leaves[leaf] for leaves, _ in seen])) for leaf in group.obs}
        if isinstance(policy, MindsMates) and policy.minds_mates:
            obs = {**obs, **policy.of_mates(self._team(part, now, observations, infos))}
        decision = policy.act(
            obs,
            mask,
            torch.tensor([group.agent_index[a] for a in now]),
            torch.from_numpy(part.decisions[0, now] == 0),
            part.memory[now],
            torch.from_numpy(noise[0, now]),
            self._greedy,
        )
        part.memory[now] = decision.memory
        part.decisions[0, now] += 1
        actions = decision.actions
        if isinstance(group.action, spaces.Box):
            actions = actions.clamp(torch.from_numpy(group.action.low), torch.from_numpy(group.action.high))
        return [int(action) if action.ndim == 0 else action.numpy() for action in actions]

    def _team(
        self, part: _Part, now: list[int], observations: Mapping[str, Any], infos: Mapping[str, Mapping[str, Any]]
    ) -> Team:
        """What the agents of a group show; zeros for those of whom nothing was given, as for the dead."""
        group = part.group
        everybody = torch.zeros(len(group.agents), obs_size(group))
        for a, agent in enumerate(group.agents):
            if agent in observations:
                leaves, _ = self._see(group, agent, observations, infos)
                everybody[a] = flat_obs({leaf: torch.from_numpy(leaves[leaf][None]) for leaf in group.obs})[0]
        silent = torch.from_numpy(part.decisions[0] == 0)
        silent[[a for a in range(len(group.agents)) if a not in part.places]] = True
        return Team(everybody, part.memory, silent, torch.tensor(now))

    def _see(
        self, group: Group, agent: str, observations: Mapping[str, Any], infos: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, Array], Array]:
        """What an agent sees, by leaf, and its mask, empty where nothing is ever masked."""
        try:
            leaves, mask = self._read(agent, observations[agent], infos.get(agent, {}))
        except (ValueError, LookupError, TypeError) as error:  # of another form than the env's that it was trained on
            raise ConfigError(
                f"what {agent!r} is shown cannot be read as in world {self._spec.id!r} {dict(self._spec.config)}: {error}"
            ) from error
        if leaves.keys() != group.obs.keys():
            raise ConfigError(f"{agent!r} sees {sorted(group.obs)} in world {self._spec.id!r}, got {sorted(leaves)}")
        found = {}
        for leaf, box in group.obs.items():
            found[leaf] = np.asarray(leaves[leaf], box.dtype)
            if found[leaf].shape != box.shape:
                raise ConfigError(f"the {leaf} that {agent!r} sees must have shape {box.shape}, got {found[leaf].shape}")
        if not group.masked:
            return found, np.zeros(0, bool)
        if mask is None or np.shape(mask) != (group.mask_size,):
            raise ConfigError(
                f"the observation or the info of {agent!r} must have an action_mask of {group.mask_size} choices, got {mask}"
            )
        return found, np.asarray(mask, bool)


def _parts(spec: WorldSpec, player: Player) -> list[_Part]:
    parts: list[_Part] = []
    first_seat = 0
    for group in spec.groups:
        places: dict[int, list[int]] = {}
        for a, agent in enumerate(group.agents):
            if agent in player.policies:
                places.setdefault(id(player.policies[agent]), []).append(a)
        for among in places.values():
            policy = player.policies[group.agents[among[0]]]
            memory = torch.zeros(len(group.agents), policy.memory_size)
            parts.append(_Part(policy, group, first_seat, among, memory, np.zeros((1, len(group.agents)), np.int64)))
        first_seat += len(group.agents)
    return parts
