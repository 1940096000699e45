"""What a hierarchy gains in rooms, beside all that could explain it: one training a cell of world, row and seed.

    python benchmarks/hierarchy_rooms.py train key_doors [--rows hierarchy flat ...] [--seeds 0 1 2 3 4]
    python benchmarks/hierarchy_rooms.py tune key_doors [--rows ...]
    python benchmarks/hierarchy_rooms.py report

`train` adds a line for each cell to benchmarks/results/hierarchy_rooms.jsonl and skips those that are there, so it may be
stopped and started again, also several times side by side with other rows. Each row learns with the best of the same three
settings, which `tune` tries on a seed of its own. Training is on maps of `maps=train`, success is counted on `maps=eval`.
`report` writes docs/hierarchy_rooms.md and its picture.
"""

import argparse
import json
import math
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.progress import Progress as Bar

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.envs.registry import make_world
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.statistics import interquartile_mean, mean, probability_of_improvement, stratified_bootstrap
from marl_ppo.play.seating import Player
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import config_text, from_settings, laid_over, preset
from marl_ppo.training.policies import acting, make_policies
from marl_ppo.training.setup import spec_of
from marl_ppo.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "hierarchy_rooms.jsonl"
DOCUMENT, PICTURE = Path("docs/hierarchy_rooms.md"), Path("docs/hierarchy_rooms.png")

STEPS = {"four_rooms": 1_000_000, "key_doors": 5_000_000, "plates": 4_000_000, "relay": 1_000_000}
EPISODES = 2000
POINTS = 25
TUNING_SEED = 100
TUNING_STEPS = {"four_rooms": 200_000, "key_doors": 500_000, "plates": 500_000, "relay": 200_000}
"""of a trial"""
TRIALS: Mapping[str, Mapping[str, Any]] = {
    "lr 1e-3, entropy .01": {"learning_rate": 1e-3, "ent_coef": 0.01},
    "lr 5e-4, entropy .01": {"learning_rate": 5e-4, "ent_coef": 0.01},
    "lr 1e-3, entropy .03": {"learning_rate": 1e-3, "ent_coef": 0.03},
}
"""what every row is tuned over: of the policy that acts, and of the manager that acts through repeated actions"""

HIERARCHY = {"policy": "hierarchical"}
AS_FLAT = {"manager": {"normalize_advantages": "rollout"}}
"""settings of a manager that stands for a flat policy, whatever managers have by the world's preset"""
ROWS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "hierarchy": ("a learned manager and a learned worker", HIERARCHY),
    "flat": ("flat MAPPO without memory", {"network": {"memory": "none"}}),
    "flat_gru": ("flat MAPPO with a GRU, as wide as has as many parameters", {"network": {"memory": "gru"}}),
    "shaped": (
        "flat GRU, paid as the worker of an oracle is",
        {**HIERARCHY, "hierarchy": {"managed_by": "oracle", "tell": False, "cut": False}},
    ),
    "repeat": (
        "flat GRU, each action done four times",
        {**HIERARCHY, "hierarchy": {"subgoals": "action", "subgoal_steps": 4, "least_steps": 1, "manages": "agent", **AS_FLAT}},
    ),
    "novelty": ("flat GRU with a bonus for what is new (RND)", {"novelty": 0.1}),
    "random_manager": ("a learned worker, a manager at random", {**HIERARCHY, "hierarchy": {"managed_by": "random"}}),
    "oracle_manager": ("a learned worker, the world's script as manager", {**HIERARCHY, "hierarchy": {"managed_by": "oracle"}}),
}
WORLDS: Mapping[str, Mapping[str, Any]] = {}
"""settings over a world's preset that all of its rows share"""


def config_of(world: str, row: str, seed: int, steps: int, trial: Mapping[str, Any]) -> TrainConfig:
    """The training of a cell."""
    base = tomllib.loads(config_text(preset(world)))
    del base["format"], base["whole"]
    over = laid_over({"network": {"memory": "gru"}, **WORLDS.get(world, {})}, ROWS[row][1])
    level = {"hierarchy": {"manager": dict(trial)}} if row == "repeat" else {"ppo": dict(trial)}
    over = laid_over(laid_over(over, level), {"seed": seed, "total_steps": steps, "world_config": {"maps": "train"}})
    config: TrainConfig = from_settings(TrainConfig, laid_over(base, over), source=row)
    if row == "flat_gru":
        config = _as_wide_as(config, parameters(config_of(world, "hierarchy", seed, steps, trial)))
    return config


