"""The training loop: collect, learn, report, save; repeat until the budget or the time is used up."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marl_ppo import plugins
from marl_ppo.envs.seeds import stream
from marl_ppo.play.bank import Bank
from marl_ppo.play.episodes import Episodes
from marl_ppo.play.seating import Player
from marl_ppo.training import state
from marl_ppo.training.batch import make_batch
from marl_ppo.training.checkpoint import Checkpoint
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.parts import find_part
from marl_ppo.training.setup import build, params_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands after an update."""

    update: int
    steps: int
    """world steps so far, all copies counted"""
    seconds: float
    """of training, those before a resume included"""
    metrics: Mapping[str, float]
    episodes: tuple[Episodes, ...] = ()
    """those that ended in the rollout"""


class Trainer:
    """One training run in memory; files are the business of `run.py`. Close it, or use it as a context."""

    def __init__(
        self,
        config: TrainConfig,
        others: Mapping[str, Player] | None = None,
        bank: Bank | None = None,
        start: Checkpoint | None = None,
    ) -> None:
        """`others` play the teams that do not learn; with a `bank`, every episode's lineup is drawn from it. Policies begin
        with what `start` has of them (see `load_start`), the others with initial weights."""
        torch.set_num_threads(1)
        self.config = config
        self._executor = ThreadPoolExecutor(config.threads) if config.threads > 1 else None
        self.setup = build(config, others or {}, self._executor, bank)
        self._initial = state.capture_learners(self.setup)
        if start is not None:
            self._initial |= start.files
            state.restore_learners(self.setup, self._initial)
        self.update = 0
        self.seconds = 0.0
        self._started = False

    @property
    def steps(self) -> int:
        """World steps so far, all copies counted."""
        return self.update * self.config.steps_per_update

    @property
    def finished(self) -> bool:
        """Whether the budget is used up."""
        return self.update >= self.config.num_updates

    def train_once(self) -> Progress:
        """One rollout and one update of every learner."""
        began = time.perf_counter()
        begun = self.update / self.config.num_updates
        self.setup.params.update(params_at(self.config, begun))
        if not self._started:
            self.setup.collector.start()
            self._started = True
        self.setup.collector.collect(begun)
        collected = time.perf_counter()
        metrics: dict[str, Tensor | float] = {}
        for name in self.setup.students:
            metrics |= {f"{name}/{key}": value for key, value in self._learn(name).items()}
        for pupil in self.setup.pupils:
            metrics |= pupil.metrics()
        self.update += 1
        episodes = tuple(log.take() for log in self.setup.logs)
        ended = time.perf_counter()
        self.seconds += ended - began
        metrics |= {
            "SPS": self.config.steps_per_update / (ended - began),
            "collect_share": (collected - began) / (ended - began),
            "faults": self.setup.store.faulted[2:].sum(),
            **self._episode_metrics(episodes),
        }
        # The one place where metrics are read off the device.
        values = {name: float(value) for name, value in metrics.items()}
        return Progress(update=self.update, steps=self.steps, seconds=self.seconds, metrics=values, episodes=episodes)

    def checkpoint(self) -> Checkpoint:
        """All that the future depends on."""
        return state.capture(self.setup, update=self.update, seconds=self.seconds)

    def learners(self) -> Checkpoint:
        """What the policies have learned so far, without where their episodes stand."""
        counters = state.counters(self.setup, update=self.update, seconds=self.seconds)
        return Checkpoint(counters=counters, files=state.capture_learners(self.setup))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of a run with the same config."""
        self.update = int(checkpoint.counters["update"])
        self.seconds = float(checkpoint.counters["seconds"])
        self._started = state.restore(self.setup, checkpoint)

    def begin_anew(self, model: Checkpoint | None = None) -> None:
        """Give every policy its initial weights back, or those of `model`; episodes and counters go on, optimisers begin anew.
        What is frozen stays as it is.

        Raises FileFormatError where the model has other networks.
        """
        files = self._initial
        if model is not None:
            frozen = tuple(f"policies/{name}/" for name in self.setup.learners.keys() - self.setup.students.keys())
            own = {file: held for file, held in files.items() if "/optimizer" in file or file.startswith(frozen)}
            files = {**model.files, **own}
        state.restore_learners(self.setup, files)

    def take_notices(self) -> list[str]:
        """What the worlds have to tell since the last call."""
        return [text for play in self.setup.plays for text in play.world.take_notices()]

    def close(self) -> None:
        """End the threads and the worlds."""
        if self._executor is not None:
            self._executor.shutdown()
        for play in self.setup.plays:
            play.world.close()

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _learn(self, name: str) -> dict[str, Tensor | float]:
        config, student, learner = self.config, self.setup.students[name], self.setup.learners[name]
        ppo, shared = learner.config, student.policy.critic.shared
        closed, left_open = student.close(self.setup.plays, ppo.gamma)
        batch = make_batch(
            student.store,
            student.experience,
            closed,
            shared,
            gamma=ppo.gamma,
            gae_lambda=ppo.gae_lambda,
            estimator=find_part(plugins.ADVANTAGES, ppo.advantages),
        )
        place = list(self.setup.learners).index(name)
        shuffle = torch.Generator().manual_seed(int(stream(config.seed, "shuffle", place, self.update)) >> 1)
        progress = self.update / config.num_updates
        metrics = learner.update(student.weighed(batch), progress=progress, shuffle=shuffle)
        if student.policy.has_statistics and len(rows := batch.valid_rows):
            units = None if batch.shared is None else batch.shared[batch.unit_of(rows).unique()]
            student.policy.take_in(batch.obs[rows], units)
        student.experience.carry(student.store, left_open, shared)
        return metrics

    def _episode_metrics(self, taken: Sequence[Episodes]) -> dict[str, float]:
        """Means over the episodes that ended in this rollout; none, no entry."""
        episodes = sum(map(len, taken))
        if not episodes:
            return {"episodes": 0.0}
        spec = self.setup.spec
        returns = np.concatenate([e.team_returns(spec) for e in taken])
        found = {"episodes": float(episodes), "episode_length": _mean(taken, lambda e: e.lengths)}
        found |= {f"return/{team}": float(returns[:, t].mean()) for t, team in enumerate(spec.teams)}
        for metric in spec.metrics:
            found[f"metric/{metric}"] = float(np.concatenate([e.metrics[metric] for e in taken]).mean())
        return found


def _mean(taken: Sequence[Episodes], field: Callable[[Episodes], np.ndarray[Any, Any]]) -> float:
    return float(np.concatenate([field(episodes) for episodes in taken]).mean())
