"""Kuhn poker as a tree: 6 deals, 5 ways to bet, 12 information sets. Written apart from the kernel, as its referee."""

import itertools
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.world import Array

CARDS = "JQK"
PAYOFFS_OF_HIGHER_CARD = {"pp": 1.0, "pbb": 2.0, "bb": 2.0}
"""histories that end in a showdown, and what the higher card wins"""
PAYOFFS_OF_FIRST = {"pbp": -1.0, "bp": 1.0}
"""histories that end in a fold, and what player_0 wins"""


@dataclass(frozen=True, slots=True)
class KuhnNode:
    """A hand of Kuhn poker; see `marl_ppo.envs.tree.Node`."""

    cards: str = ""
    """the card of player_0 and the card of player_1, as in "QK"; empty before the deal"""
    history: str = ""
    """moves so far, p for pass and b for bet"""

    @property
    def payoffs(self) -> tuple[float, ...] | None:
        if self.history in PAYOFFS_OF_FIRST:
            first = PAYOFFS_OF_FIRST[self.history]
        elif self.history in PAYOFFS_OF_HIGHER_CARD:
            first_is_higher = CARDS.index(self.cards[0]) > CARDS.index(self.cards[1])
            first = PAYOFFS_OF_HIGHER_CARD[self.history] * (1.0 if first_is_higher else -1.0)
        else:
            return None
        return first, -first

    @property
    def chance(self) -> tuple[tuple[float, "KuhnNode"], ...]:
        if self.cards:
            return ()
        deals = list(itertools.permutations(CARDS, 2))
        return tuple((1.0 / len(deals), KuhnNode("".join(deal))) for deal in deals)

    @property
    def player(self) -> int:
        return len(self.history) % 2

    @property
    def children(self) -> dict[int, "KuhnNode"]:
        return {action: KuhnNode(self.cards, self.history + move) for action, move in enumerate("pb")}

    @property
    def information_set(self) -> str:
        """Own card and history, as in "Qpb"; the length of the history tells whose it is."""
        return self.cards[self.player] + self.history

    @property
    def obs(self) -> Array:
        own_card = [float(self.cards[self.player] == card) for card in CARDS]
        moves = [float(self.history[i : i + 1] == move) for i in range(2) for move in "pb"]
        return np.array([*own_card, *moves, self.player == 0], np.float32)


ROOT = KuhnNode()


def root() -> KuhnNode:
    """Before the deal."""
    return ROOT
