"""Small games as trees, for exact values. A world whose game is small enough ships a `tree.py` with a root `Node`.

The tree says the same as the world's kernel in the plainest words; a test holds the two together.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

from marl_ppo.envs.world import Array


class Node(Protocol):
    """A place in the game: over (has `payoffs`), or chance's turn (has `chance`), or a player's turn."""

    @property
    def payoffs(self) -> tuple[float, ...] | None:
        """What each player gets, in the order of the world's agents, where the game is over; else None."""
        ...

    @property
    def chance(self) -> Sequence[tuple[float, "Node"]]:
        """Where chance is on turn, what may happen and how probably; else empty."""
        ...

    @property
    def player(self) -> int:
        """Who is on turn, an index into the world's agents."""
        ...

    @property
    def children(self) -> Mapping[int, "Node"]:
        """Legal actions of the player on turn, and where they lead."""
        ...

    @property
    def information_set(self) -> Hashable:
        """Equal for the nodes that the player on turn cannot tell apart; different players have different ones."""
        ...

    @property
    def obs(self) -> Array:
        """What the world shows the player on turn, float32."""
        ...
