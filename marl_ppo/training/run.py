"""A training run as a folder: runs/NAME/{config.toml, metrics.jsonl, tensorboard/, checkpoints/, summary.json, curve.png}.

`metrics.jsonl`, one line per update, is the record; everything else shown is a view of it. Resuming cuts it back to the
checkpoint, so that the record of a resumed run is that of one never interrupted.
"""

import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gymnasium import spaces

from marl_ppo.envs.world import Group, WorldSpec
from marl_ppo.errors import ConfigError, FileFormatError
from marl_ppo.play.seating import Player
from marl_ppo.training.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, save_config
from marl_ppo.training.guards import Guards
from marl_ppo.training.players import RUNS, find_player
from marl_ppo.training.setup import world_from
from marl_ppo.training.tensorboard import TensorBoard
from marl_ppo.training.trainer import Progress, Trainer

Stopped = Literal["budget", "time", "interrupted"]
"""why a run ended: its steps or its minutes are used up, or somebody pressed Ctrl-C"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended."""

    folder: Path
    spec: WorldSpec
    progress: Progress
    stopped: Stopped


class RunListener:
    """Hears what happens in a run; the methods do nothing unless overridden."""

    def on_start(self, config: TrainConfig, resumed_at: int) -> None:
        """Training is about to begin, with everything resolved."""

    def on_update(self, progress: Progress) -> None:
        """An update is done."""

    def on_warning(self, source: str, name: str, text: str) -> None:
        """The guard `name` raised an alarm about `source`, a policy or the run's world."""

    def on_checkpoint(self, path: Path) -> None:
        """A checkpoint was written."""

    def on_stop(self) -> None:
        """Training is over, in whatever way: by an error, too."""


def new_run_folder(config: TrainConfig, name: str | None = None) -> Path:
    """A folder for a new run: runs/NAME, or runs/WORLD-1, -2, ... Raises ConfigError when NAME is taken or a path."""
    if name is not None:
        if not name or Path(name).name != name:
            raise ConfigError(f"a run's name must be a plain name without folders, got {name!r}")
        folder = RUNS / name
        if folder.exists():
            raise ConfigError(f"{folder} exists already; choose another --name, or go on with `train --resume {folder}`")
        return folder
    taken = {path.name for path in RUNS.iterdir()} if RUNS.is_dir() else set()
    number = next(n for n in range(1, len(taken) + 2) if f"{_plain(config.world)}-{n}" not in taken)
    return RUNS / f"{_plain(config.world)}-{number}"


def train(config: TrainConfig, folder: Path | None = None, listener: RunListener | None = None) -> RunResult:
    """Train from the start, in `folder` (runs/WORLD-n if not given). Ctrl-C ends the run after the update, saved."""
    if folder is not None and (folder / "config.toml").exists():
        raise _taken(folder)
    with Trainer(config, _others(config)) as trainer:
        folder = _claim(folder, trainer.config)
        return _drive(trainer, folder, listener or RunListener())


