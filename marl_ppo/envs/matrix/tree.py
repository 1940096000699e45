"""Matrix games as trees: player_0 moves first, and player_1 is not told before the round is over."""

from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.matrix import games
from marl_ppo.envs.matrix.games import MatrixGame
from marl_ppo.envs.world import Array


@dataclass(frozen=True, slots=True)
class MatrixNode:
    """A place in a matrix game; see `marl_ppo.envs.tree.Node`."""

    game: MatrixGame
    rounds: int
    moves: tuple[int, ...] = ()
    """of player_0 and player_1 by turns"""

    @property
    def payoffs(self) -> tuple[float, ...] | None:
        if len(self.moves) < 2 * self.rounds:
            return None
        paid = float(sum(self.game.payoffs[i][k] for i, k in zip(self.moves[::2], self.moves[1::2], strict=True)))
        return paid, -paid if self.game.zero_sum else paid

    @property
    def chance(self) -> tuple[tuple[float, "MatrixNode"], ...]:
        return ()

    @property
    def player(self) -> int:
        return len(self.moves) % 2

    @property
    def children(self) -> dict[int, "MatrixNode"]:
        return {i: MatrixNode(self.game, self.rounds, (*self.moves, i)) for i in range(len(self.game.moves))}

    @property
    def information_set(self) -> tuple[int, tuple[int, ...]]:
        """The player on turn, and the moves of the rounds that are over."""
        return self.player, self._known

    @property
    def obs(self) -> Array:
        choices = len(self.game.moves)
        seat = [1.0] if self.game.is_symmetric else [float(self.player == p) for p in range(2)]
        past = np.zeros((self.rounds - 1, 2, choices), np.float32)
        for i, move in enumerate(self._known):
            # Own moves first.
            past[i // 2, (i + self.player) % 2, move] = 1.0
        return np.concatenate([np.array(seat, np.float32), past.ravel()])

    @property
    def _known(self) -> tuple[int, ...]:
        return self.moves[: len(self.moves) - self.player]


def rps(rounds: int) -> MatrixNode:
    """The root, as for all below."""
    return MatrixNode(games.rps(), rounds)


def weighted_rps(rounds: int) -> MatrixNode:
    """A rock that wins, wins 2."""
    return MatrixNode(games.weighted_rps(), rounds)


def climbing(rounds: int) -> MatrixNode:
    """11 is the best payoff, and -30 stands beside it."""
    return MatrixNode(games.climbing(), rounds)


def penalty(rounds: int, k: float) -> MatrixNode:
    """10 is the best payoff, and `k` is what half of it costs."""
    return MatrixNode(games.penalty(k), rounds)


def levers(rounds: int, levers: int) -> MatrixNode:
    """Any lever will do, as long as it is the same one."""
    return MatrixNode(games.levers(levers), rounds)
