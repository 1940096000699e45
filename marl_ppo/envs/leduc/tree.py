"""Leduc poker as a tree: 30 deals, 4 public cards, 468 information sets of each player. The kernel's referee."""

import itertools
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.world import Array

CARDS = 6
ROUND_OVER = ("cc", "rc", "crc", "rrc", "crrc")
"""ways in which a round is over without a fold"""
RAISE = (2, 4)
"""chips of a raise, by round"""


@dataclass(frozen=True, slots=True)
class LeducNode:
    """A hand of Leduc poker; see `marl_ppo.envs.tree.Node`."""

    cards: tuple[int, ...] = ()
    """of player_0, of player_1, and the public one, as far as they are dealt; 2 and 3, say, are the queens"""
    rounds: tuple[str, ...] = ("",)
    """the moves of each round so far: f for fold, c for call, r for raise"""

    @property
    def payoffs(self) -> tuple[float, ...] | None:
        paid = self._paid()
        if self.rounds[-1].endswith("f"):
            loser = (len(self.rounds[-1]) - 1) % 2
            first = float(-paid[0] if loser == 0 else paid[1])
        elif len(self.rounds) == 2 and self.rounds[1] in ROUND_OVER:
            first = self._showdown() * float(paid[0])
        else:
            return None
        return first, -first

    @property
    def chance(self) -> tuple[tuple[float, "LeducNode"], ...]:
        if not self.cards:
            deals = list(itertools.permutations(range(CARDS), 2))
            return tuple((1.0 / len(deals), LeducNode(deal)) for deal in deals)
        if len(self.cards) == 2 and len(self.rounds) == 2:
            left = [card for card in range(CARDS) if card not in self.cards]
            return tuple((1.0 / len(left), LeducNode((*self.cards, card), self.rounds)) for card in left)
        return ()

    @property
    def player(self) -> int:
        return len(self.rounds[-1]) % 2

    @property
    def children(self) -> dict[int, "LeducNode"]:
        paid, player, played = self._paid(), self.player, self.rounds[-1]
        legal = {0: "f"} if paid[player] < paid[1 - player] else {}
        legal |= {1: "c"} | ({2: "r"} if played.count("r") < 2 else {})
        return {action: self._after(played + move) for action, move in legal.items()}

    @property
    def information_set(self) -> tuple[int, int, int, str]:
        """Player, own card, public card or -1, and all moves."""
        public = self.cards[2] if len(self.cards) == 3 else -1
        return self.player, self.cards[self.player], public, "/".join(self.rounds)

    @property
    def obs(self) -> Array:
        player, own, public, _ = self.information_set
        bets = np.zeros((2, 4, 2), np.float32)
        for played, told in zip(self.rounds, bets, strict=False):
            for i, move in enumerate(played):
                told[i, "cr".index(move)] = 1.0
        cards = np.arange(CARDS)
        return np.concatenate([np.arange(2) == player, cards == own, cards == public, bets.ravel()]).astype(np.float32)

    def _after(self, played: str) -> "LeducNode":
        rounds = (*self.rounds[:-1], played)
        return LeducNode(self.cards, (*rounds, "") if len(rounds) == 1 and played in ROUND_OVER else rounds)

    def _paid(self) -> list[int]:
        paid = [1, 1]
        for played, size in zip(self.rounds, RAISE, strict=False):
            for i, move in enumerate(played):
                if move != "f":
                    paid[i % 2] = paid[1 - i % 2] + (size if move == "r" else 0)
        return paid

    def _showdown(self) -> int:
        """1 if player_0 has the better hand, 0 if it has an equal one, -1 otherwise."""
        first, second, public = (card // 2 for card in self.cards)
        hands = [(rank == public, rank) for rank in (first, second)]
        return (hands[0] > hands[1]) - (hands[0] < hands[1])


def root() -> LeducNode:
    """Before the deal."""
    return LeducNode()
