"""The fast twins at play: policies that act, and critics that value, without holding the interpreter's lock.

They keep no weights of their own but read the module's at every call, so nobody has to tell them of an update. Rows do
not influence one another, and the log-probabilities are those that the fused update finds again, to the last bit.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.training.fused.actor import FusedActor
from marl_ppo.training.fused.critic import FusedCritic
from marl_ppo.training.fused.inputs import Inputs
from marl_ppo.training.fused.mlp import Array, FusedMLP

Net = TypeVar("Net", bound=FusedMLP)
_NOTHING_SHARED = np.zeros((1, 0), np.float32)
_NO_INDEX = np.zeros(1, np.int64)


class FusedActing:
    """The twin of an Actor as a Policy; `why_not_fused` tells which actors have one."""

    def __init__(self, actor: Actor, network: NetworkConfig) -> None:
        self.actor = actor
        self.noise_size = actor.noise_size
        self.memory_size = actor.memory_size
        self._nets = _PerThread(actor, lambda: FusedActor(widths(actor), network.activation))

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
        own = _array(self.actor.encoder(flat_obs(obs)))
        index = _array(agent_index) if len(own) else _NO_INDEX
        inputs = Inputs(_NOTHING_SHARED, own, index, self.actor.num_indices)
        mask = np.zeros((0, 1), bool) if action_mask is None else _array(action_mask)
        actions, logprob = np.empty(len(own), np.int64), np.empty(len(own), np.float32)
        self._nets.loaded().act(inputs, mask, _array(noise).reshape(-1), actions, logprob)
        return Decision(torch.from_numpy(actions), torch.from_numpy(logprob), memory)


class FusedValues:
    """The twin of a Critic's forward pass."""

    def __init__(self, critic: Critic, network: NetworkConfig) -> None:
        self.critic = critic
        self._nets = _PerThread(critic, lambda: FusedCritic(widths(critic), network.activation))

    def __call__(self, inputs: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See `Critic.forward`: rows [B, size] to values [B, A], or [B] if the critic runs per seat."""
        values = np.empty((len(inputs), self.critic.output.out_features), np.float32)
        self._nets.loaded().values(Inputs(_NOTHING_SHARED, _array(self.critic.encode(inputs)), _NO_INDEX, 0), values)
        found = torch.from_numpy(values)
        return found.squeeze(-1) if self.critic.per_seat else found, memory


def flat_views(parameters: Iterable[Tensor]) -> list[Array]:
    """Parameters as flat arrays that show what they hold now."""
    return [parameter.detach().numpy().reshape(-1) for parameter in parameters]


def widths(module: nn.Module) -> list[int]:
    """Inputs, hidden layers and outputs of a module made of linear layers."""
    parameters = list(module.parameters())
    return [parameters[0].shape[1], *(len(bias) for bias in parameters[1::2])]


class _PerThread(threading.local, Generic[Net]):
    """A net for each thread that asks."""

    def __init__(self, module: nn.Module, make: Callable[[], Net]) -> None:
        self._parameters = list(module.parameters())
        self._net = make()

    def loaded(self) -> Net:
        """This thread's net, with the weights the module has now."""
        self._net.load(np.concatenate(flat_views(self._parameters)))
        return self._net


def _array(tensor: Tensor) -> Array:
    """The same memory, unless it is not contiguous: the kernels are compiled for arrays that are."""
    return tensor.contiguous().numpy()
