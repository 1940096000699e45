"""`marl-ppo train WORLD [name=value ...] [flags]` and `marl-ppo train --resume RUN`."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from marl_ppo.cli.arguments import check_settings, split_words
from marl_ppo.cli.progress import ProgressBar
from marl_ppo.errors import ConfigError
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, preset
from marl_ppo.training.curve import plot_runs
from marl_ppo.training.players import RUNS
from marl_ppo.training.run import RunResult, new_run_folder, resume, train


@dataclass(frozen=True)
class TrainFlags:
    """Train policies: marl-ppo train WORLD [name=value ...] [flags]. World settings, such as agents=5, come first."""

    settings: Annotated[TrainConfig, tyro.conf.arg(name="")]
    name: str | None = None
    """of the run, runs/NAME; WORLD-1, WORLD-2, ... if not given"""
    seeds: str | None = None
    """train one run per seed, such as 0-4 or 0,3,7, as runs/NAME/seed-0 and so on"""
    config: Path | None = None
    """TOML file of settings, laid over the world's preset and under the flags"""


@dataclass(frozen=True)
class ResumeFlags:
    """Go on with a run: marl-ppo train --resume RUN."""

    resume: str
    """the run's name or folder"""
    minutes: float | None = None
    """stop after this much wall time"""


def main(arguments: list[str]) -> None:
    """Train or resume."""
    words, world_config, flags = split_words(arguments)
    if "--resume" in flags:
        if words:
            raise ConfigError(f"--resume goes on with a run as it was set up; leave out {' '.join(words)!r}")
        _resume(tyro.cli(ResumeFlags, args=flags, prog="marl-ppo train"))
        return
    if len(words) != 1:
        if set(flags) & {"-h", "--help"}:
            words = ["spread"]
        else:
            raise ConfigError("name one world to train on, such as `marl-ppo train spread`; `marl-ppo worlds` lists them")
    base = preset(words[0])
    file = _value_of("--config", flags)
    if file is not None:
        base = load_config(Path(file), over=base)
    check_settings(words[0], world_config)
    base = replace(base, world_config={**base.world_config, **world_config})
    command = tyro.cli(TrainFlags, args=flags, prog="marl-ppo train WORLD", default=TrainFlags(settings=base))
    if command.seeds is None:
        _report([train(command.settings, new_run_folder(command.settings, command.name), ProgressBar())])
        return
    group = new_run_folder(command.settings, command.name)
    results = []
    for seed in parse_seeds(command.seeds):
        results.append(train(replace(command.settings, seed=seed), group / f"seed-{seed}", ProgressBar()))
        if results[-1].stopped == "interrupted":
            break
    _report(results)


def parse_seeds(text: str) -> list[int]:
    """`0-4` or `0,3,7` to numbers. Raises ConfigError on anything else."""
    try:
        seeds: list[int] = []
        for part in text.split(","):
            first, _, last = part.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = []
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"--seeds takes different seeds such as 0-4 or 0,3,7, got {text!r}")
    return seeds


def _resume(flags: ResumeFlags) -> None:
    folder = next((path for path in (Path(flags.resume), RUNS / flags.resume) if (path / "config.toml").is_file()), None)
    if folder is None:
        raise ConfigError(f"there is no run {flags.resume!r} (looked for its config.toml); `marl-ppo run list` lists runs")
    _report([resume(folder, ProgressBar(), minutes=flags.minutes)])


def _report(results: list[RunResult]) -> None:
    """Say how it ended, draw the curve, and name the next two commands."""
    for result in results:
        plot_runs([result.folder], result.folder / "curve.png")
    last = results[-1]
    why = {"budget": "The budget is used up", "time": "Time is up", "interrupted": "Stopped by Ctrl-C"}[last.stopped]
    print(f"{why}: {last.progress.steps:,} steps in {last.progress.seconds:.0f} s. {last.folder}/curve.png has the curve.")
    if last.stopped != "budget":
        print(f"Go on with it:   marl-ppo train --resume {last.folder}")
    print(f"Measure it:      marl-ppo evaluate {last.folder}\nWatch it:        marl-ppo watch {last.folder}")
    sys.stdout.flush()


def _value_of(flag: str, flags: list[str]) -> str | None:
    for place, word in enumerate(flags):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag and place + 1 < len(flags):
            return flags[place + 1]
    return None
