"""A training run as a folder: runs/NAME/{config.toml, metrics.jsonl, tensorboard/, checkpoints/, replays/, others/,
summary.json}.

`metrics.jsonl`, one line per update, is the record; everything else shown is a view of it. Resuming cuts it back to the
checkpoint, so that the record of a resumed run is that of one never interrupted.
"""

import importlib.util
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.seating import Player
from marl_ppo.training.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint, set_newer_aside, write_folder
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, save_config
from marl_ppo.training.guards import Guards
from marl_ppo.training.players import (
    BOTS,
    LEAGUE_FILE,
    LEARNERS,
    RUNS,
    copy_player,
    find_player,
    find_trained,
    is_untrained,
    require_world,
)
from marl_ppo.training.policies import learning_agents
from marl_ppo.training.record import RECORD, cut_metrics, read_metrics, to_json
from marl_ppo.training.setup import spec_of
from marl_ppo.training.showcase import Showcase
from marl_ppo.training.start import BEGUN_ANEW, START, begun_anew, load_start
from marl_ppo.training.tensorboard import TensorBoard
from marl_ppo.training.trainer import Progress, Trainer

CONFIG, CHECKPOINTS, OTHERS, REPLAYS = "config.toml", "checkpoints", "others", "replays"
Stopped = Literal["budget", "time", "interrupted"]
"""why a run ended: its steps or its minutes are used up, or somebody pressed Ctrl-C"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended."""

    folder: Path
    spec: WorldSpec
    progress: Progress
    stopped: Stopped
    faults: int
    """episodes that broke, those before a resume included"""


class RunListener:
    """Hears what happens in a run; the methods do nothing unless overridden."""

    def on_start(self, config: TrainConfig, resumed_at: int) -> None:
        """Training is about to begin, with everything resolved."""

    def on_update(self, progress: Progress) -> None:
        """An update is done."""

    def on_warning(self, source: str, name: str, text: str) -> None:
        """The guard `name` raised an alarm about `source`, a policy or the run's world."""

    def on_notice(self, text: str) -> None:
        """The world has something to tell, such as a copy that broke."""

    def on_checkpoint(self, path: Path) -> None:
        """A checkpoint was written."""

    def on_stop(self) -> None:
        """Training is over, in whatever way: by an error, too."""


def new_run_folder(config: TrainConfig, name: str | None = None) -> Path:
    """A folder for a new run: runs/NAME, or runs/WORLD-1, -2, ... Raises ConfigError when NAME is taken or a path."""
    if name is not None:
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise ConfigError(f"a run's name must be letters, digits and any of _ . + -, without folders; got {name!r}")
        if is_untrained(name) or (BOTS / name).exists():
            raise ConfigError(f"{name!r} is a player that there is already; choose another --name")
        folder = RUNS / name
        if folder.exists():
            seeds = sorted(folder.glob("seed-*"))
            raise ConfigError(
                f"{folder} exists already; choose another --name, or go on with `train --resume {(seeds or [folder])[-1]}`"
            )
        return folder
    taken = {path.name for path in RUNS.iterdir()} if RUNS.is_dir() else set()
    number = next(n for n in range(1, len(taken) + 2) if f"{_plain(config.world)}-{n}" not in taken)
    return RUNS / f"{_plain(config.world)}-{number}"


def train(config: TrainConfig, folder: Path | None = None, listener: RunListener | None = None) -> RunResult:
    """Train from the start, in `folder` (runs/WORLD-n if not given). Ctrl-C ends the run after the update, saved.

    A trained player among the others is copied to `folder`/others: it stays what it is now, whatever becomes of its run.
    """
    if folder is not None and (folder / CONFIG).exists():
        raise _taken(folder)
    frozen = _frozen_teams(config)
    source = find_trained(config.others) if frozen and not is_untrained(config.others) else None
    others = _others(config, frozen, config.others if source is None else str(source))
    start, listener = load_start(config), listener or RunListener()
    with Trainer(config, others, start=start) as trainer:
        folder = _claim(folder, trainer.config)
        with alone(folder / CONFIG):
            if source is not None:
                copy_player(source, folder / OTHERS)
            if start is not None:
                write_folder(folder / START, start)
            for name in [] if start is None else begun_anew(start, trainer.setup.learners):
                listener.on_warning(name, "start", BEGUN_ANEW.format(player=config.start_from))
            return _drive(trainer, Showcase(trainer.setup, others, folder / REPLAYS), folder, listener)


