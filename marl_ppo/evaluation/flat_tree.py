"""A game tree as arrays, for exact values in milliseconds: the sequence form (von Stengel 1996, "Efficient computation of
behavior strategies"), of which the walks in `marl_ppo.evaluation.exact` are the plain specification.

sequence       a player's own moves up to some place, named by the last of them: 1 + K * information set + action; 0 where it
               has not moved yet. With perfect recall all nodes of an information set lie behind the same one, its `parent`
strategy       probability of each action at each information set of all players: float64 [I, K], rows add up to 1
plan           probability that a player goes along a sequence as far as it is its own doing: the product of its own
               probabilities; float64 [1 + I * K]

Axes: Z ends of the game, P players, I information sets of all players, K actions.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.tree import Node
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlatTree:
    """A game as arrays; `flatten` makes it."""

    information_sets: tuple[Hashable, ...]
    """their names in the tree, the row of each in a strategy; a player's earlier ones stand before its later ones"""
    player: Array
    """int64 [I], who decides there"""
    parent: Array
    """int64 [I], the sequence of that player that leads there"""
    depth: Array
    """int64 [I], how many decisions of that player lie before it"""
    legal: Array
    """bool [I, K]"""
    obs: Array
    """float32 [I, O], what the world shows there"""
    chance: Array
    """float64 [Z], what chance does for each end"""
    payoffs: Array
    """float64 [Z, P]"""
    sequences: Array
    """int64 [Z, P], the last sequence of each player before each end"""

    @property
    def num_players(self) -> int:
        return self.payoffs.shape[1]

    @property
    def num_actions(self) -> int:
        return self.legal.shape[1]

    @property
    def levels(self) -> list[Array]:
        """The rows of each depth, from the first decisions on."""
        return [np.flatnonzero(self.depth == depth) for depth in range(int(self.depth.max()) + 1)]

    def uniform(self) -> Array:
        """The strategy that draws every legal action alike: [I, K]."""
        return self.legal / self.legal.sum(axis=1, keepdims=True)

    def checked(self, strategy: Array) -> Array:
        """`strategy` as float64 [I, K]. Raises ConfigError unless its rows are probabilities of legal actions."""
        strategy = np.asarray(strategy, np.float64)
        if strategy.shape != self.legal.shape:
            raise ConfigError(f"a strategy of this tree must be {list(self.legal.shape)}, got {list(strategy.shape)}")
        wrong = ~np.isclose(strategy.sum(axis=1), 1.0, atol=1e-5) | (strategy < 0).any(axis=1)
        wrong |= np.where(self.legal, 0.0, strategy).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            raise ConfigError(
                f"a strategy must have probabilities of legal actions that add up to 1, got {strategy[row].tolist()} at "
                f"information set {self.information_sets[row]!r}, where {np.flatnonzero(self.legal[row]).tolist()} are legal"
            )
        return strategy

    def rows(self, strategy: dict[Hashable, Sequence[float] | Array]) -> Array:
        """A strategy by the names of information sets, as array: [I, K]; shorter rows are filled up with zeros."""
        filled = np.zeros(self.legal.shape)
        for row, name in enumerate(self.information_sets):
            filled[row, : len(strategy[name])] = strategy[name]
        return filled


def flatten(root: Node) -> FlatTree:
    """The tree below `root` as arrays.

    Raises ConfigError where players forget (the nodes of an information set lie behind different moves of its player), or
    where its nodes have different legal actions.
    """
    rows: dict[Hashable, int] = {}
    nodes: list[Node] = []
    parents: list[tuple[int, int]] = []  # (row, action) of the player's move before, (-1, 0) where there is none
    ends: list[tuple[float, tuple[float, ...], dict[int, tuple[int, int]]]] = []

    def walk(node: Node, chance: float, last: dict[int, tuple[int, int]]) -> None:
        payoffs = node.payoffs
        if payoffs is not None:
            ends.append((chance, payoffs, last))
            return
        if branches := node.chance:
            for probability, child in branches:
                walk(child, chance * probability, last)
            return
        player, name, children = node.player, node.information_set, node.children
        row = rows.setdefault(name, len(rows))
        before = last.get(player, (-1, 0))
        if row == len(nodes):
            nodes.append(node)
            parents.append(before)
            legal.append(tuple(children))
        elif parents[row] != before:
            raise ConfigError(f"player {player} forgets its own moves at information set {name!r}; exact values need them")
        elif legal[row] != tuple(children):
            raise ConfigError(f"information set {name!r} has different legal actions at its nodes")
        for action, child in children.items():
            walk(child, chance, {**last, player: (row, action)})

    legal: list[tuple[int, ...]] = []
    walk(root, 1.0, {})
    if not nodes:
        raise ConfigError("nobody decides anything in this tree")

    width = 1 + max(max(actions) for actions in legal)
    depth = [0] * len(nodes)
    for row, (before, _) in enumerate(parents):  # a parent is met before its children
        depth[row] = 0 if before < 0 else depth[before] + 1
    mask = np.zeros((len(nodes), width), bool)
    for row, actions in enumerate(legal):
        mask[row, list(actions)] = True

    def sequence(move: tuple[int, int]) -> int:
        return 0 if move[0] < 0 else 1 + width * move[0] + move[1]

    players = len(ends[0][1])
    return FlatTree(
        information_sets=tuple(rows),
        player=np.array([node.player for node in nodes]),
        parent=np.array([sequence(move) for move in parents]),
        depth=np.array(depth),
        legal=mask,
        obs=np.stack([node.obs for node in nodes]),
        chance=np.array([chance for chance, _, _ in ends]),
        payoffs=np.array([payoffs for _, payoffs, _ in ends], np.float64),
        sequences=np.array([[sequence(last.get(p, (-1, 0))) for p in range(players)] for _, _, last in ends]),
    )
