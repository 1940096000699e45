"""Soccer, two against two: what a league gains over plain self-play at equal world steps; every seed is reported.

    python benchmarks/league_soccer.py [--seeds 0 1 2] [--steps 20000000] [--folder runs/league-soccer]

Both sides have the recipe leagues/soccer.toml and the same steps of all learners together; self-play is the same recipe with
one learner that meets nobody but itself. A side's agent is the newest player of its learner `main`. Measured, 1000 games each
with balanced sides: league against self-play of the same seed; both against every script; a fresh exploiter with a tenth of
the steps against each; and leagues of different seeds against one another, where no difference is expected.

What was trained already in FOLDER is not trained again, so that the benchmark can be interrupted. Writes docs/league_soccer.md.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.progress import track

from marl_ppo.envs.registry import make_world
from marl_ppo.evaluation.statistics import wilson_interval
from marl_ppo.leagues.best_response import exploit
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, play_fixtures
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.leagues.store import FILE, Store
from marl_ppo.play.seating import Player
from marl_ppo.training.players import find_player, load_player

GAMES = 1000
SCRIPTS = ("scripted:easy", "scripted:medium", "scripted:hard")
SIDES = ("league", "self-play")


def recipe_of(side: str, seed: int, steps: int) -> Recipe:
    """Both sides take `steps` in all, those of a league shared as in the recipe; one thread each, since two run at a time."""
    recipe = replace(find_recipe("soccer", seed=seed), threads=1)
    main = next(learner for learner in recipe.learners if learner.name == "main")
    if side == "self-play":
        return replace(recipe, learners=(replace(main, matchmaker="self_play", settings={}),), total_steps=steps)
    share = steps / sum(recipe.train_config(learner).total_steps for learner in recipe.learners)
    learners = [replace(one, train=_scaled(one.train, share)) for one in recipe.learners]
    return replace(recipe, learners=tuple(learners), total_steps=round(recipe.total_steps * share))


def _scaled(settings: Mapping[str, Any], share: float) -> dict[str, Any]:
    own = {"total_steps": round(settings["total_steps"] * share)} if "total_steps" in settings else {}
    return {**settings, **own}


def train(folder: Path, side: str, seed: int, steps: int) -> None:
    """A league, from its start or where it was interrupted."""
    begun = (folder / FILE).exists()
    with League.resume(folder) if begun else League.create(recipe_of(side, seed, steps), folder) as league:
        league.run()


def newest(folder: Path) -> Path:
    """The folder of the newest player of `main`."""
    with Store.open(folder) as store:
        names = [row.name for row in store.players() if row.kind == "frozen" and row.learner == "main"]
    return folder / "players" / names[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=20_000_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/league-soccer"))
    parser.add_argument("--only", nargs=2, metavar=("SIDE", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        side, seed = options.only
        train(options.folder / f"{side}-{seed}", side, int(seed), options.steps)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    jobs = [[side, str(seed)] for seed in options.seeds for side in SIDES]
    command = [sys.executable, __file__, "--steps", str(options.steps), "--folder", str(options.folder), "--only"]
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as executor:
        done = executor.map(lambda job: subprocess.run([*command, *job], check=True), jobs)
        for _ in track(done, "training", total=len(jobs)):
            pass
    hours = (time.perf_counter() - began) / 3600

    world = make_world("soccer", num_envs=256)
    spec = world.spec
    players: dict[str, Player] = {name: find_player(name, spec) for name in SCRIPTS}
    for side, seed in jobs:
        trained = load_player(newest(options.folder / f"{side}-{seed}"), spec, greedy=False)
        players[f"{side} {seed}"] = Player(name=f"{side} {seed}", policies=trained.policies)

    def score(first: str, second: str) -> str:
        (played,) = play_fixtures(world, [Fixture(first, second, GAMES)], players, seed=1)
        low, high = wilson_interval(float(played.scores.sum()), len(played.scores))
        won, drawn, lost = (int((played.scores == result).sum()) for result in (1.0, 0.5, 0.0))
        return f"{played.scores.mean():.3f} ({low:.3f} … {high:.3f}) {won}/{drawn}/{lost}"

    rows = [
        "| seed | league against self-play | exploiter of the league scores | exploiter of self-play scores |",
        "|---" * 4 + "|",
    ]
    alone = recipe_of("self-play", 0, options.steps)
    config = alone.train_config(alone.learners[0])
    for seed in options.seeds:
        cells = [str(seed), score(f"league {seed}", f"self-play {seed}")]
        for side in SIDES:
            own = replace(config, total_steps=options.steps // 10, seed=1000 + seed, learn=())
            found = exploit(spec, own, {f"{side} {seed}": 1.0}, players, games=2)
            players["exploiter"] = found.responder
            cells.append(score("exploiter", f"{side} {seed}"))
        rows.append(f"| {' | '.join(cells)} |")
    against = [f"| agent | {' | '.join(SCRIPTS)} |", "|---" * 4 + "|"]
    against += [f"| {side} {seed} | {' | '.join(score(f'{side} {seed}', s) for s in SCRIPTS)} |" for side, seed in jobs]
    control = [f"league {a} – league {b}: {score(f'league {a}', f'league {b}')}" for a, b in combinations(options.seeds, 2)]
    told = f"python benchmarks/league_soccer.py --steps {options.steps} --seeds {' '.join(map(str, options.seeds))}"
    text = "\n".join(
        [
            "# Soccer: a league beside plain self-play",
            "",
            f"Made by `{told}`: {options.steps:,} world steps for each side and seed, {hours:.2f} h for all of them, two at a "
            f"time. Scores are wins and half the draws of {GAMES} games with balanced sides, Wilson's 95 % interval, and games "
            "won / drawn / lost.",
            "",
            *rows,
            "",
            *against,
            "",
            "Control, leagues that differ in their seed only: " + "; ".join(control) + ".",
            "",
        ]
    )
    Path("docs/league_soccer.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