def resume(
    folder: Path,
    listener: RunListener | None = None,
    *,
    minutes: float | None = None,
    checkpoint: Path | None = None,
) -> RunResult:
    """Go on from a run's newest checkpoint, or from `checkpoint`, as if it had never stopped.

    Worlds that cannot be saved in the middle of an episode begin new ones, which `listener` is told. Checkpoints newer
    than `checkpoint` are set aside as checkpoints/abandoned-UPDATE. Raises ConfigError for a league's learner, which would
    leave its league behind.
    """
    learners = folder.resolve().parent
    if learners.name == LEARNERS and (learners.parent / LEAGUE_FILE).is_file():
        whole = f"marl-ppo league run --resume {learners.parent}"
        raise ConfigError(f"{folder} learns in a league; go on with all of it by `{whole}`")
    config = load_config(folder / CONFIG)
    if minutes is not None:
        config = replace(config, minutes=minutes)
    listener = listener or RunListener()
    with alone(folder / CONFIG):
        saved = list_checkpoints(folder / CHECKPOINTS)
        if checkpoint is None and not saved:
            raise ConfigError(f"{folder} has no checkpoint to go on from; start it again with its config.toml")
        if checkpoint is not None and checkpoint.resolve() not in {path.resolve() for path in saved}:
            raise ConfigError(f"{checkpoint} is none of the checkpoints of {folder}: {', '.join(path.name for path in saved)}")
        require_world(config.world, checkpoint or saved[-1])
        opponents = folder / OTHERS
        others = _others(config, _frozen_teams(config), str(opponents) if opponents.is_dir() else config.others)
        with Trainer(config, others) as trainer:
            trainer.restore(load_checkpoint(checkpoint or saved[-1]))
            set_newer_aside(folder / CHECKPOINTS, trainer.update)
            cut_metrics(folder, trainer.update)
            if "snapshot" not in trainer.setup.spec.capabilities:
                listener.on_warning(config.world, "resume", "this world cannot be saved in mid-episode: new episodes begin")
            return _drive(trainer, Showcase(trainer.setup, others, folder / REPLAYS), folder, listener)


def _claim(wanted: Path | None, config: TrainConfig) -> Path:
    """Make the folder of a new run. Runs that begin at the same moment may have thought of the same one."""
    while True:
        folder = wanted or new_run_folder(config)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            (folder / CONFIG).touch(exist_ok=False)
        except FileExistsError:
            if wanted is not None:
                raise _taken(folder) from None
            continue
        save_config(config, folder / CONFIG)
        return folder


def _taken(folder: Path) -> ConfigError:
    return ConfigError(f"{folder} holds a run already; go on with it by `marl-ppo train --resume {folder}`")


def _drive(trainer: Trainer, showcase: Showcase, folder: Path, listener: RunListener) -> RunResult:
    config = trainer.config
    skipped = {name: trainer.setup.learners[name].skipped_steps for name in trainer.setup.students}
    guards = {name: Guards.of_policy(steps, config.algorithm) for name, steps in skipped.items()}
    run_guards = Guards.of_run(trainer.setup.spec)
    budget = _Budget(config)
    progress = _progress_so_far(trainer, folder)
    stopped: Stopped = "budget"
    with (
        interruptible() as interrupted,
        (folder / RECORD).open("a", buffering=1) as lines,
        TensorBoard(folder, resumed_at=trainer.steps) as board,
        _told(listener, config, trainer.update),
    ):
        while not trainer.finished:
            progress = trainer.train_once()
            line = {"update": progress.update, "steps": progress.steps, "seconds": progress.seconds, **progress.metrics}
            lines.write(to_json(line) + "\n")
            board.write(progress)
            listener.on_update(progress)
            if showcase.is_due(progress.update):
                showcase.record(progress.update)
            for text in trainer.take_notices():
                listener.on_notice(text)
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
                lines.flush()
                os.fsync(lines.fileno())
                path = save_checkpoint(folder / CHECKPOINTS, trainer.checkpoint(), keep=config.keep_checkpoints)
                listener.on_checkpoint(path)
            if stopped != "budget":
                break
    faults = sum(int(line.get("faults", 0)) for line in read_metrics(folder))
    last = replace(progress, episodes=())  # they are told of as they end
    result = RunResult(folder=folder, spec=trainer.setup.spec, progress=last, stopped=stopped, faults=faults)
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
def interruptible() -> Iterator[Callable[[], bool]]:
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


def _frozen_teams(config: TrainConfig) -> list[str]:
    """The teams that do not learn."""
    spec = spec_of(config)
    learning_agents(spec, config)  # refuses unknown names
    return [team for team in spec.teams if team not in config.learn] if config.learn else []


def _others(config: TrainConfig, teams: list[str], name: str) -> Mapping[str, Player]:
    return dict.fromkeys(teams, find_player(name, spec_of(config))) if teams else {}


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other processes from training in the folder of `file`; where the system has no file locks, trust that none does."""
    if importlib.util.find_spec("fcntl") is None:
        yield
        return
    import fcntl

    with file.open() as held:
        try:
            # The system lets go of it however the process ends.
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{file.parent} is being trained by another process; wait until it ends, or stop it") from error
        yield


def _write_summary(result: RunResult, config: TrainConfig) -> None:
    progress = result.progress
    summary = {
        "world": config.world,
        "seed": config.seed,
        "stopped": result.stopped,
        "updates": progress.update,
        "steps": progress.steps,
        "seconds": progress.seconds,
        "faults": result.faults,
        "last": dict(progress.metrics),
    }
    (result.folder / "summary.json").write_text(to_json(summary, indent=2))


def _plain(world: str) -> str:
    return "".join(character if character.isalnum() or character in "_-" else "-" for character in world)
