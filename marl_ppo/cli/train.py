"""`marl-ppo train WORLD [name=value ...] [flags]` and `marl-ppo train --resume RUN`."""

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from marl_ppo.cli.arguments import parse_flags, split_words
from marl_ppo.cli.progress import ProgressBar
from marl_ppo.errors import ConfigError
from marl_ppo.training.bots import EPISODES, check_bot_name, save_bot
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, preset
from marl_ppo.training.curve import plot_runs
from marl_ppo.training.players import RUNS, run_folders
from marl_ppo.training.run import RunResult, new_run_folder, resume, train


@dataclass(frozen=True)
class TrainFlags:
    """Train policies: marl-ppo train WORLD [name=value ...] [flags], or go on: marl-ppo train --resume RUN.

    Settings of the world, such as agents=5, are listed by `marl-ppo worlds WORLD`. The defaults below are the world's
    own (those of spread where no world is named).
    """

    settings: Annotated[TrainConfig, tyro.conf.arg(name="")]
    name: str | None = None
    """of the run, runs/NAME; WORLD-1, WORLD-2, ... if not given"""
    seeds: str | None = None
    """train one run per seed, such as 0-4 or 0,3,7, as runs/NAME/seed-0 and so on"""
    config: Path | None = None
    """TOML file of settings, laid over the world's preset and under the flags"""
    save_as: str | None = None
    """save what was learned as the bot agents/NAME, however the training ends, with a card that tells how well it plays"""


@dataclass(frozen=True)
class ResumeFlags:
    """Go on with a run: marl-ppo train --resume RUN."""

    resume: str
    """the run's name or folder, or one of its checkpoints"""
    minutes: float | None = None
    """stop after this much wall time"""
    save_as: str | None = None
    """save what was learned as the bot agents/NAME"""


def main(arguments: list[str]) -> None:
    """Train or resume."""
    words, world_config, flags = split_words(arguments)
    if _value_of("--resume", flags) is not None:
        if extra := [*words, *(f"{name}={value}" for name, value in world_config.items())]:
            raise ConfigError(f"--resume goes on with a run as it was set up; leave out {' '.join(extra)!r}")
        resumed = parse_flags(ResumeFlags, flags, "marl-ppo train")
        _check_save_as(resumed.save_as)
        _report([_resume(resumed)], resumed.save_as, arguments)
        return
    if len(words) != 1:
        if set(flags) & {"-h", "--help"}:
            words = ["spread"]
        else:
            raise ConfigError(
                "name one world, before all flags, such as `marl-ppo train spread --minutes 2`; `marl-ppo worlds` lists them"
            )
    base = preset(words[0])
    file = _value_of("--config", flags)
    if file:
        base = load_config(Path(file), over=base)
        if base.world != words[0]:
            raise ConfigError(f"{file} holds settings for world {base.world!r}; leave out its `world`, or train on that one")
    base = replace(base, world_config={**base.world_config, **world_config})
    command = parse_flags(TrainFlags, flags, "marl-ppo train WORLD", default=TrainFlags(settings=base))
    _check_save_as(command.save_as)
    if command.seeds is None:
        folder = None if command.name is None else new_run_folder(command.settings, command.name)
        _report([train(command.settings, folder, ProgressBar())], command.save_as, arguments)
        return
    if command.save_as is not None:
        raise ConfigError("--save-as saves one run as a bot, and --seeds trains several; leave out one of them")
    seeds = parse_seeds(command.seeds)
    if _value_of("--seed", flags) is not None:
        raise ConfigError("--seeds says which seeds to train; leave out --seed")
    group = _group_folder(command.settings, command.name, seeds)
    results = []
    for seed in seeds:
        results.append(train(replace(command.settings, seed=seed), group / f"seed-{seed}", ProgressBar()))
        if results[-1].stopped == "interrupted":
            break
    _report(results, None, arguments)
    print(f"Plot all seeds:  marl-ppo run plot {group}")


def _group_folder(settings: TrainConfig, name: str | None, seeds: list[int]) -> Path:
    """A new folder, or that of a group which has none of these seeds yet: an interrupted one can be completed."""
    group = RUNS / (name or "")
    if name is None or not list(group.glob("seed-*/config.toml")):
        return new_run_folder(settings, name)
    if there := [folder for seed in seeds if (folder := group / f"seed-{seed}").exists()]:
        raise ConfigError(
            f"{there[0]} exists already; go on with it by `marl-ppo train --resume {there[0]}`, or leave it out of --seeds"
        )
    return group


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


def _check_save_as(name: str | None) -> None:
    if name is not None:
        check_bot_name(name)


def _resume(flags: ResumeFlags) -> RunResult:
    checkpoint = Path(flags.resume)
    if (checkpoint / "meta.json").is_file() and (checkpoint.parent.parent / "config.toml").is_file():
        return resume(checkpoint.parent.parent, ProgressBar(), minutes=flags.minutes, checkpoint=checkpoint)
    folder, *others = run_folders(flags.resume)
    if others:
        raise ConfigError(f"{flags.resume} is a group of runs, one per seed; go on with one of them, such as {folder}")
    return resume(folder, ProgressBar(), minutes=flags.minutes)


def _report(results: list[RunResult], save_as: str | None, arguments: list[str]) -> None:
    """Say how it ended, draw the curve, save the bot that was asked for, and name the next two commands."""
    for result in results:
        plot_runs([result.folder], result.folder / "curve.png")
    last = results[-1]
    why = {"budget": "The budget is used up", "time": "Time is up", "interrupted": "Stopped by Ctrl-C"}[last.stopped]
    print(f"{why}: {last.progress.steps:,} steps in {last.progress.seconds:.0f} s. {last.folder}/curve.png has the curve.")
    if last.faults:
        print(f"{last.faults:,} episodes broke and were left out; see `faults` in {last.folder}/metrics.jsonl.")
    if last.stopped != "budget":
        print(f"Go on with it:   marl-ppo train --resume {last.folder}")
    player = str(last.folder)
    if save_as is not None:
        print(f"Measuring it in {EPISODES:,} held-out episodes, for its card.", flush=True)
        saved = save_bot(player, save_as, command=shlex.join(["marl-ppo", "train", *arguments]))
        print(f"{saved} is the bot, {saved}/README.md its card.")
        player = save_as
    print(f"Measure it:      marl-ppo evaluate {player}")
    if "scene" in last.spec.capabilities:
        print(f"Watch it:        marl-ppo watch {player}")
    sys.stdout.flush()


def _value_of(flag: str, flags: list[str]) -> str | None:
    """What follows the flag: empty where nothing does, None where it is not given."""
    for word, following in zip(flags, [*flags[1:], ""], strict=False):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag:
            return following
    return None
