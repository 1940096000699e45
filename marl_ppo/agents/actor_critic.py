"""The trained policy: an actor that sees only its own obs, and a critic that may see everything (CTDE).

What the critic is shown, `critic_input` (Yu et al. 2022, arXiv:2103.01955, section 5.2, has the last three):
own    the seat's own obs: independent PPO
joint  the obs of all agents of the copy, concatenated
state  the world's state
both   the world's state, else the joint obs, and the seat's own obs
auto   joint, or own where the obs of all are more than JOINT_LIMIT numbers

`joint` and `state` are the same for all seats of a copy, so the critic runs once per copy and has one output per
agent; the others, and every critic with memory, run once per seat and are told its agent_index.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from marl_ppo.agents.distributions import INITIAL_LOG_STD, action_head
from marl_ppo.agents.encoders import AS_GOOD_AS_UNBOUNDED, Encoder
from marl_ppo.agents.networks import NetworkConfig, Trunk, linear
from marl_ppo.agents.observations import flat_obs, joint_size, obs_size
from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.envs.world import ActionSpace, Group, WorldSpec
from marl_ppo.errors import ConfigError

CriticKind = Literal["own", "joint", "state", "both", "auto"]
JOINT_LIMIT = 2048
"""numbers that a critic of everybody's obs can make sense of"""


