"""Matrix games in one round or several: both players move at once, and then see what the other did.

obs    [1, or the seat one-hot where the game looks different from the two | each past round: own move, the other's]
state  [share of rounds to come | each round: move of player_0, move of player_1]

With one round obs is a constant. Moves that have not been made are zeros. `tree.py` says the same as a game tree.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from marl_ppo.envs.controls import CHOICE_KEYS, Choice, Choosing
from marl_ppo.envs.matrix import games
from marl_ppo.envs.matrix.games import MatrixGame
from marl_ppo.envs.matrix.scene import draw_table
from marl_ppo.envs.probes.common import one_hot, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec
from marl_ppo.errors import ConfigError

MAX_ROUNDS = 100
NO_MOVE = -1


class Matrix(World):
    """N copies of a matrix game, each of `rounds` rounds; `settings` are those that `game` was made with."""

    def __init__(self, num_envs: int, world_id: str, game: MatrixGame, rounds: int, **settings: Any) -> None:
        if not 1 <= rounds <= MAX_ROUNDS:
            raise ConfigError(f"rounds must be within [1, {MAX_ROUNDS}], got {rounds}")
        choices = len(game.moves)
        self._seat = np.ones((2, 1), np.float32) if game.is_symmetric else np.eye(2, dtype=np.float32)
        self._game = game
        self._rounds = rounds
        self._payoffs = np.array(game.payoffs, np.float64)
        group = Group(
            name="players",
            agents=("player_0", "player_1"),
            team=(0, 1) if game.zero_sum else (0, 0),
            obs={"vector": spaces.Box(0.0, 1.0, (self._seat.shape[1] + (rounds - 1) * 2 * choices,), np.float32)},
            action=spaces.Discrete(choices),
        )
        spec = WorldSpec(
            id=world_id,
            version=1,
            groups=(group,),
            teams=("player_0", "player_1") if game.zero_sum else ("players",),
            max_steps=rounds,
            state_size=1 + rounds * 2 * choices,
            zero_sum=game.zero_sum,
            metrics=_competitive_metrics(game) if game.zero_sum else _cooperative_metrics(game),
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config={"rounds": rounds, **settings},
        )
        super().__init__(spec, num_envs)
        self._moves = np.full((num_envs, rounds, 2), NO_MOVE, np.int64)
        self._played = np.zeros(num_envs, np.int64)  # rounds

    def _reset(self, where: Array) -> None:
        self._moves[where] = NO_MOVE
        self._played[where] = 0
        write(self.outputs, where, {"alive.0": True, "acting.0": True, "obs.0.vector": self._obs(), "state": self._state()})

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, [True])
        self._moves[np.arange(self.num_envs), self._played] = actions[0]
        self._played += 1
        ended = self._played == self._rounds
        paid = self._payoffs[actions[0][:, 0], actions[0][:, 1]]
        earned = self._paid().sum(axis=1)
        other = -1.0 if self._game.zero_sum else 1.0
        results: dict[str, ArrayLike] = {
            "rewards.0": np.stack([paid, other * paid], axis=1),
            "outcomes": np.stack([earned, -earned], axis=1) if self._game.zero_sum else earned[:, None],
            "alive.0": ~ended[:, None],
            "acting.0": ~ended[:, None],
            "terminations.0": ended[:, None],
            "ended": ended,
            "obs.0.vector": self._obs() * ~ended[:, None, None],
            "state": self._state(),
        }
        everywhere = np.ones(self.num_envs, bool)
        write(self.outputs, everywhere, results | {f"metrics.{name}": value for name, value in self._metrics().items()})

    def _told(self, rounds: int) -> Array:
        """The first rounds' moves, one-hot, zeros where none was made: float32 [N, rounds, 2, choices]."""
        moves = self._moves[:, :rounds]
        return one_hot(moves, len(self._game.moves)) * (moves != NO_MOVE)[..., None]

    def _obs(self) -> Array:
        """float32 [N, 2, O]; the last round's moves are never seen, since nothing is decided after them."""
        told = self._told(self._rounds - 1)
        views = np.stack([told, told[:, :, ::-1]], axis=1).reshape(self.num_envs, 2, -1)
        return np.concatenate([np.broadcast_to(self._seat, (self.num_envs, *self._seat.shape)), views], axis=2)

    def _state(self) -> Array:
        to_come = (1.0 - self._played / self._rounds).astype(np.float32)
        return np.concatenate([to_come[:, None], self._told(self._rounds).reshape(self.num_envs, -1)], axis=1)

    def _paid(self) -> Array:
        """What each round has paid player_0, 0 for those to come: float64 [N, rounds]."""
        made = self._moves[..., 0] != NO_MOVE
        return np.where(made, self._payoffs[self._moves[..., 0], self._moves[..., 1]], 0.0)

    def _metrics(self) -> dict[str, Array]:
        made = self._moves[..., 0] != NO_MOVE
        paid, played = self._paid(), self._played
        if not self._game.zero_sum:
            best = (made & (paid == self._game.high)).sum(axis=1)
            return {"payoff": paid.sum(axis=1) / played, "best": best / played}
        shares = {name: (self._moves == i).sum(axis=(1, 2)) / (2.0 * played) for i, name in enumerate(self._game.moves)}
        return {"decided": (made & (paid != 0.0)).sum(axis=1) / played, **shares}

    def scene(self, copy: int) -> Scene:
        return draw_table(self._game, [(int(i), int(k)) for i, k in self._moves[copy, : self._played[copy]]], self._rounds)

    def controls(self, agent: str) -> Choosing:
        moves = self._game.moves
        # Counted from 1 where the keys reach, as people do.
        keys = CHOICE_KEYS[1:10] if len(moves) < 10 else CHOICE_KEYS
        choices = (Choice(key=key, name=name, action=a) for a, (key, name) in enumerate(zip(keys, moves, strict=False)))
        return Choosing(choices=tuple(choices), body="columns" if agent == self.spec.agents[1] else "rows")

    def _arrays(self) -> dict[str, Array]:
        return {"moves": self._moves, "played": self._played}


