"""Training on envs that break: streams end at the last good obs, the record counts the faults, and a run goes on."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from pettingzoo import ParallelEnv
from torch import Tensor

from marl_ppo.envs import registry
from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.training import setup
from marl_ppo.training.batch import Batch
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import RunListener, resume, train
from marl_ppo.training.trainer import Progress, Trainer

NUM_STEPS = 9
HOWS = ("raises", "nan obs", "nan reward", "shape")
Ending = Callable[[int], tuple[str, int]]
"""seed → how an episode ends, and by the step to which tick: "truncated" or one of HOWS"""
NEVER = 1000


class Clock(ParallelEnv):
    """Two agents see [tick, own number] and earn tick / 10, whatever they do, until it ends as `ending` says."""

    def __init__(self, ending: Ending) -> None:
        self.metadata = {"name": "clock_v1"}
        self.possible_agents = ["a_0", "a_1"]
        self.ending = ending

    def observation_space(self, agent: str) -> spaces.Space:
        return spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def action_space(self, agent: str) -> spaces.Space:
        return spaces.Discrete(3)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        self.tick = 0
        self.how, self.last = self.ending(seed)
        self.agents = list(self.possible_agents)
        return self.seen(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[dict[str, Any], ...]:
        self.tick += 1
        is_over = self.tick == self.last
        rewards = dict.fromkeys(self.agents, self.tick / 10)
        observations = self.seen()
        if is_over and self.how == "raises":
            raise RuntimeError("the wheels came off")
        if is_over and self.how == "nan obs":
            observations["a_1"][0] = np.nan
        if is_over and self.how == "nan reward":
            rewards["a_1"] = np.nan
        if is_over and self.how == "shape":
            observations["a_1"] = np.zeros(3)
        cut = dict.fromkeys(self.agents, is_over and self.how == "truncated")
        self.agents = [agent for agent in self.agents if not cut[agent]]
        return observations, rewards, dict.fromkeys(cut, False), cut, {agent: {} for agent in cut}

    def seen(self) -> dict[str, Any]:
        return {agent: np.array([self.tick, number], np.float32) for number, agent in enumerate(self.agents)}


@pytest.fixture
def play_on(monkeypatch: pytest.MonkeyPatch) -> Callable[[Ending], None]:
    """Let runs be played in Clocks that end as is said."""

    entry = registry.Registration(id="clock", entry_point="made:in_the_test", description="")
    monkeypatch.setitem(registry._REGISTRY, "clock", entry)

    def use(ending: Ending) -> None:
        monkeypatch.setattr(setup, "make_world", lambda world, num_envs: from_env(lambda: Clock(ending), num_envs=num_envs))

    return use


def batches(config: Any, updates: int = 1) -> list[Batch]:
    """What the policy of a new run is taught by its rollouts."""
    found: list[Batch] = []
    with Trainer(config) as trainer:
        ((_, learner),) = trainer.setup.learners.items()
        update = learner.update

        def noted(batch: Batch, **more: Any) -> Any:
            found.append(batch)
            return update(batch, **more)

        learner.update = noted
        for _ in range(updates):
            trainer.train_once()
    return found


# --- streams ----------------------------------------------------------------------------------------------------------


CRITICS: dict[str, dict[str, Any]] = {"own": {"critic_input": "own"}, "memory": {"network": {"memory": "gru"}}}


@pytest.mark.parametrize(
    ("how", "critic"),
    [
        *(pytest.param(how, {}, id=how) for how in HOWS),
        *(pytest.param("raises", over, id=name) for name, over in CRITICS.items()),
    ],
)
def test_streams_end_at_the_last_good_obs_as_if_they_were_cut_off_there(
    small: Any, play_on: Callable[[Ending], None], how: str, critic: dict[str, Any]
) -> None:
    """Broken at the step to tick 5, or truncated by the step to tick 4, whose obs is the last good one.

    The decisions on ticks 0 to 3 are taught the same, to the last bit; that on tick 4, of which nobody knows what it led
    to, is not taught at all. What follows, of the next episode, reaches back to none of them.
    """

    def taught(how: str, at: int) -> list[dict[str, Tensor]]:
        """Of each seat's decisions in its first episode, and how many it made in all."""
        play_on(lambda seed: (how, at))
        (batch,) = batches(small("clock", num_envs=2, num_steps=NUM_STEPS, **critic))
        found = []
        for seat in range(4):
            rows = batch.rows[:4, seat]
            fields = {name: getattr(batch, name)[rows] for name in ("obs", "actions", "values", "advantages", "returns")}
            found.append(fields | {"rows": rows, "made": batch.counts[seat]})
        return found

    for broken, cut in zip(taught(how, at=5), taught("truncated", at=4), strict=True):
        assert broken["obs"][:, 0].tolist() == [0, 1, 2, 3]
        assert (broken.pop("made"), cut.pop("made")) == (NUM_STEPS - 1, NUM_STEPS)
        for name, field in broken.items():
            assert torch.equal(field, cut[name]), name


