"""The tables. Rows are the moves of player_0, columns those of player_1."""

from dataclasses import dataclass

from marl_ppo.errors import ConfigError

Table = tuple[tuple[float, ...], ...]

RPS = ("rock", "paper", "scissors")
MAX_LEVERS = 10
"""as many as a scene has room for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixGame:
    """Two players with the same moves: of opposite interests (`zero_sum`), or of one team that is paid together."""

    moves: tuple[str, ...]
    payoffs: Table
    """what player_0 gets in a round; player_1 loses it where `zero_sum`, else gets the same"""
    zero_sum: bool

    @property
    def is_symmetric(self) -> bool:
        """Whether the game looks alike from either seat, so that a player need not be told which one it has."""
        sign = -1.0 if self.zero_sum else 1.0
        choices = range(len(self.moves))
        return all(self.payoffs[i][k] == sign * self.payoffs[k][i] for i in choices for k in choices)

    @property
    def low(self) -> float:
        """The least a round can pay player_0."""
        return min(map(min, self.payoffs))

    @property
    def high(self) -> float:
        """The most a round can pay player_0."""
        return max(map(max, self.payoffs))


def rps() -> MatrixGame:
    """Rock, paper, scissors: at equilibrium each with 1/3."""
    return MatrixGame(moves=RPS, payoffs=((0, -1, 1), (1, 0, -1), (-1, 1, 0)), zero_sum=True)


def weighted_rps() -> MatrixGame:
    """Rock that beats scissors wins 2: at equilibrium 1/4, 1/2, 1/4."""
    return MatrixGame(moves=RPS, payoffs=((0, -1, 2), (1, 0, -1), (-2, 1, 0)), zero_sum=True)


def climbing() -> MatrixGame:
    """Claus and Boutilier 1998, "The dynamics of reinforcement learning in cooperative multiagent systems"."""
    return MatrixGame(moves=("a", "b", "c"), payoffs=((11, -30, 0), (-30, 7, 6), (0, 0, 5)), zero_sum=False)


def penalty(k: float) -> MatrixGame:
    """Two best pairs of moves, and `k` for one half of each; Claus and Boutilier 1998. Raises ConfigError unless k <= 0."""
    if not -1e6 <= k <= 0:
        raise ConfigError(f"k must be within [-1000000, 0], got {k}")
    return MatrixGame(moves=("a", "b", "c"), payoffs=((k, 0, 10), (0, 2, 0), (10, 0, k)), zero_sum=False)


def levers(count: int) -> MatrixGame:
    """1 where both pull the same lever, else 0. Raises ConfigError unless there are 2 to MAX_LEVERS."""
    if not 2 <= count <= MAX_LEVERS:
        raise ConfigError(f"levers must be within [2, {MAX_LEVERS}], got {count}")
    same = tuple(tuple(float(i == k) for k in range(count)) for i in range(count))
    return MatrixGame(moves=tuple(f"lever {i + 1}" for i in range(count)), payoffs=same, zero_sum=False)