def parameters(config: TrainConfig) -> int:
    """Of all networks."""
    return sum(p.numel() for policy in policies_of(config).values() for p in policy.parameters())


def policies_of(config: TrainConfig) -> Mapping[str, ActorCritic]:
    """With their first weights."""
    return make_policies(spec_of(config), config)


def train(config: TrainConfig, label: str) -> dict[str, Any]:
    """Train, and play on maps that were not trained on."""
    steps, success, seconds = [], [], time.process_time()
    told: dict[str, list[float]] = {"agents.worker/subgoal_sensitivity": [], "agents.manager/subgoal_usage": []}
    with Trainer(config) as trainer, Bar() as bar:
        task = bar.add_task(label, total=config.total_steps)
        # Until every copy had time for a whole episode, those that end are the short ones: the successful.
        begin = int(trainer.setup.spec.config["max_steps"]) * config.num_envs
        while not trainer.finished:
            progress = trainer.train_once()
            if "metric/success" in progress.metrics and progress.steps > begin:
                steps.append(progress.steps)
                success.append(progress.metrics["metric/success"])
            for name in told:
                told[name].append(progress.metrics.get(name, math.nan))
            bar.update(task, completed=progress.steps)
        seconds = time.process_time() - seconds
        actors = {name: student.policy.actor for name, student in trainer.setup.students.items()}
        player = Player(name=label, policies=acting(trainer.setup.spec, config, actors))
    held_out = make_world(config.world, num_envs=256, **{**config.world_config, "maps": "eval"})
    played = evaluate(held_out, [player], episodes=EPISODES, seed=1)
    grid = np.linspace(0, config.total_steps, POINTS + 1)[1:]
    smooth = np.convolve(np.pad(success, 10, mode="edge"), np.ones(21) / 21, mode="valid")
    curve = np.interp(grid, steps, smooth, left=0.0)
    return {
        "steps": config.total_steps,
        "seconds": round(seconds),
        "success": round(float(played.metrics["success"].mean()), 4),
        "area": round(float(np.interp(np.linspace(0, config.total_steps, 1000), steps, success, left=0.0).mean()), 4),
        **{name.rpartition("_")[2]: round(float(np.mean(values[-10:])), 3) for name, values in told.items() if values[-1] >= 0},
        "curve": [round(float(value), 3) for value in curve],
    }


def _as_wide_as(config: TrainConfig, wanted: int) -> TrainConfig:
    """With hidden layers such that there are about as many parameters."""

    def wide(width: int) -> TrainConfig:
        return replace(config, network=replace(config.network, hidden=(width, width)))

    return min((wide(width) for width in range(64, 193, 16)), key=lambda config: abs(parameters(config) - wanted))


def read() -> list[dict[str, Any]]:
    """All cells so far."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.is_file() else []


def write(cell: Mapping[str, Any]) -> None:
    """Add a cell."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(cell) + "\n")


def best_trial(cells: list[dict[str, Any]], world: str, row: str) -> str:
    """The one with the largest area under its curve; the first where none was tried."""
    tried = [cell for cell in cells if cell["kind"] == "trial" and (cell["world"], cell["row"]) == (world, row)]
    return max(tried, key=lambda cell: float(cell["area"]))["trial"] if tried else next(iter(TRIALS))


def run(kind: str, world: str, rows: list[str], seeds: list[int]) -> None:
    """Every cell that is not there yet."""
    for seed in seeds:
        for row in rows:
            trials = list(TRIALS) if kind == "trial" else [best_trial(read(), world, row)]
            for trial in trials:
                key = {"kind": kind, "world": world, "row": row, "seed": seed, "trial": trial}
                if any(all(cell[name] == value for name, value in key.items()) for cell in read()):
                    continue
                steps = (TUNING_STEPS if kind == "trial" else STEPS)[world]
                found = train(config_of(world, row, seed, steps, TRIALS[trial]), f"{world} {row} {trial} seed {seed}")
                print({**key, **found}, flush=True)
                write({**key, **found})


