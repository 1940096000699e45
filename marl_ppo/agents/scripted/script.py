"""What scripted players share: no weights, no log-probabilities, and the `vector` leaf of obs is all they see.

Axes: B rows (seats that act now), K choices, O length of the obs vector, M memory size, H noise size.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marl_ppo.agents.policy import Decision, Obs
from marl_ppo.envs.world import Group, WorldSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a script decides from; see `Policy.act`."""

    obs: Float[Tensor, "B O"]
    action_mask: Bool[Tensor, "B K"] | None
    agent_index: Int[Tensor, "B"]
    memory: Float[Tensor, "B M"]
    """what the script returned at the seat's last decision, zeros at the first of an episode"""
    noise: Float[Tensor, "B H"]
    greedy: bool


class Script(ABC):
    """A `Policy` written by hand: subclasses write `play`, and set the sizes they need."""

    noise_size: int = 0
    memory_size: int = 0

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        self.group = group
        self.spec = spec

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
        turn = Turn(
            obs=obs["vector"],
            action_mask=action_mask,
            agent_index=agent_index,
            memory=memory.masked_fill(is_start[:, None], 0.0),
            noise=noise,
            greedy=greedy,
        )
        actions, memory = self.play(turn)
        return Decision(actions, turn.obs.new_zeros(len(turn.obs), dtype=torch.float32), memory)

    @abstractmethod
    def play(self, turn: Turn) -> tuple[Tensor, Float[Tensor, "B M"]]:
        """Actions for B seats, and their memories for the next decision."""
