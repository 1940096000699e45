"""`marl-ppo run list | compare A B ... | plot RUN ...`: what was trained, and how runs differ."""

import itertools
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from marl_ppo.cli.arguments import split_words
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError, MarlPPOError
from marl_ppo.evaluation.statistics import interquartile_mean, probability_of_improvement, stratified_bootstrap
from marl_ppo.leagues.store import Store
from marl_ppo.training.checkpoint import list_checkpoints
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config
from marl_ppo.training.curve import plot_runs
from marl_ppo.training.players import LEAGUE_FILE, RUNS, run_folders
from marl_ppo.training.record import read_metrics

_USAGE = """usage: marl-ppo run list
       marl-ppo run plot RUN [RUN ...]       curve.png of one run, or runs/plot.png of several
       marl-ppo run compare RUN RUN [...]    table, probability of improvement, runs/compare.png

RUN is a run's name or folder, or a group trained with --seeds."""
FINAL_SHARE = 0.05
"""share of a run's updates with finished episodes, the last ones, whose training return is its score"""


def main(arguments: list[str]) -> None:
    """List, plot or compare."""
    words, settings, flags = split_words(arguments)
    if set(flags) & {"-h", "--help"} or not arguments:
        print(_USAGE)
        return
    verb, *names = words or [""]
    if settings or flags or len(set(names)) < len(names):
        raise ConfigError(f"run takes different runs and no flags, got {' '.join(arguments)!r}\n{_USAGE}")
    if verb == "list" and not names:
        _list()
    elif verb == "plot" and names:
        groups = {name: run_folders(name) for name in names}
        single = len(groups) == 1 and len(runs := next(iter(groups.values()))) == 1
        print(f"Wrote {plot_runs(groups, runs[0] / 'curve.png' if single else RUNS / 'plot.png')}.")
    elif verb == "compare" and len(names) > 1:
        _compare({name: run_folders(name) for name in names})
    else:
        raise ConfigError(f"run lists, plots or compares, got {' '.join(arguments)!r}\n{_USAGE}")


def _list() -> None:
    table = Table("run", "world", "seed", "steps", "seconds", "return", "checkpoints", box=None, pad_edge=False)
    unreadable: list[str] = []
    leagues = _leagues(unreadable)
    for file in sorted([*RUNS.glob("*/config.toml"), *RUNS.glob("*/seed-*/config.toml")]):
        folder = file.parent
        try:
            config, record = load_config(file), read_metrics(folder)
        except MarlPPOError as error:  # as of another version: the others are listed all the same
            unreadable.append(str(error))
            continue
        last = record[-1] if record else {}
        returns = " ".join(f"{v:.2f}" for k, v in last.items() if k.startswith("return/"))
        saved = len(list_checkpoints(folder / "checkpoints"))
        table.add_row(
            str(folder.relative_to(RUNS)),
            config.world,
            str(config.seed),
            f"{last.get('steps', 0):,.0f}",
            f"{last.get('seconds', 0):.0f}",
            returns,
            str(saved),
        )
    if table.row_count:
        Console().print(table)
    for line in leagues:
        print(line)
    if not table.row_count and not leagues and not unreadable:
        print(f"There are no runs in {RUNS}/ yet. Train one: marl-ppo train spread --minutes 2")
    for reason in unreadable:
        print(f"! cannot be read: {reason}")


def _leagues(unreadable: list[str]) -> list[str]:
    """A line for each league, which keeps its runs to itself; what cannot be read goes to `unreadable`."""
    lines = []
    for file in sorted(RUNS.glob(f"*/{LEAGUE_FILE}")):
        try:
            with Store.open(file.parent) as store, store.reading():
                world, turn = store.facts()["world"], store.turn()
                members = sum(row.kind not in ("learner", "person") for row in store.players())
        except MarlPPOError as error:
            unreadable.append(str(error))
            continue
        lines.append(
            f"league {file.parent.name}: {world}, turn {turn}, {members} members; marl-ppo league standings {file.parent.name}"
        )
    return lines


def _compare(groups: dict[str, list[Path]]) -> None:
    scores = {name: [_final_returns(run) for run in runs] for name, runs in groups.items()}
    first = next(iter(groups))
    teams = list(scores[first][0])
    if any(run.keys() != set(teams) for runs in scores.values() for run in runs):
        raise ConfigError(f"runs can be compared in worlds with the same teams only; {first} has {', '.join(teams)}")
    tasks = {f"{config.world} {config.world_config}" for runs in groups.values() for config in map(_config, runs)}
    if len(tasks) > 1:
        print("These runs learned different tasks, so that their returns do not compare: " + "; ".join(sorted(tasks)))
    table = Table(
        "run",
        "seeds",
        "return",
        "IQM",
        "95 % interval",
        f"P(better than {first})",
        title="final training return",
        box=None,
        pad_edge=False,
    )
    for name, team in itertools.product(groups, teams):
        values = np.array([run[team] for run in scores[name]])
        generator = np.random.Generator(np.random.PCG64(int(stream(0, "bootstrap"))))
        low, high = stratified_bootstrap(values, interquartile_mean, generator)
        baseline = np.array([run[team] for run in scores[first]])
        better = "" if name == first else f"{probability_of_improvement(values, baseline):.2f}"
        table.add_row(
            name if len(teams) == 1 else f"{name} {team}",
            str(len(values)),
            f"{values.mean():.3f}",
            f"{float(interquartile_mean(values)):.3f}",
            f"[{low:.3f}, {high:.3f}]" if len(values) > 1 else "",
            better,
        )
    Console().print(table)
    if min(map(len, scores.values())) < 5:
        print("Fewer than five seeds: a hint, not a result. `marl-ppo train WORLD --seeds 0-9` trains ten.")
    print(f"Wrote {plot_runs(groups, RUNS / 'compare.png')}.")


def _config(run: Path) -> TrainConfig:
    return load_config(run / "config.toml")


def _final_returns(run: Path) -> dict[str, float]:
    """Team → mean training return over the run's last updates."""
    record = [line for line in read_metrics(run) if line["episodes"]]
    if not record:
        raise ConfigError(f"{run} has finished no episode yet, so there is nothing to compare")
    tail = record[-max(1, round(len(record) * FINAL_SHARE)) :]
    names = [name for name in tail[-1] if name.startswith("return/")]
    return {name.removeprefix("return/"): float(np.mean([line[name] for line in tail])) for name in names}
