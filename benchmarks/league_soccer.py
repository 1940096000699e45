"""Soccer, two against two: what a league gains over plain self-play at equal world steps; every seed is reported.

    python benchmarks/league_soccer.py [--seeds 0 1 2] [--steps 20000000] [--folder runs/league-soccer]

Both sides have the recipe leagues/soccer.toml and the same steps of all learners together; self-play is the recipe's first
learner, who meets nobody but itself. A side's agent is the newest player of that learner. Measured, 1000 games each with
balanced sides: league against self-play of the same seed; both against every script; a fresh exploiter with a tenth of the
steps against each; and leagues of different seeds against one another, where no difference is expected.

What was trained already in FOLDER is not trained again, so that the benchmark can be interrupted. Writes docs/league_soccer.md.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from side_by_side import newest, seconds_of, side_by_side, train_all

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import World
from marl_ppo.evaluation.statistics import wilson_interval
from marl_ppo.leagues.best_response import exploit
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, play_fixtures
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.play.seating import Player
from marl_ppo.training.players import find_player

GAMES = 1000
SCRIPTS = ("scripted:easy", "scripted:medium", "scripted:hard")
SIDES = ("league", "self-play")


def recipe_of(side: str, seed: int, steps: int) -> Recipe:
    """Both sides take `steps` in all, those of a league shared as in the recipe; one thread each, since two run at a time."""
    recipe = replace(find_recipe("soccer", seed=seed), threads=1)
    recipe = replace(recipe, learners=tuple(replace(one, train={**one.train, "threads": 1}) for one in recipe.learners))
    if side == "self-play":
        main = replace(recipe.learners[0], matchmaker="self_play", settings={})
        return replace(recipe, learners=(main,), total_steps=steps)
    share = steps / sum(recipe.train_config(learner).total_steps for learner in recipe.learners)
    learners = [replace(one, train=_scaled(one.train, share)) for one in recipe.learners]
    return replace(recipe, learners=tuple(learners), total_steps=round(recipe.total_steps * share))


def _scaled(settings: Mapping[str, Any], share: float) -> dict[str, Any]:
    own = {"total_steps": round(settings["total_steps"] * share)} if "total_steps" in settings else {}
    return {**settings, **own}


def score_of(world: World, players: Mapping[str, Player], first: str, second: str) -> str:
    """Of GAMES games, in words."""
    (played,) = play_fixtures(world, [Fixture(first, second, GAMES)], players, seed=1)
    low, high = wilson_interval(float(played.scores.sum()), len(played.scores))
    won, drawn, lost = (int((played.scores == result).sum()) for result in (1.0, 0.5, 0.0))
    return f"{played.scores.mean():.3f} ({low:.3f} … {high:.3f}) {won}/{drawn}/{lost}"


def exploit_score(folder: Path, steps: int, seed: int) -> str:
    """What a fresh exploiter gets out of the newest player in a folder."""
    world = make_world("soccer", num_envs=256)
    alone = recipe_of("self-play", 0, steps)
    config = replace(alone.train_config(alone.learners[0]), seed=seed)
    players = {"target": newest(folder, "main", world.spec)}
    players["exploiter"] = exploit(world.spec, config, {"target": 1.0}, players, games=2).responder
    return score_of(world, players, "exploiter", "target")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=20_000_000)
    parser.add_argument("--folder", type=Path, default=Path("runs/league-soccer"))
    options = parser.parse_args()
    recipes = {f"{side}-{seed}": recipe_of(side, seed, options.steps) for seed in options.seeds for side in SIDES}
    train_all(recipes, options.folder)
    hours = sum(seconds_of(options.folder / name) for name in recipes) / 3600

    exploited = side_by_side(
        {name: (options.folder / name, options.steps // 10, 1000 + int(name.rpartition("-")[2])) for name in recipes},
        exploit_score,
    )
    world = make_world("soccer", num_envs=256)
    players: dict[str, Player] = {name: find_player(name, world.spec) for name in SCRIPTS}
    players |= {name: newest(options.folder / name, "main", world.spec) for name in recipes}

    def score(first: str, second: str) -> str:
        return score_of(world, players, first, second)

    rows = [
        "| seed | league against self-play | exploiter of the league scores | exploiter of self-play scores |",
        "|---" * 4 + "|",
    ]
    for seed in options.seeds:
        names = [f"{side}-{seed}" for side in SIDES]
        rows.append(f"| {seed} | {score(*names)} | {' | '.join(exploited[name] for name in names)} |")
    against = [f"| agent | {' | '.join(SCRIPTS)} |", "|---" * 4 + "|"]
    against += [f"| {name} | {' | '.join(score(name, script) for script in SCRIPTS)} |" for name in recipes]
    leagues = [f"league-{seed}" for seed in options.seeds]
    control = [f"{one} against {other} {score(one, other)}" for one, other in combinations(leagues, 2)]
    told = f"python benchmarks/league_soccer.py --steps {options.steps} --seeds {' '.join(map(str, options.seeds))}"
    text = "\n".join(
        [
            "# Soccer: a league beside plain self-play",
            "",
            f"Made by `{told}`: {options.steps:,} world steps for each side and seed, {hours:.2f} h of one core for "
            f"all of them. Scores are wins and half the draws of {GAMES} games with balanced sides, Wilson's 95 % interval, "
            "and games won / drawn / lost.",
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
