"""The `random` player: uniform over the legal actions. The zero of every normalised score."""

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.envs.world import Group
from marl_ppo.errors import ConfigError


class UniformPolicy:
    """Plays any group. It stays random when asked to be greedy, since no action is more probable than another."""

    memory_size = 0

    def __init__(self, group: Group) -> None:
        if isinstance(group.action, spaces.Box) and not group.action.is_bounded():
            raise ConfigError(
                f"group {group.name!r} has the unbounded action space {group.action}, on which nothing is uniform; "
                "to play it at random, give the space finite bounds"
            )
        self._space = group.action
        self.noise_size = int(np.prod(group.action_shape, dtype=np.int64))

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
        """See `Policy.act`; one uniform number makes each component of an action."""
        return Decision(self._draw(action_mask, noise), noise.new_zeros(len(noise)), memory)

    def _draw(self, action_mask: Bool[Tensor, "B K"] | None, noise: Float[Tensor, "B H"]) -> Tensor:
        space = self._space
        if isinstance(space, spaces.Box):
            low, high = torch.as_tensor(space.low).to(noise), torch.as_tensor(space.high).to(noise)
            return low + noise.reshape(-1, *space.shape) * (high - low)
        if isinstance(space, spaces.Discrete):
            return _choose(int(space.n), action_mask, noise[:, 0])
        sizes = space.nvec.tolist()
        masks = [None] * len(sizes) if action_mask is None else action_mask.split(sizes, -1)
        return torch.stack([_choose(*part) for part in zip(sizes, masks, noise.unbind(-1), strict=True)], -1)


def _choose(choices: int, legal: Bool[Tensor, "B K"] | None, noise: Float[Tensor, " B"]) -> Int64[Tensor, " B"]:
    if legal is None:
        return (noise * choices).long()
    legal_so_far = legal.cumsum(-1)
    wanted = (noise * legal_so_far[:, -1]).long()  # which of the legal choices, from 0
    return (legal_so_far > wanted[:, None]).int().argmax(-1)
