"""`marl-ppo run list | compare A B ... | plot RUN ...`: what was trained, and how runs differ."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from marl_ppo.cli.arguments import split_words
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.evaluation.statistics import interquartile_mean, probability_of_improvement, stratified_bootstrap
from marl_ppo.training.checkpoint import list_checkpoints
from marl_ppo.training.config_file import load_config
from marl_ppo.training.curve import plot_runs
from marl_ppo.training.players import RUNS
from marl_ppo.training.run import read_metrics

_USAGE = """usage: marl-ppo run list
       marl-ppo run plot RUN [RUN ...]       curve.png of one run, or runs/plot.png of several
       marl-ppo run compare RUN RUN [...]    table, probability of improvement, runs/compare.png

RUN is a run's name or folder, or a group trained with --seeds."""
FINAL_SHARE = 0.05
"""share of a run's last updates whose training return is its score"""


def main(arguments: list[str]) -> None:
    """List, plot or compare."""
    words, _, flags = split_words(arguments)
    if set(flags) & {"-h", "--help"} or not words:
        print(_USAGE)
        return
    verb, *names = words
    if verb == "list" and not names:
        _list()
    elif verb == "plot" and names:
        groups = {name: seeds_of(name) for name in names}
        single = len(groups) == 1 and len(runs := next(iter(groups.values()))) == 1
        print(f"Wrote {plot_runs(groups, runs[0] / 'curve.png' if single else RUNS / 'plot.png')}.")
    elif verb == "compare" and len(names) > 1:
        _compare({name: seeds_of(name) for name in names})
    else:
        raise ConfigError(_USAGE)


def seeds_of(name: str) -> list[Path]:
    """The folders of a run, or of the runs of a group."""
    for path in (Path(name), RUNS / name):
        if (path / "metrics.jsonl").is_file():
            return [path]
        if found := sorted(folder.parent for folder in path.glob("seed-*/metrics.jsonl")):
            return found
    known = [path.name for path in RUNS.iterdir()] if RUNS.is_dir() else []
    raise UnknownNameError.near("run", name, known, otherwise="`marl-ppo run list` lists what there is.")


def _list() -> None:
    table = Table("run", "world", "seed", "steps", "seconds", "return", "checkpoints", box=None, pad_edge=False)
    for file in sorted(RUNS.glob("**/config.toml")):
        folder = file.parent
        config, record = load_config(file), read_metrics(folder)
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
    else:
        print(f"There are no runs in {RUNS}/ yet. Train one: marl-ppo train spread --minutes 2")


def _compare(groups: dict[str, list[Path]]) -> None:
    scores = {name: np.array([_final_return(run) for run in runs]) for name, runs in groups.items()}
    first = next(iter(groups))
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
    for name, values in scores.items():
        generator = np.random.Generator(np.random.PCG64(int(stream(0, "bootstrap"))))
        low, high = stratified_bootstrap(values, interquartile_mean, generator)
        better = "" if name == first else f"{probability_of_improvement(values, scores[first]):.2f}"
        table.add_row(
            name,
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


def _final_return(run: Path) -> float:
    record = read_metrics(run)
    tail = record[-max(1, round(len(record) * FINAL_SHARE)) :]
    values = [value for line in tail for name, value in line.items() if name.startswith("return/")]
    if not values:
        raise ConfigError(f"{run} has finished no episode yet, so there is nothing to compare")
    return float(np.mean(values))
