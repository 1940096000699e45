"""The fast twins at play: policies that act, and critics that value, without holding the interpreter's lock.

They keep no weights of their own but read the module's at every call, so nobody has to tell them of an update. Rows do
not influence one another, and the log-probabilities are those that the fused update finds again, to the last bit; where
autograd learns, to rounding.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.distributions import CategoricalHead
from marl_ppo.agents.networks import Activation, NetworkConfig, Tanh
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, Obs, Policy
from marl_ppo.agents.stacked import Stack, StackedActors
from marl_ppo.training.fused.actor import FusedActor
from marl_ppo.training.fused.critic import FusedCritic
from marl_ppo.training.fused.memory import FusedMemory
from marl_ppo.training.fused.nets import PerThread, as_array, flat_views, only_own, widths


class FusedActing:
    """The twin of an Actor as a Policy; `why_not_played` tells which actors have one."""

    def __init__(self, actor: Actor, network: NetworkConfig) -> None:
        self.actor = actor
        self.noise_size = actor.noise_size
        self.memory_size = actor.memory_size
        self._memory = FusedMemory(actor.trunk, network) if actor.memory_size else None
        read = actor if self._memory is None else actor.output
        self._nets = PerThread(list(read.parameters()), lambda sizes: FusedActor(sizes, network.activation))

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
        if greedy:
            return self.actor.act(obs, action_mask, agent_index, is_start, memory, noise, greedy)
        inputs = only_own(self.actor.encoder(flat_obs(obs)), agent_index, self.actor.num_indices)
        if self._memory is not None:
            memory = self._memory.after(inputs, is_start, memory)
            inputs = only_own(memory)
        mask = np.zeros((0, 1), bool) if action_mask is None else as_array(action_mask)
        actions, logprob = np.empty(len(noise), np.int64), np.empty(len(noise), np.float32)
        self._nets.loaded().act(inputs, mask, as_array(noise).reshape(-1), actions, logprob)
        return Decision(torch.from_numpy(actions), torch.from_numpy(logprob), memory)


class FusedStack(Stack):
    """The twin of StackedActors: each member's rows in turn, with its weights, in one call. Nothing is padded."""

    def __init__(self, actors: Sequence[Actor], activation: Activation) -> None:
        self._actors = tuple(actors)
        self._plain: StackedActors | None = None
        self.parameters = np.stack([np.concatenate(flat_views(actor.parameters())) for actor in actors])
        """float32 [K, P]"""
        self.noise_size, self.memory_size = actors[0].noise_size, actors[0].memory_size
        self._nets = threading.local()
        self._make = lambda: FusedActor(widths(actors[0].parameters()), activation)

    def of(self, members: Tensor) -> Policy:
        """See `Stack.of`."""
        return _FusedRows(self, members)

    def act(self, members: Tensor, obs: Obs, mask: Tensor | None, agent_index: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Sampled actions and their log-probability [B]."""
        actor = self._actors[0]
        inputs = only_own(actor.encoder(flat_obs(obs)), agent_index, actor.num_indices)
        legal = np.zeros((0, 1), bool) if mask is None else as_array(mask)
        order = np.argsort(members.numpy(), kind="stable")
        ends = np.bincount(members.numpy(), minlength=len(self.parameters)).cumsum()
        actions, logprob = np.empty(len(members), np.int64), np.empty(len(members), np.float32)
        if not hasattr(self._nets, "net"):
            self._nets.net = self._make()
        self._nets.net.act_in_turn(self.parameters, order, ends, inputs, legal, as_array(noise).reshape(-1), actions, logprob)
        return torch.from_numpy(actions), torch.from_numpy(logprob)

    def greedy(self, members: Tensor) -> Policy:
        """What plays the most probable actions."""
        if self._plain is None:
            self._plain = StackedActors(self._actors)
        return self._plain.of(members)


class _FusedRows(NamedTuple):
    """A stack whose members are told row by row."""

    stack: FusedStack
    members: Tensor

    @property
    def noise_size(self) -> int:
        return self.stack.noise_size

    @property
    def memory_size(self) -> int:
        return self.stack.memory_size

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
        if greedy:
            return self.stack.greedy(self.members).act(obs, action_mask, agent_index, is_start, memory, noise, greedy)
        return Decision(*self.stack.act(self.members, obs, action_mask, agent_index, noise), memory)


def fastest_stack(actors: Sequence[Actor]) -> Stack:
    """For actors of one architecture."""
    actor = actors[0]
    activation = _activation(actor)
    plain = not actor.memory_size and not actor.encoder.is_learned and not actor.encoder.has_statistics
    on_cpu = all(parameter.device.type == "cpu" for parameter in actor.parameters())
    if activation and plain and on_cpu and isinstance(actor.head, CategoricalHead) and not actor.trunk.autocast:
        return FusedStack(actors, activation)
    return StackedActors(actors)


def _activation(actor: Actor) -> Activation | None:
    """The one between the layers, where hand-derived code knows it."""
    kinds: dict[type[nn.Module], Activation] = {Tanh: "tanh", nn.ReLU: "relu"}
    return next((kinds[type(layer)] for layer in actor.trunk.layers if type(layer) in kinds), None)


class FusedValues:
    """The twin of a Critic's forward pass."""

    def __init__(self, critic: Critic, network: NetworkConfig) -> None:
        self.critic = critic
        self._memory = FusedMemory(critic.trunk, network) if critic.memory_size else None
        read = critic if self._memory is None else critic.output
        self._nets = PerThread(list(read.parameters()), lambda sizes: FusedCritic(sizes, network.activation))

    def __call__(self, inputs: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See `Critic.forward`: rows [B, size] to values [B, A], or [B] if the critic runs per seat."""
        shown = only_own(self.critic.encode(inputs))
        if self._memory is not None:
            memory = self._memory.after(shown, is_start, memory)
            shown = only_own(memory)
        values = np.empty((len(inputs), self.critic.output.out_features), np.float32)
        self._nets.loaded().values(shown, values)
        found = torch.from_numpy(values)
        return found.squeeze(-1) if self.critic.per_seat else found, memory
