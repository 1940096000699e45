"""The policy contract: obs (and memory) in, actions out. Stateless but for its weights: memory is passed in and out.

A policy plays any number of seats at once, one row each; rows never influence one another. Everything it needs besides
its weights is an argument, so two threads, two episodes or two thousand seats can share one policy object.

Axes: B rows (seats that act now), H numbers of one action's noise, M memory size.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from torch import Tensor

Obs = Mapping[str, Tensor]
"""leaf name → [B, *leaf], as the world gives it"""


class Decision(NamedTuple):
    """What a policy decided for B seats."""

    actions: Tensor
    """int64 [B], int64 [B, K] or float32 [B, D], as the action space has it"""
    logprob: Tensor
    """float32 [B]: log-probability (density) of `actions`; zeros for a player that has none, such as a script"""
    memory: Tensor
    """float32 [B, M]: pass it to the seat's next decision"""


class Policy(Protocol):
    """Whatever can play a seat: a trained actor, a script, the uniform player."""

    @property
    def noise_size(self) -> int:
        """H: uniform (0, 1) numbers one decision consumes"""

    @property
    def memory_size(self) -> int:
        """M: 0 for a policy without memory"""

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
        """Decide for B seats.

        action_mask  bool [B, K], True means legal, or None
        agent_index  int64 [B], the agent's number inside its (team, group)
        is_start     bool [B]: the seat's first decision of an episode; memory is zeroed inside
        memory       float32 [B, M]
        noise        float32 [B, H], uniform on (0, 1)
        greedy       take the most probable action; noise is ignored
        """
        ...


class Team(NamedTuple):
    """What the seats of a group show when some of them decide, by flat seat n*A + a. S seats."""

    obs: Tensor
    """float32 [S, d]: flat obs"""
    memory: Tensor
    """float32 [S, M]"""
    silent: Tensor
    """bool [S]: whether its memory means nothing: its next decision is the first of an episode, or another policy plays it"""
    rows: Tensor
    """int64 [B]: the seats that decide, in order"""


class MindsMates(ABC):
    """A policy that may see more than its seat's own obs: what it is shown of the others is a further leaf of them."""

    @property
    @abstractmethod
    def minds_mates(self) -> bool:
        """Whether it does."""

    @abstractmethod
    def of_mates(self, team: Team) -> Obs:
        """That leaf, [B, ...], by its name; only asked for where it does. Rows that it will not look at may be zeros."""