class Actor(nn.Module):
    """Own obs (and memory) to actions; satisfies the Policy contract."""

    centre: Tensor
    half_width: Tensor

    def __init__(self, group: Group, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.head = action_head(group.action)
        self.num_indices = _num_indices(group) if config.agent_index else 0
        self.encoder = Encoder(group.obs, config, generator)
        self.trunk = Trunk(self.encoder.size + self.num_indices, config, generator)
        # The small gain makes the first policy nearly uniform.
        outputs = self.head.param_size - self.head.free_size
        self.output = linear(self.trunk.size, outputs, gain=0.01, generator=generator)
        self.log_std = nn.Parameter(torch.full((self.head.free_size,), INITIAL_LOG_STD)) if self.head.free_size else None
        # A normal of mean 0 and deviation 1 before training, in units in which the Box is [-1, 1].
        centre, half_width = _box_units(group.action)
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("half_width", half_width, persistent=False)
        self.noise_size = self.head.noise_size
        self.memory_size = self.trunk.memory_size

    def act(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Decision:
        """See `Policy.act`."""
        params, memory = self(flat_obs(obs), agent_index, is_start, memory)
        actions = self.head.sample(params, noise, action_mask, greedy)
        logprob, _ = self.head.logprob_entropy(params, actions, action_mask)
        return Decision(actions, logprob, memory)

    def evaluate(
        self,
        obs: Tensor,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        actions: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy of `actions`, for rows [B, ...] or, with memory, sequences [L, B, ...]."""
        params, _ = self(obs, agent_index, is_start, memory)
        return self.head.logprob_entropy(params, actions, action_mask)

    def forward(self, obs: Tensor, agent_index: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Parameters of the action distribution [..., P], and memory [B, M]."""
        inputs = _with_index(self.encoder(obs), agent_index, self.num_indices)
        features, memory = self.trunk(inputs, is_start, memory)
        params = self.output(features)
        if self.log_std is not None:
            mean = self.centre + self.half_width * params
            params = torch.cat([mean, (self.log_std + self.half_width.log()).expand_as(mean)], dim=-1)
        return params, memory


class Critic(nn.Module):
    """Values, from what `kind` lets it see."""

    def __init__(
        self, spec: WorldSpec, group: Group, kind: CriticKind, config: NetworkConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        if kind == "auto":
            kind = "joint" if joint_size(spec) <= JOINT_LIMIT else "own"
        if kind == "state" and "state" not in spec.capabilities:
            raise ConfigError(f"critic_input is 'state', but world {spec.id!r} has no state; use 'joint'")
        self.kind = kind
        self.shared: Literal["joint", "state"] | None = None
        if kind != "own":
            self.shared = "joint" if kind == "joint" or "state" not in spec.capabilities else "state"
        self.shared_size = {None: 0, "joint": joint_size(spec), "state": spec.state_size}[self.shared]
        self.sees_own = kind in ("own", "both")
        self.shared_encoder = _shared_encoder(spec, self.shared, config, generator)
        self.own_encoder = Encoder(group.obs if self.sees_own else {}, config, generator)
        self.per_seat = self.sees_own or config.memory != "none"
        """whether it runs once per seat [B] rather than once per copy with one output per agent [N, A]"""
        self.num_indices = _num_indices(group, across_teams=True) if self.per_seat else 0
        self.trunk = Trunk(self.shared_encoder.size + self.own_encoder.size + self.num_indices, config, generator)
        outputs = 1 if self.per_seat else len(group.agents)
        self.output = linear(self.trunk.size, outputs, gain=1.0, generator=generator)
        self.memory_size = self.trunk.memory_size

    def forward(self, inputs: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Values, normalised if the learner normalises, and memory [B, M].

        Per seat, `inputs` are `seat_inputs(...)` [..., B, size] and values [..., B]; otherwise what the copy's seats
        share [N, S] and values [N, A].
        """
        features, memory = self.trunk(self.encode(inputs), is_start, memory)
        values = self.output(features)
        return values.squeeze(-1) if self.per_seat else values, memory

    def encode(self, inputs: Tensor) -> Tensor:
        """What the trunk sees of `inputs`: the shared ones, the seat's own and its column, each in its way."""
        if self.shared_encoder.is_identity and self.own_encoder.is_identity:
            return inputs.float()
        shared, rest = inputs[..., : self.shared_size], inputs[..., self.shared_size :]
        own = rest[..., : rest.shape[-1] - self.num_indices]
        parts = [self.shared_encoder(shared)] if self.shared_size else []
        parts += [self.own_encoder(own)] if self.sees_own else []
        return torch.cat([*parts, rest[..., own.shape[-1] :].float()], dim=-1)

    def seat_inputs(self, shared: Tensor | None, own: Tensor, column: Tensor) -> Tensor:
        """Inputs of a per-seat critic: shared [..., S], own obs [..., d], column int64 [...] of the seat's agent.

        A dead seat's obs are zeros, and its column still tells who it is.
        """
        parts = ([] if shared is None else [shared]) + ([own] if self.sees_own else [])
        return _with_index(torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0], column, self.num_indices)


class ActorCritic(nn.Module):
    """What one learner trains: weights under `actor.*` and `critic.*`. A frozen player needs only the actor."""

    def __init__(
        self,
        spec: WorldSpec,
        group: Group,
        kind: CriticKind,
        config: NetworkConfig,
        generator: torch.Generator,
        make_critic: Callable[..., Critic] = Critic,
    ) -> None:
        super().__init__()
        self.actor = Actor(group, config, generator)
        self.critic = make_critic(spec, group, kind, config, generator)
        encoders = (self.actor.encoder, self.critic.own_encoder, self.critic.shared_encoder)
        self.has_statistics = any(encoder.has_statistics for encoder in encoders)
        """whether there is something to `take_in`"""

    @torch.no_grad()
    def take_in(self, obs: Tensor, shared: Tensor | None) -> None:
        """Learn the mean and spread of what is shown: decisions' obs [B, d], and what their copies share [U, S].

        To be called between rollouts: what was decided under other statistics has other log-probabilities.
        """
        self.actor.encoder.take_in(obs)
        if self.critic.sees_own:
            self.critic.own_encoder.take_in(obs)
        if shared is not None:
            self.critic.shared_encoder.take_in(shared)


class _JointEncoder(nn.Module):
    """Everybody's obs, agent by agent through the encoder of its group: [..., joint_size] → [..., size]."""

    def __init__(self, spec: WorldSpec, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.groups = nn.ModuleList(Encoder(group.obs, config, generator) for group in spec.groups)
        self._agents = [len(group.agents) for group in spec.groups]
        self._sizes = [len(group.agents) * obs_size(group) for group in spec.groups]
        encoders = self._encoders()
        self.size = sum(encoder.size * agents for encoder, agents in zip(encoders, self._agents, strict=True))
        self.is_identity = all(encoder.is_identity for encoder in encoders)
        self.is_learned = any(encoder.is_learned for encoder in encoders)
        self.has_statistics = any(encoder.has_statistics for encoder in encoders)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.cat([encoder(part).flatten(-2) for encoder, part in self._parts(x)], dim=-1)

    def take_in(self, x: Tensor) -> None:
        """See `Encoder.take_in`; the zeros that stand for the dead are no obs."""
        for encoder, part in self._parts(x):
            rows = part.flatten(0, -2)
            encoder.take_in(rows[(rows != 0).any(-1)])

    def _encoders(self) -> list[Encoder]:
        return [module for module in self.groups if isinstance(module, Encoder)]

    def _parts(self, x: Tensor) -> list[tuple[Encoder, Tensor]]:
        """Each group's encoder with the obs [..., A, d] of its agents."""
        split = torch.split(x, self._sizes, dim=-1)
        shaped = [part.unflatten(-1, (agents, -1)) for part, agents in zip(split, self._agents, strict=True)]
        return list(zip(self._encoders(), shaped, strict=True))


def _shared_encoder(
    spec: WorldSpec, shared: Literal["joint", "state"] | None, config: NetworkConfig, generator: torch.Generator
) -> Encoder | _JointEncoder:
    """Of what all seats of a copy share; one that encodes nothing where they share nothing."""
    if shared == "joint":
        return _JointEncoder(spec, config, generator)
    # Nothing is said of how large the numbers of a state are.
    state = {"state": spaces.Box(-np.inf, np.inf, (spec.state_size,), np.float32)}
    return Encoder(state if shared == "state" else {}, config, generator)


def _num_indices(group: Group, *, across_teams: bool = False) -> int:
    """How many numbers an agent can have; 0 where there is just one and nothing to tell."""
    count = len(group.agents) if across_teams else max(group.agent_index) + 1
    return 0 if count == 1 else count


def _box_units(space: ActionSpace) -> tuple[Tensor, Tensor]:
    """Centre and half width of each action dimension; (0, 1) where it is unbounded, as good as, or not a Box."""
    if not isinstance(space, spaces.Box):
        return torch.zeros(1), torch.ones(1)
    low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
    bounded = (low.abs() < AS_GOOD_AS_UNBOUNDED) & (high.abs() < AS_GOOD_AS_UNBOUNDED)
    half_width = torch.where(bounded, (high - low) / 2, 1.0)
    # A dimension with just one value is left to be clipped to it.
    return torch.where(bounded, (low + high) / 2, 0.0), torch.where(half_width > 0, half_width, 1.0)


def _with_index(x: Tensor, index: Tensor, count: int) -> Tensor:
    if not count:
        return x
    return torch.cat([x, nn.functional.one_hot(index, count).to(x.dtype)], dim=-1)
