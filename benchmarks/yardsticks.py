"""PPO beside TRPO on classic control, at equal samples: return, wall time and KL per update in one table.

    python benchmarks/yardsticks.py [--envs CartPole-v1 Acrobot-v1] [--algorithms ppo trpo] [--seeds 0 1 2] [--json FILE]

Both have the preset of the env, and differ in `algorithm` alone. Each training is measured by its final policy, on held-out
episodes with the most probable actions (greedy) and with drawn ones (stochastic). ± is the standard error over seeds.
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from marl_ppo import make_world
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.statistics import mean, standard_error
from marl_ppo.training.config import Algorithm
from marl_ppo.training.config_file import preset
from marl_ppo.training.players import find_trained, load_player
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import train

ENVS = ("CartPole-v1", "Acrobot-v1")
ALGORITHMS: tuple[Algorithm, ...] = ("ppo", "trpo")


@dataclass(frozen=True)
class Measured:
    """One training."""

    env: str
    algorithm: Algorithm
    seed: int
    steps: int
    greedy: float
    """mean return"""
    stochastic: float
    training_s: float
    kl: float
    """mean over updates, in nats"""
    failed: float | None
    """share of updates whose line search left the policy as it was"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", nargs="+", default=list(ENVS), help="Gymnasium ids")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=100, help="of each evaluation")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured here")
    options = parser.parse_args()
    found = []
    for env, algorithm, seed in itertools.product(options.envs, options.algorithms, options.seeds):
        found.append(measure(env, algorithm, seed, options.episodes))
        print(f"{env}, {algorithm}, seed {seed}: {found[-1].greedy:.1f}", flush=True)
    Console(width=None if sys.stdout.isatty() else 120).print(table(found))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


def measure(env: str, algorithm: Algorithm, seed: int, episodes: int) -> Measured:
    """Train once and evaluate the final policy."""
    world_id = f"gymnasium:{env}"
    with tempfile.TemporaryDirectory() as folder:
        progress = train(replace(preset(world_id), algorithm=algorithm, seed=seed), Path(folder)).progress
        record = read_metrics(Path(folder))
        returns = {}
        for greedy in (True, False):
            world = make_world(world_id, num_envs=10)
            player = load_player(find_trained(folder), world.spec, greedy=greedy)
            returns[greedy] = float(evaluate(world, [player], episodes=episodes).returns.mean())
            world.close()
    return Measured(
        env=env,
        algorithm=algorithm,
        seed=seed,
        steps=progress.steps,
        greedy=returns[True],
        stochastic=returns[False],
        training_s=progress.seconds,
        kl=float(mean([line["agent/approx_kl"] for line in record])),
        failed=float(mean([line["agent/line_search_failed"] for line in record])) if algorithm == "trpo" else None,
    )


def table(found: Sequence[Measured]) -> Table:
    shown = Table(box=None, pad_edge=False)
    columns = ("env", "algorithm", "seeds", "k steps", "greedy return", "stochastic", "s of training", "KL per update")
    for column in (*columns, "failed searches"):
        shown.add_column(column, justify="left" if column in ("env", "algorithm") else "right")
    for (env, algorithm), grouped in itertools.groupby(found, key=lambda each: (each.env, each.algorithm)):
        runs = list(grouped)
        shown.add_row(
            env,
            algorithm,
            str(len(runs)),
            f"{runs[0].steps / 1000:.0f}",
            spread([run.greedy for run in runs], "{:.1f}"),
            spread([run.stochastic for run in runs], "{:.1f}"),
            spread([run.training_s for run in runs], "{:.0f}"),
            spread([run.kl for run in runs], "{:.4f}"),
            "" if runs[0].failed is None else f"{mean([run.failed or 0.0 for run in runs]):.1%}",
        )
    return shown


def spread(values: Iterable[float], form: str) -> str:
    """Mean ± standard error."""
    values = list(values)
    error = f" ± {form.format(standard_error(values))}" if len(values) > 1 else ""
    return form.format(mean(values)) + error


if __name__ == "__main__":
    main()
