"""What scripted players share: no weights, no log-probabilities, and the `vector` leaf of obs is all they see.

Axes: B rows (seats that act now), K choices, O length of the obs vector, M memory size, H noise size.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marl_ppo.agents.policy import Decision, Obs, Policy
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
        turn = self.turn(obs, action_mask, agent_index, is_start, memory, noise, greedy)
        actions, memory = self.play(turn)
        return Decision(actions, turn.obs.new_zeros(len(turn.obs), dtype=torch.float32), memory)

    def turn(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Turn:
        """What `act` was given, as `play` needs it."""
        return Turn(
            obs=obs["vector"],
            action_mask=action_mask,
            agent_index=agent_index,
            memory=memory.masked_fill(is_start[:, None], 0.0),
            noise=noise,
            greedy=greedy,
        )

    @abstractmethod
    def play(self, turn: Turn) -> tuple[Tensor, Float[Tensor, "B M"]]:
        """Actions for B seats, and their memories for the next decision."""


@runtime_checkable
class KnowsTheWay(Policy, Protocol):
    """A script that goes somewhere, and can say by which way. W places of it."""

    def turn(
        self,
        obs: Obs,
        action_mask: Tensor | None,
        agent_index: Tensor,
        is_start: Tensor,
        memory: Tensor,
        noise: Tensor,
        greedy: bool,
    ) -> Turn:
        """See `Script.turn`."""

    def way(self, turn: Turn) -> tuple[Float[Tensor, "B W 2"], Float[Tensor, "B M"]]:
        """The places that come next, in the units of `Whereabouts`, the last of them again and again; and memories as `play`
        gives them."""
