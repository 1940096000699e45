"""The trained policy: an actor that sees only its own obs, and a critic that may see everything (CTDE).

What the critic is shown, `critic_input` (Yu et al. 2022, arXiv:2103.01955, section 5.2, has the last three):
own    the seat's own obs: independent PPO
joint  the obs of all agents of the copy, concatenated
state  the world's state
both   the world's state, else the joint obs, and the seat's own obs

`joint` and `state` are the same for all seats of a copy, so the critic runs once per copy and has one output per
agent; the others, and every critic with memory, run once per seat and are told its agent_index.
"""

from typing import Literal

import torch
from gymnasium import spaces
from torch import Tensor, nn

from marl_ppo.agents.distributions import INITIAL_LOG_STD, action_head
from marl_ppo.agents.networks import NetworkConfig, Trunk, linear
from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.envs.world import ActionSpace, Group, WorldSpec
from marl_ppo.errors import ConfigError

AS_GOOD_AS_UNBOUNDED = 1e6
"""bounds of actions so far out are not taken for a scale to explore at"""
CriticKind = Literal["own", "joint", "state", "both"]


def obs_size(group: Group) -> int:
    """Length of one agent's obs when its leaves are flattened and concatenated."""
    for leaf, box in group.obs.items():
        if len(box.shape) != 1:
            raise ConfigError(f"obs leaf {leaf!r} of group {group.name!r} has shape {box.shape}; only vectors are encoded")
    return sum(box.shape[0] for box in group.obs.values())


def joint_size(spec: WorldSpec) -> int:
    """Length of everybody's obs, concatenated."""
    return sum(obs_size(group) * len(group.agents) for group in spec.groups)


def joint_obs(obs: tuple[Obs, ...]) -> Tensor:
    """Everybody's obs [N, joint_size]: groups in order, in each group agents in order."""
    everyone = [flat_obs(leaves).flatten(1) for leaves in obs]
    return everyone[0] if len(everyone) == 1 else torch.cat(everyone, dim=1)


def flat_obs(obs: Obs) -> Tensor:
    """The leaves of obs [..., *leaf] side by side: float32 [..., obs_size]."""
    leaves = [leaf.float() for leaf in obs.values()]  # whole numbers, of envs that see such, as well
    return leaves[0] if len(leaves) == 1 else torch.cat(leaves, dim=-1)


class Actor(nn.Module):
    """Own obs (and memory) to actions; satisfies the Policy contract."""

    centre: Tensor
    half_width: Tensor

    def __init__(self, group: Group, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.head = action_head(group.action)
        self.num_indices = _num_indices(group) if config.agent_index else 0
        self.trunk = Trunk(obs_size(group) + self.num_indices, config, generator)
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
        features, memory = self.trunk(_with_index(obs, agent_index, self.num_indices), is_start, memory)
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
        if kind == "state" and "state" not in spec.capabilities:
            raise ConfigError(f"critic_input is 'state', but world {spec.id!r} has no state; use 'joint'")
        self.kind = kind
        self.shared: Literal["joint", "state"] | None = None
        if kind != "own":
            self.shared = "joint" if kind == "joint" or "state" not in spec.capabilities else "state"
        self.shared_size = {None: 0, "joint": joint_size(spec), "state": spec.state_size}[self.shared]
        self.sees_own = kind in ("own", "both")
        self.per_seat = self.sees_own or config.memory != "none"
        """whether it runs once per seat [B] rather than once per copy with one output per agent [N, A]"""
        own = obs_size(group) if self.sees_own else 0
        self.num_indices = _num_indices(group, across_teams=True) if self.per_seat else 0
        self.trunk = Trunk(self.shared_size + own + self.num_indices, config, generator)
        outputs = 1 if self.per_seat else len(group.agents)
        self.output = linear(self.trunk.size, outputs, gain=1.0, generator=generator)
        self.memory_size = self.trunk.memory_size

    def forward(self, inputs: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Values, normalised if the learner normalises, and memory [B, M].

        Per seat, `inputs` are `seat_inputs(...)` [..., B, size] and values [..., B]; otherwise what the copy's seats
        share [N, S] and values [N, A].
        """
        features, memory = self.trunk(inputs, is_start, memory)
        values = self.output(features)
        return values.squeeze(-1) if self.per_seat else values, memory

    def seat_inputs(self, shared: Tensor | None, own: Tensor, column: Tensor) -> Tensor:
        """Inputs of a per-seat critic: shared [..., S], own obs [..., d], column int64 [...] of the seat's agent.

        A dead seat's obs are zeros, and its column still tells who it is.
        """
        parts = ([] if shared is None else [shared]) + ([own] if self.sees_own else [])
        return _with_index(torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0], column, self.num_indices)


class ActorCritic(nn.Module):
    """What one learner trains: weights under `actor.*` and `critic.*`. A frozen player needs only the actor."""

    def __init__(
        self, spec: WorldSpec, group: Group, kind: CriticKind, config: NetworkConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.actor = Actor(group, config, generator)
        self.critic = Critic(spec, group, kind, config, generator)


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
