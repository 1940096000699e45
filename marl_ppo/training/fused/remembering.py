"""The fast twins at play of networks with a GRU: hidden layers, gates and outputs without torch's step-by-step cost.

A GRU's gates are linear in what it sees and in what it held, so both are one more layer of a FusedMLP. The update goes
through `agents.recurrence`, and finds what was remembered here to the rounding of float32.
"""

import numpy as np
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.networks import NetworkConfig, Trunk
from marl_ppo.agents.observations import flat_obs
from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.agents.recurrence import step_once
from marl_ppo.training.fused.actor import FusedActor
from marl_ppo.training.fused.critic import FusedCritic
from marl_ppo.training.fused.inputs import Inputs
from marl_ppo.training.fused.playing import PerThread, only_own, sampled


class RememberingActing:
    """The twin of an Actor with a GRU as a Policy."""

    def __init__(self, actor: Actor, network: NetworkConfig) -> None:
        self.actor = actor
        self.noise_size = actor.noise_size
        self.memory_size = actor.memory_size
        self._memory = _Memory(actor.trunk, network)
        self._nets = PerThread(list(actor.output.parameters()), lambda sizes: FusedActor(sizes, network.activation))

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
        after = self._memory.after(inputs, is_start, memory)
        actions, logprob = sampled(self._nets.loaded(), only_own(after), action_mask, noise)
        return Decision(actions, logprob, after)


class RememberingValues:
    """The twin of a Critic's forward pass, with a GRU, for rows."""

    def __init__(self, critic: Critic, network: NetworkConfig) -> None:
        self.critic = critic
        self._memory = _Memory(critic.trunk, network)
        self._nets = PerThread(list(critic.output.parameters()), lambda sizes: FusedCritic(sizes, network.activation))

    def __call__(self, inputs: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See `Critic.forward`: rows [B, size] to values [B]."""
        after = self._memory.after(only_own(self.critic.encode(inputs)), is_start, memory)
        values = np.empty((len(inputs), 1), np.float32)
        self._nets.loaded().values(only_own(after), values)
        return torch.from_numpy(values[:, 0]), after


class _Memory:
    """A trunk that ends in a GRU."""

    def __init__(self, trunk: Trunk, network: NetworkConfig) -> None:
        cell = trunk.cell
        assert cell is not None
        into = [*trunk.layers.parameters(), cell.weight_ih, cell.bias_ih]
        self._seen = PerThread(into, lambda sizes: FusedCritic(sizes, network.activation))
        self._known = PerThread([cell.weight_hh, cell.bias_hh], lambda sizes: FusedCritic(sizes, network.activation))
        self._wide = 3 * trunk.memory_size

    def after(self, inputs: Inputs, is_start: Tensor, memory: Tensor) -> Tensor:
        """Memory [B, M] after a step; `is_start` zeroes it before."""
        held = memory.masked_fill(is_start.unsqueeze(-1), 0.0)
        seen, known = (np.empty((len(held), self._wide), np.float32) for _ in range(2))
        self._seen.loaded().values(inputs, seen)
        self._known.loaded().values(only_own(held), known)
        step_once(seen, known, held.numpy())
        return held