def report() -> None:
    """Write the document and its picture."""
    cells = [cell for cell in read() if cell["kind"] == "cell"]
    generator = np.random.default_rng(0)
    lines = [
        "# What a hierarchy gains in rooms",
        "",
        "Made by `python benchmarks/hierarchy_rooms.py report` from one training a row and seed: success on maps that were not",
        "trained on, interquartile mean over seeds with its 95 % bootstrap interval (2000 episodes a seed, sampled actions);",
        "area is that under the curve of success in training; P is the chance that a seed of the hierarchy has a larger area",
        "than one of the row, where both have several. Minutes are of one core, beside other work. All rows had the same three",
        "trials (learning rate 1e-3 or 5e-4, entropy bonus .01 or .03) on a seed of their own, each a fifth as long, of",
        "`key_doors` a tenth. The least sensitivity of a worker to its subgoal, in nats, and usage of subgoals are of the end",
        "of training; workers listen above .1, and managers have not collapsed above .3.",
        "",
        f"![learning curves]({PICTURE.name})",
    ]
    for world in dict.fromkeys(cell["world"] for cell in cells):
        mine = {row: [c for c in cells if (c["world"], c["row"]) == (world, row)] for row in ROWS}
        ours = [cell["area"] for cell in mine["hierarchy"]]
        lines += ["", f"## {world}, {STEPS[world] / 1e6:g} M steps", ""]
        lines += [
            "| row | seeds | success | area | P(hierarchy > row) | sensitivity, usage | minutes | settings |",
            "|---" * 8 + "|",
        ]
        for row, found in mine.items():
            if not found:
                continue
            success, area = ([cell[name] for cell in found] for name in ("success", "area"))
            low, high = stratified_bootstrap(success, interquartile_mean, generator)
            several = min(len(found), len(ours)) > 1
            interval = f" ({low:.3f} … {high:.3f})" if len(found) > 1 else ""
            better = f"{probability_of_improvement(ours, area):.2f}" if several and row != "hierarchy" else ""
            minutes = np.mean([cell["seconds"] for cell in found]) / 60
            told = f"{interquartile_mean(success):.3f}{interval} | {interquartile_mean(area):.3f} | {better}"
            listens = ", ".join(
                f"{min(cell[name] for cell in found):.2f}"
                for name in ("sensitivity", "usage")
                if all(name in cell for cell in found)
            )
            lines.append(
                f"| {ROWS[row][0]} (`{row}`) | {len(found)} | {told} | {listens} | {minutes:.1f} | {found[0]['trial']} |"
            )
        lines += ["", f"By `python benchmarks/hierarchy_rooms.py train {world} --rows ROW`."]
    DOCUMENT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(cells)
    print(DOCUMENT.read_text())


def draw(cells: list[dict[str, Any]]) -> None:
    """Curves with the 95 % interval of their mean over seeds."""
    worlds = list(dict.fromkeys(cell["world"] for cell in cells))
    lines = -(-len(worlds) // 2)
    figure = Figure(figsize=(11, 3.6 * lines), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    generator = np.random.default_rng(0)
    for world, axes in zip(worlds, np.ravel(figure.subplots(lines, 2, sharey=True)), strict=False):
        grid = np.linspace(0, STEPS[world] / 1e6, POINTS + 1)[1:]
        for number, row in enumerate(ROWS):
            curves = np.array([c["curve"] for c in cells if (c["world"], c["row"]) == (world, row)])
            if not len(curves):
                continue
            bands = [stratified_bootstrap(at, mean, generator) for at in curves.T]
            axes.plot(grid, curves.mean(0), color=f"C{number}", linewidth=2.2 if row == "hierarchy" else 1.4, label=row)
            axes.fill_between(grid, *np.transpose(bands), color=f"C{number}", alpha=0.15, linewidth=0)
        axes.set_title(world, loc="left")
        axes.set_xlabel("million world steps")
        axes.set_ylim(0, 1.02)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in figure.axes[::2]:
        axes.set_ylabel("success in training")
    for axes in figure.axes[len(worlds) :]:
        axes.set_visible(False)
    named = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    figure.legend(
        [named[row] for row in ROWS if row in named], list(filter(named.get, ROWS)), frameon=False, loc="outside right upper"
    )
    figure.savefig(PICTURE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["train", "tune", "report"])
    parser.add_argument("world", nargs="?", choices=list(STEPS))
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    if options.verb == "report":
        report()
    elif options.world is None:
        parser.error("say which world")
    elif options.verb == "tune":
        run("trial", options.world, options.rows, [TUNING_SEED])
    else:
        run("cell", options.world, options.rows, options.seeds)


if __name__ == "__main__":
    main()