@pytest.mark.parametrize("how", HOWS)
def test_a_fault_teaches_nothing_to_and_of_the_other_copies(small: Any, play_on: Callable[[Ending], None], how: str) -> None:
    """Seeds differ by copy: the copy of an odd one breaks at tick 3, or nowhere. Those of even ones are taught the same."""

    def taught(breaks: bool) -> tuple[Batch, Tensor]:
        config = small("clock", num_envs=8, num_steps=NUM_STEPS)
        play_on(lambda seed: (how, 3 if breaks and seed % 2 else NEVER))
        (batch,) = batches(config)
        return batch, batch.counts == NUM_STEPS

    (faulty, sound), (control, _) = taught(breaks=True), taught(breaks=False)

    assert 0 < sound.sum() < len(sound)
    for name in ("rows", "counts"):
        assert torch.equal(getattr(faulty, name)[..., sound], getattr(control, name)[..., sound])
    rows = control.rows[:, sound]
    for name in ("obs", "actions", "logprob", "values", "advantages", "returns"):
        torch.testing.assert_close(getattr(faulty, name)[rows], getattr(control, name)[rows], rtol=1e-5, atol=1e-6)


# --- the record -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_broken_episodes_are_counted_and_leave_the_metrics(
    small: Any, play_on: Callable[[Ending], None], tmp_path: Path, how: str
) -> None:
    """Copies with an odd seed break at tick 2, the others are cut off at tick 3: those alone are episodes, of length 3."""
    play_on(lambda seed: (how, 2) if seed % 2 else ("truncated", 3))
    result = train(small("clock", num_envs=8, num_steps=NUM_STEPS, total_steps=8 * NUM_STEPS), tmp_path / "run")
    (line,) = read_metrics(tmp_path / "run")

    assert line["episode_length"] == 3
    assert line["return/a"] == pytest.approx(0.1 + 0.2 + 0.3)
    assert line["faults"] == result.faults > 0
    assert 3 * line["episodes"] + 2 * line["faults"] <= 8 * NUM_STEPS
    assert line["episodes"] > 0


class Notes(RunListener):
    """Keeps what the world has to tell; interrupts the run after an update."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.notices: list[str] = []
        self._last = interrupt_after

    def on_notice(self, text: str) -> None:
        self.notices.append(text)

    def on_update(self, progress: Progress) -> None:
        if progress.update == self._last:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("how", HOWS)
def test_a_run_goes_on_after_faults_and_after_a_resume(
    small: Any, play_on: Callable[[Ending], None], tmp_path: Path, how: str
) -> None:
    """A third of the episodes break at tick 4, the others never end; interrupted after update 2 of 4."""
    config = small("clock", num_envs=4, num_steps=NUM_STEPS, total_steps=4 * 4 * NUM_STEPS)
    play_on(lambda seed: (how, NEVER if seed % 3 else 4))
    first, second = Notes(interrupt_after=2), Notes()
    stopped = train(config, tmp_path / "run", first)
    finished = resume(tmp_path / "run", second)
    record = read_metrics(tmp_path / "run")

    assert (stopped.stopped, stopped.progress.update) == ("interrupted", 2)
    assert (finished.stopped, finished.progress.update) == ("budget", 4)
    assert finished.faults == sum(line["faults"] for line in record) == len(first.notices) + len(second.notices)
    assert 0 < stopped.faults <= finished.faults
    assert all("broke at a step" in text for text in first.notices)
    assert all(np.isfinite(line["a/value_loss"]) for line in record)