def resume(
    folder: Path,
    listener: RunListener | None = None,
    *,
    minutes: float | None = None,
    checkpoint: Path | None = None,
) -> RunResult:
    """Go on from a run's newest checkpoint, or from `checkpoint`, as if it had never stopped."""
    config = load_config(folder / "config.toml")
    if minutes is not None:
        config = replace(config, minutes=minutes)
    saved = list_checkpoints(folder / "checkpoints")
    if checkpoint is None and not saved:
        raise ConfigError(f"{folder} has no checkpoint to go on from; start it again with its config.toml")
    with Trainer(config, _others(config)) as trainer:
        trainer.restore(load_checkpoint(checkpoint or saved[-1]))
        _cut_metrics(folder / "metrics.jsonl", trainer.update)
        return _drive(trainer, folder, listener or RunListener())


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The run's record, one mapping per update; a last line that is still being written is left out.

    Raises FileFormatError with the line that is damaged.
    """
    file = folder / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    record = []
    for number, line in enumerate(lines, start=1):
        if line.endswith("\n"):
            try:
                record.append(json.loads(line))
            except ValueError as error:
                raise FileFormatError(f"{file} is damaged in line {number}: {error}") from error
    return record


def _claim(wanted: Path | None, config: TrainConfig) -> Path:
    """Make the folder of a new run. Runs that begin at the same moment may have thought of the same one."""
    while True:
        folder = wanted or new_run_folder(config)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            (folder / "config.toml").touch(exist_ok=False)
        except FileExistsError:
            if wanted is not None:
                raise _taken(folder) from None
            continue
        save_config(config, folder / "config.toml")
        return folder


def _taken(folder: Path) -> ConfigError:
    return ConfigError(f"{folder} holds a run already; go on with it by `marl-ppo train --resume {folder}`")


def _drive(trainer: Trainer, folder: Path, listener: RunListener) -> RunResult:
    config = trainer.config
    guards = {name: Guards.of_policy(_max_entropy(trainer, name)) for name in trainer.setup.learners}
    run_guards = Guards.of_run(trainer.setup.spec)
    budget = _Budget(config)
    progress = _progress_so_far(trainer, folder)
    stopped: Stopped = "budget"
    with (
        _interruptible() as interrupted,
        (folder / "metrics.jsonl").open("a", buffering=1) as record,
        TensorBoard(folder, resumed_at=trainer.steps) as board,
        _told(listener, config, trainer.update),
    ):
        while not trainer.finished:
            progress = trainer.train_once()
            line = {"update": progress.update, "steps": progress.steps, "seconds": progress.seconds, **progress.metrics}
            record.write(json.dumps(line) + "\n")
            board.write(progress)
            listener.on_update(progress)
            share = progress.update / config.num_updates
            for name, guard in guards.items():
                mine = {k.removeprefix(f"{name}/"): v for k, v in progress.metrics.items() if k.startswith(f"{name}/")}
                for kind, text in guard.look(mine, share).items():
                    listener.on_warning(name, kind, text)
            for kind, text in run_guards.look(progress.metrics, share).items():
                listener.on_warning(config.world, kind, text)
            if interrupted():
                stopped = "interrupted"
            elif budget.time_is_up():
                stopped = "time"
            if stopped != "budget" or trainer.finished or budget.checkpoint_is_due(progress):
                # The record first: a checkpoint must never be ahead of it.
                record.flush()
                os.fsync(record.fileno())
                path = save_checkpoint(folder / "checkpoints", trainer.checkpoint(), keep=config.keep_checkpoints)
                listener.on_checkpoint(path)
            if stopped != "budget":
                break
    result = RunResult(folder=folder, spec=trainer.setup.spec, progress=progress, stopped=stopped)
    _write_summary(result, config)
    return result


def _progress_so_far(trainer: Trainer, folder: Path) -> Progress:
    """Where the run stands before this session: a run whose budget is used up has no other."""
    record = read_metrics(folder)
    counters = ("update", "steps", "seconds")
    metrics = {name: value for name, value in record[-1].items() if name not in counters} if record else {}
    return Progress(update=trainer.update, steps=trainer.steps, seconds=trainer.seconds, metrics=metrics)


class _Budget:
    """When to save and when to stop."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._began = self._saved = time.perf_counter()

    def time_is_up(self) -> bool:
        """Whether the session's minutes are used up."""
        minutes = self._config.minutes
        return minutes is not None and time.perf_counter() - self._began >= 60 * minutes

    def checkpoint_is_due(self, progress: Progress) -> bool:
        """By updates where they are given, else by wall time."""
        if self._config.checkpoint_updates is not None:
            return progress.update % self._config.checkpoint_updates == 0
        now = time.perf_counter()
        if now - self._saved < 60 * self._config.checkpoint_minutes:
            return False
        self._saved = now
        return True


@contextmanager
def _told(listener: RunListener, config: TrainConfig, resumed_at: int) -> Iterator[None]:
    listener.on_start(config, resumed_at)
    try:
        yield
    finally:
        listener.on_stop()


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C is remembered, so that the update can end and be saved; the second one interrupts at once."""
    seen = False

    def remember(number: int, frame: Any) -> None:
        nonlocal seen
        seen = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = signal.signal(signal.SIGINT, remember)
    except ValueError:  # not in the main thread: signals go elsewhere
        yield lambda: False
        return
    try:
        yield lambda: seen
    finally:
        signal.signal(signal.SIGINT, before)


def _others(config: TrainConfig) -> Mapping[str, Player]:
    """Who plays the teams that do not learn."""
    spec = world_from(config, 1).spec
    frozen = [team for team in spec.teams if config.learn and team not in config.learn]
    return dict.fromkeys(frozen, find_player(config.others, spec)) if frozen else {}


def _max_entropy(trainer: Trainer, name: str) -> float:
    experience = trainer.setup.students[name].experience
    return max_entropy(trainer.setup.spec.groups[experience.group])


def max_entropy(group: Group) -> float:
    """Entropy in nats of the uniform policy; 0 for continuous actions, which have no most."""
    if isinstance(group.action, spaces.Discrete):
        return math.log(int(group.action.n))
    if isinstance(group.action, spaces.MultiDiscrete):
        return float(sum(math.log(n) for n in group.action.nvec))
    return 0.0


def _cut_metrics(file: Path, update: int) -> None:
    """Drop what was recorded after the checkpoint, a half-written last line included."""
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    temporary = file.with_suffix(".cut")
    temporary.write_text("".join(lines[:update]))
    temporary.replace(file)


def _write_summary(result: RunResult, config: TrainConfig) -> None:
    progress = result.progress
    summary = {
        "world": config.world,
        "seed": config.seed,
        "stopped": result.stopped,
        "updates": progress.update,
        "steps": progress.steps,
        "seconds": progress.seconds,
        "last": dict(progress.metrics),
    }
    (result.folder / "summary.json").write_text(json.dumps(summary, indent=2))


def _plain(world: str) -> str:
    return "".join(character if character.isalnum() or character in "_-" else "-" for character in world)