def rps(num_envs: int, rounds: int = 1) -> Matrix:
    """See `marl_ppo.envs.matrix.games`, as for all below."""
    return Matrix(num_envs, "rps", games.rps(), rounds)


def weighted_rps(num_envs: int, rounds: int = 1) -> Matrix:
    """A rock that wins, wins 2."""
    return Matrix(num_envs, "weighted_rps", games.weighted_rps(), rounds)


def climbing(num_envs: int, rounds: int = 1) -> Matrix:
    """11 is the best payoff, and -30 stands beside it."""
    return Matrix(num_envs, "climbing", games.climbing(), rounds)


def penalty(num_envs: int, rounds: int = 1, k: float = -100.0) -> Matrix:
    """10 is the best payoff, and `k` is what half of it costs."""
    return Matrix(num_envs, "penalty", games.penalty(k), rounds, k=k)


def levers(num_envs: int, rounds: int = 1, levers: int = 2) -> Matrix:
    """Any lever will do, as long as it is the same one."""
    return Matrix(num_envs, "levers", games.levers(levers), rounds, levers=levers)


def _competitive_metrics(game: MatrixGame) -> dict[str, Metric]:
    shares = {name: Metric(description=f"share of {name} among all moves", low=0.0, high=1.0) for name in game.moves}
    return {"decided": Metric(description="share of rounds that somebody won", low=0.0, high=1.0), **shares}


def _cooperative_metrics(game: MatrixGame) -> dict[str, Metric]:
    return {
        "payoff": Metric(description="mean payoff of a round", low=game.low, high=game.high),
        "best": Metric(description="share of rounds that paid the most there is", low=0.0, high=1.0),
    }
