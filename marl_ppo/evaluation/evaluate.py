"""Evaluation on fixed held-out seeds: the same episodes for everybody, disjoint from every training episode."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marl_ppo.envs.seeds import Purpose, stream
from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import ConfigError, WorldError
from marl_ppo.evaluation.statistics import Interval, interquartile_mean, mean, standard_error, stratified_bootstrap
from marl_ppo.play.episodes import EpisodeLog, Episodes
from marl_ppo.play.play import Observer, Play
from marl_ppo.play.seating import Lineup, seat_players
from marl_ppo.replays.recorder import Recorder, Recording, Recordings

BOOTSTRAP_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One number over many episodes."""

    mean: float
    standard_error: float
    iqm: float
    """interquartile mean"""
    interval: Interval
    """bootstrap 95 % interval of the mean"""

    @classmethod
    def of(cls, scores: Array, seed: int = 0) -> "Summary":
        """Of scores [E]."""
        generator = np.random.Generator(np.random.PCG64(int(stream(seed, "bootstrap"))))
        return cls(
            mean=float(mean(scores)),
            standard_error=standard_error(scores),
            iqm=float(interquartile_mean(scores)),
            interval=stratified_bootstrap(scores, mean, generator, resamples=BOOTSTRAP_RESAMPLES),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Recordings of E episodes."""

    _all: Recordings
    numbers: Array
    """int64 [E], see `Evaluation.numbers`"""
    _num_envs: int

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Recording | None:
        """One of them; None where memory did not suffice."""
        rounds, copy = divmod(int(self.numbers[place]), self._num_envs)
        return self._all.of_copies([copy], [rounds])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """E episodes of one lineup, in the order of their seeds."""

    spec: WorldSpec
    lineup: tuple[str, ...]
    """the player of each team, or of each agent where they were named by agent"""
    numbers: Array
    """int64 [E]: which episodes of the stream these are; those that faulted are missing"""
    returns: Array
    """float64 [E, teams]: mean per-agent return of each team"""
    faulted: int
    """episodes that broke, and are not among the E"""
    lengths: Array
    metrics: dict[str, Array]
    outcomes: Array
    recordings: Recorded | None = None
    """[E] if they were recorded"""

    def only(self, numbers: Array) -> "Evaluation":
        """The episodes with these numbers, which must be among its own."""
        rows = np.searchsorted(self.numbers, numbers)
        return replace(
            self,
            numbers=self.numbers[rows],
            returns=self.returns[rows],
            lengths=self.lengths[rows],
            metrics={name: values[rows] for name, values in self.metrics.items()},
            outcomes=self.outcomes[rows],
            recordings=None if self.recordings is None else replace(self.recordings, numbers=self.recordings.numbers[rows]),
        )

    def summaries(self) -> dict[str, Summary]:
        """By name: `return/TEAM` and `metric/NAME`."""
        scores = {f"return/{team}": self.returns[:, t] for t, team in enumerate(self.spec.teams)}
        scores |= {f"metric/{name}": values for name, values in self.metrics.items()}
        return {name: Summary.of(values) for name, values in scores.items()}


def evaluate(
    world: World,
    lineup: Lineup,
    *,
    episodes: int,
    seed: int = 0,
    purpose: Purpose = "eval",
    record: bool = False,
    on_progress: Callable[[int], Any] = lambda done: None,
) -> Evaluation:
    """Play episodes 0 … `episodes` - 1 of the stream of `seed` for `purpose`, which is that of evaluation by default.

    Which copy plays an episode, and how many copies there are, changes nothing but the rounding of matrix products, which
    may depend on the number of rows. With `record`, everybody's actions are kept, from which `evaluation.replays` makes
    replays. `on_progress` is told after every step how many episodes are done. Raises ConfigError for fewer than one
    episode.
    """
    if episodes < 1:
        raise ConfigError(f"episodes must be at least 1, got {episodes}")
    num_envs = world.num_envs
    seating = seat_players(world.spec, num_envs, lineup)
    log = EpisodeLog(world.spec, num_envs)

    def seeds(copies: Array, rounds: Array) -> Array:
        return stream(seed, purpose, 0, copies + num_envs * rounds)

    recorder = Recorder(world) if record else None
    observers: list[Observer] = [log] if recorder is None else [log, recorder]
    play = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy, observers=observers)
    needed, world.needs_state = world.needs_state, False  # there is no critic here
    try:
        finished = _finished(play, log, episodes, on_progress)
    finally:
        world.needs_state = needed
    number = np.concatenate([numbers for numbers, _ in finished])
    order = np.argsort(number)
    order = order[number[order] < episodes]
    if not len(order):
        raise WorldError(f"all {episodes} episodes of world {world.spec.id!r} broke; the last time, {world.last_fault}")

    def in_order(field: Callable[[Episodes], Array]) -> Array:
        return np.asarray(np.concatenate([field(taken) for _, taken in finished])[order])

    players = [lineup[agent] for agent in world.spec.agents] if isinstance(lineup, Mapping) else lineup
    return Evaluation(
        spec=world.spec,
        lineup=tuple(player.name for player in players),
        numbers=number[order],
        returns=in_order(lambda taken: taken.team_returns(world.spec)),
        faulted=episodes - len(order),
        lengths=in_order(lambda taken: taken.lengths),
        metrics={name: in_order(_metric(name)) for name in world.spec.metrics},
        outcomes=in_order(lambda taken: taken.outcomes),
        recordings=None if recorder is None else Recorded(recorder.take(), number[order], num_envs),
    )


def _finished(play: Play, log: EpisodeLog, episodes: int, on_progress: Callable[[int], Any]) -> list[tuple[Array, Episodes]]:
    """Play until each copy has had its share; (numbers in the stream, episodes) as they ended, surplus ones among them."""
    num_envs = play.world.num_envs
    play.start()
    rounds = np.zeros(num_envs, np.int64)
    finished: list[tuple[Array, Episodes]] = []
    wanted = -(-(episodes - np.arange(num_envs)) // num_envs)  # rounds each copy owes
    while (rounds < wanted).any():
        play.decide()
        ended = play.advance().ended
        if ended.any():
            taken = log.take()
            finished.append((taken.copies + num_envs * rounds[taken.copies], taken))
            rounds += ended
            on_progress(int(np.minimum(rounds, wanted).sum()))
        play.reset_ended()
    return finished


def evaluate_paired(
    world: World,
    lineups: Sequence[Lineup],
    *,
    episodes: int,
    seed: int = 0,
    purpose: Purpose = "eval",
    record: bool = False,
    on_progress: Callable[[int], Any] = lambda done: None,
) -> list[Evaluation]:
    """Evaluate each lineup on the same episodes, row by row; one that faulted for any lineup is left out for all.

    `on_progress` is told how many episodes are done, of `episodes` times the number of lineups. Raises WorldError where
    no episode is left, and as `evaluate` does.
    """
    found = []
    for place, lineup in enumerate(lineups):

        def show(done: int, before: int = place * episodes) -> None:
            on_progress(before + done)

        found.append(evaluate(world, lineup, episodes=episodes, seed=seed, purpose=purpose, record=record, on_progress=show))
    kept = functools.reduce(np.intersect1d, [evaluation.numbers for evaluation in found])
    if not len(kept):
        raise WorldError(f"world {world.spec.id!r} faulted in every one of {episodes} episodes, so there is nothing to compare")
    return [evaluation.only(kept) for evaluation in found]


def _metric(name: str) -> Callable[[Episodes], Array]:
    return lambda taken: taken.metrics[name]
