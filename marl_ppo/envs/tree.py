"""Small games as trees, for exact values. A world whose game is small enough ships a `tree.py` with a root `Node`.

The tree says the same as the world's kernel in the plainest words; a test holds the two together.
"""

import importlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from marl_ppo.envs.registry import make_world, registered_worlds
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError


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


def worlds_with_tree() -> tuple[str, ...]:
    """Ids of the worlds of which `root_of` knows the tree."""
    return tuple(world.id for world in registered_worlds() if world.tree is not None)


def root_of(world_id: str, **settings: Any) -> Node:
    """The tree of a world under `settings`: `root_of("penalty", k=-10.0)`.

    Raises UnknownNameError and ConfigError as `make_world` does, and ConfigError naming the worlds that have a tree where
    this one has none.
    """
    world = make_world(world_id, **settings)
    world.close()
    trees = {known.id: known.tree for known in registered_worlds()}
    tree = trees.get(world_id)
    if tree is None:
        raise ConfigError(f"world {world_id!r} has no game tree; these have one: {', '.join(worlds_with_tree())}")
    module, _, name = tree.partition(":")
    root: Node = getattr(importlib.import_module(module), name)(**world.spec.config)
    return root
