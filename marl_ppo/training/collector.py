"""Fills a rollout: plays T steps and lets those who learn write down what they decided.

The copies may be split into shards, each a Play of its own stepped by its own thread; what is collected does not depend
on how many there are, but for the rounding of matrix products.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Protocol

import torch
from torch import Tensor

from marl_ppo.agents.policy import Policy
from marl_ppo.play.play import Decided, Play
from marl_ppo.training.rollout import StepStore


class Pupil(Protocol):
    """Who learns from a rollout: a student, or several that act as one. Shards call it side by side, for their copies."""

    @property
    def actor(self) -> Policy:
        """What plays in its name."""

    def begin(self, progress: float) -> None:
        """A new rollout, after a share of the budget."""

    def record(self, decided: Decided, step: int, copies: slice) -> None:
        """Its actor decided at a step, before the world moves on."""

    def after_step(self, play: Play, step: int, copies: slice) -> None:
        """The step's arrays are the true last ones, before the copies that ended are reset."""

    def end(self, plays: Sequence[Play]) -> None:
        """The rollout is full."""

    def metrics(self) -> Mapping[str, Tensor | float]:
        """What only the pupil knows of the rollout, by name."""


class Collector:
    """Collects rollouts of T steps from the shards' plays into one store."""

    def __init__(
        self,
        plays: Sequence[Play],
        shards: Sequence[slice],
        store: StepStore,
        pupils: Sequence[Pupil],
        executor: Executor | None,
    ) -> None:
        self._plays = plays
        self._shards = shards
        self._store = store
        self._pupils = {id(pupil.actor): pupil for pupil in pupils}
        self._executor = executor

    def start(self) -> None:
        """Begin the first episodes; their first obs go where a rollout expects the end of the one before."""
        for shard, play in enumerate(self._plays):
            play.world.bind(self._store.outputs[shard][-1])
            play.start()

    def collect(self, progress: float) -> None:
        """Play T steps in every shard, after a share of the budget."""
        self._store.begin()
        for pupil in self._pupils.values():
            pupil.begin(progress)
        shards = range(len(self._plays))
        if self._executor is None or len(shards) == 1:
            for shard in shards:
                self._collect_shard(shard)
        else:
            for future in [self._executor.submit(self._collect_shard, shard) for shard in shards]:
                future.result()
        self._store.require_finite()
        for pupil in self._pupils.values():
            pupil.end(self._plays)

    @torch.no_grad()
    def _collect_shard(self, shard: int) -> None:
        play, copies = self._plays[shard], self._shards[shard]
        outputs = self._store.outputs[shard]
        play.world.bind(outputs[1])
        for step in range(self._store.num_steps):
            for decided in play.decide():
                pupil = self._pupils.get(id(decided.part.policy))
                if pupil is not None:
                    pupil.record(decided, step, copies)
            play.world.bind(outputs[step + 2])
            reached = play.advance()
            for pupil in self._pupils.values():
                pupil.after_step(play, step, copies)
            if reached.ended.any():
                play.world.bind(self._store.fresh[shard][step + 2])
                play.reset_ended()
                play.world.bind(outputs[step + 2])
