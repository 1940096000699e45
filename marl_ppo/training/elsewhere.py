"""Networks on another device than the worlds: what they are shown goes there, what they answer comes back.

Worlds, rollouts and decisions stay with the CPU; only networks, minibatches and the optimiser live on the device.
"""

import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import Actor, Critic
from marl_ppo.agents.policy import Decision, Obs


class ActingElsewhere:
    """An actor on `device` as a Policy that takes and gives CPU tensors."""

    def __init__(self, actor: Actor, device: torch.device) -> None:
        self.actor = actor
        self.noise_size = actor.noise_size
        self.memory_size = actor.memory_size
        self._device = device

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
        shown = {leaf: array.to(self._device) for leaf, array in obs.items()}
        mask = None if action_mask is None else action_mask.to(self._device)
        index, start, memory, noise = (given.to(self._device) for given in (agent_index, is_start, memory, noise))
        return Decision(*(answer.cpu() for answer in self.actor.act(shown, mask, index, start, memory, noise, greedy)))


class ValuesElsewhere:
    """A critic on `device` as a forward pass that takes and gives CPU tensors."""

    def __init__(self, critic: Critic, device: torch.device) -> None:
        self._critic = critic
        self._device = device

    def __call__(self, inputs: Tensor, is_start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See `Critic.forward`."""
        values, memory = self._critic(*(given.to(self._device) for given in (inputs, is_start, memory)))
        return values.cpu(), memory.cpu()
