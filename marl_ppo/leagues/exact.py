"""Leagues on games with a tree: pay-offs and exploitability are computed, not estimated from games.

average   the strategy that plays like drawing one of a learner's kept selves, alike, before each game: what fictitious play
          converges by, and what self-play's last iterate must not be mistaken for
meta      the strategy that plays like drawing from the meta-Nash mixture of all members
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.tree import root_of, worlds_with_tree
from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.evaluation.flat_tree import FlatTree, flatten
from marl_ppo.evaluation.game_values import average_strategy, nash_conv, payoff_matrix
from marl_ppo.evaluation.strategy_of import strategy_of
from marl_ppo.leagues import meta_solvers
from marl_ppo.play.seating import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploitability:
    """How far some players are from an equilibrium; exploitability is half of NashConv in a game of two."""

    what: str
    nash_conv: float

    @property
    def exploitability(self) -> float:
        """What a best response wins on average over both seats, beyond the game's value."""
        return self.nash_conv / 2


class ExactGame:
    """A world's game as a tree, and what members do in it."""

    def __init__(self, spec: WorldSpec) -> None:
        self._spec = spec
        self.tree: FlatTree = flatten(root_of(spec.id, **spec.config))
        self._strategies: dict[str, Array] = {}

    @classmethod
    def of(cls, spec: WorldSpec) -> "ExactGame | None":
        """None for a world without a tree, or with players of several kinds."""
        return cls(spec) if spec.id in worlds_with_tree() and len(spec.groups) == 1 else None

    def learn(self, players: Mapping[str, Player]) -> None:
        """Read off what players do at every information set; those known already are not read again."""
        (group,) = self._spec.groups
        for name, player in players.items():
            if name not in self._strategies:
                self._strategies[name] = strategy_of(self.tree, player.policies, group, greedy=player.greedy)

    def knows(self, name: str) -> bool:
        """Whether a player's strategy has been read."""
        return name in self._strategies

    def strategy(self, name: str) -> Array:
        """float64 [I, K]."""
        return self._strategies[name]

    def payoffs(self, names: Sequence[str]) -> Array:
        """What each gets against, or beside, each on average over both seats: float64 [K, K]."""
        if not names:
            return np.zeros((0, 0))
        return payoff_matrix(self.tree, [self._strategies[name] for name in names])

    def mixture(self, names: Sequence[str], weights: Sequence[float] | Array | None = None) -> Array:
        """The strategy that plays like drawing one of them before each game."""
        return average_strategy(self.tree, [self._strategies[name] for name in names], weights)

    def meta_nash(self, names: Sequence[str]) -> Array:
        """Weights [K] of the members at the equilibrium of the game of choosing one of them."""
        return meta_solvers.nash(self.payoffs(names))[0]

    def exploitability(self, members: Sequence[str], kept: Mapping[str, Sequence[str]]) -> list[Exploitability]:
        """Of all members at meta-Nash, and of each learner's newest and average player; `kept` has its own, oldest first.

        The meta-game has a Nash equilibrium of this kind between two teams only.
        """
        found = []
        if len(self._spec.teams) == 2:
            mixture = self.mixture(members, self.meta_nash(members))
            found.append(Exploitability(what="meta-Nash of all", nash_conv=self._conv(mixture)))
        for learner, names in kept.items():
            if names:
                found.append(
                    Exploitability(what=f"{learner}, average of {len(names)}", nash_conv=self._conv(self.mixture(names)))
                )
                found.append(Exploitability(what=f"{learner}, newest", nash_conv=self._conv(self._strategies[names[-1]])))
        return found

    def of_one(self, name: str) -> Exploitability:
        """Of one player."""
        return Exploitability(what=name, nash_conv=self._conv(self._strategies[name]))

    def of_mixture(self, names: Sequence[str], weights: Sequence[float] | Array | None = None) -> Exploitability:
        """Of the strategy that plays like drawing one of them before each game."""
        return Exploitability(what="mixture", nash_conv=self._conv(self.mixture(names, weights)))

    def _conv(self, strategy: Array) -> float:
        return max(nash_conv(self.tree, strategy), 0.0)  # rounding may bring it below
