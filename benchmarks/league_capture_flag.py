"""Capture the flag: the whole recipe beside itself with one part switched off, at equal world steps.

    python benchmarks/league_capture_flag.py [--seeds 0 1 2] [--steps 6000000] [--folder runs/league-capture-flag]

    whole    leagues/capture_flag.toml: managers and workers, one critic that sees everybody, opponents from all of history
    flat     with --policy flat
    own      with --critic own: every critic sees what its agent sees
    latest   with --matchmaker latest: opponents from the last of history alone

A side's agent is the newest player of its league. Every two sides play 1000 games for each seed with balanced sides, and each
meets the script and random play. What was trained already in FOLDER is not trained again. Writes docs/league_capture_flag.md.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import newest, seconds_of, train_all

from marl_ppo.envs.registry import make_world
from marl_ppo.evaluation.statistics import wilson_interval
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, play_fixtures
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.play.seating import Player
from marl_ppo.training.players import find_player

GAMES = 1000
SIDES: dict[str, dict[str, Any]] = {
    "whole": {},
    "flat": {"train": {"policy": "flat"}},
    "own": {"train": {"critic_input": "own"}},
    "latest": {"matchmaker": "latest"},
}
OTHERS = ("scripted", "random")


def recipe_of(side: str, seed: int, steps: int) -> Recipe:
    """One thread each, since two are trained at a time."""
    return replace(find_recipe("capture_flag", seed=seed, **SIDES[side]), threads=1, total_steps=steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=6_000_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/league-capture-flag"))
    options = parser.parse_args()
    recipes = {f"{side}-{seed}": recipe_of(side, seed, options.steps) for seed in options.seeds for side in SIDES}
    train_all(recipes, options.folder)

    world = make_world("capture_flag", num_envs=256)
    players: dict[str, Player] = {name: find_player(name, world.spec) for name in OTHERS}
    players |= {name: newest(options.folder / name, "main", world.spec) for name in recipes}

    def score(first: str, second: str) -> str:
        """Of a side against a side, all seeds together, and seed by seed."""
        fixtures = [
            Fixture(f"{first}-{seed}", second if second in OTHERS else f"{second}-{seed}", GAMES) for seed in options.seeds
        ]
        found = [played.scores for played in play_fixtures(world, fixtures, players, seed=1)]
        low, high = wilson_interval(float(np.sum(found)), int(np.size(found)))
        return f"{np.mean(found):.3f} ({low:.3f} … {high:.3f}): {', '.join(f'{scores.mean():.2f}' for scores in found)}"

    columns = [*SIDES, *OTHERS]
    rows = [f"| side | minutes | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for side in SIDES:
        minutes = sum(seconds_of(options.folder / f"{side}-{seed}") for seed in options.seeds) / 60 / len(options.seeds)
        scores = ["" if other == side else score(side, other) for other in columns]
        rows.append(f"| {side} | {minutes:.1f} | {' | '.join(scores)} |")
    told = f"python benchmarks/league_capture_flag.py --steps {options.steps} --seeds {' '.join(map(str, options.seeds))}"
    text = "\n".join(
        [
            "# Capture the flag: what each part of the recipe is worth",
            "",
            f"Made by `{told}`: {options.steps:,} world steps for each side and seed; minutes of one core, beside other work.",
            f"Scores of the row against the column are wins and half the draws of {GAMES} games a seed, with Wilson's 95 %",
            "interval over all of them and the score of each seed; seeds differ more than games do.",
            "",
            *rows,
            "",
            "`whole` is `marl-ppo league run capture_flag`, `flat` has `--policy flat`, `own` `--critic own`, `latest`",
            "`--matchmaker latest`.",
            "",
        ]
    )
    Path("docs/league_capture_flag.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
