"""Spread with strangers: does training with partners of a league teach to get on with those never met?

    python benchmarks/league_spread.py [--seeds 0 1 2] [--games 600] [--folder runs/league-spread]

For each seed one league leagues/spread_partners.toml, and the same recipe with `ada` playing with nobody but herself, for as
many steps as she has in the league. Both are then put on a team with eight partners that neither has met: five self-play
policies of other seeds, and three scripts. Every split of the team is played, both on the same episodes; the difference is
taken episode by episode. What was trained already in FOLDER is not trained again. Writes docs/league_spread.md.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from side_by_side import newest, train_all

from marl_ppo.envs.registry import make_world
from marl_ppo.evaluation.evaluate import Summary
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, play_fixtures
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.training.players import find_player

SCRIPTS = ("scripted", "scripted:nearest", "scripted:numbered")
STRANGERS = tuple(range(100, 105))


def recipe_of(side: str, seed: int) -> Recipe:
    """One thread each, since two are trained at a time."""
    recipe = replace(find_recipe("spread_partners", seed=seed), threads=1)
    if side == "partners":
        return recipe
    return replace(recipe, learners=(replace(recipe.learners[0], matchmaker="self_play", settings={}),))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--games", type=int, default=600)
    parser.add_argument("--folder", type=Path, default=Path("runs/league-spread"))
    options = parser.parse_args()
    sides = ("partners", "alone")
    recipes = {f"{side} {seed}": recipe_of(side, seed) for side in sides for seed in options.seeds}
    strangers = {f"stranger {seed}": recipe_of("alone", seed) for seed in STRANGERS}
    train_all(recipes | strangers, options.folder)

    world = make_world("spread", num_envs=256)
    players = {name: newest(options.folder / name, "ada", world.spec) for name in recipes | strangers}
    players |= {name: find_player(name, world.spec) for name in SCRIPTS}
    partners = [*strangers, *SCRIPTS]
    lines = ["| seed | partner | trained with partners | alone | difference |", "|---" * 5 + "|"]
    for seed in options.seeds:
        pair = [f"{side} {seed}" for side in sides]
        itself = [
            played.scores.mean() for played in play_fixtures(world, [Fixture(p, p, 600) for p in pair], players, seed=seed)
        ]
        found = []
        for number, partner in enumerate(partners):
            # The same number, and so the same episodes, for both sides.
            met = [
                play_fixtures(world, [Fixture(name, partner, options.games)], players, seed=seed, number=number)[0].scores
                for name in pair
            ]
            found.append(met)
            lines.append(row(seed, partner, *met))
        ours, alone = (np.concatenate([met[side] for met in found]) for side in range(2))
        lines.append(row(seed, f"**all eight** (with themselves {itself[0]:.2f}, {itself[1]:.2f})", ours, alone))
    text = (
        "# Spread with strangers\n\nMade by `python benchmarks/league_spread.py`: mean return of a team of the trained policy "
        "and a partner that it never met, over every split of the team; the difference episode by episode with its "
        "95 % interval.\n\n" + "\n".join(lines) + "\n"
    )
    Path("docs/league_spread.md").write_text(text, encoding="utf-8")
    print(text)


def row(seed: int, partner: str, ours: np.ndarray, alone: np.ndarray) -> str:
    """Of the table."""
    told = Summary.of(ours - alone)
    interval = f"{told.interval[0]:+.3f} … {told.interval[1]:+.3f}"
    return f"| {seed} | {partner} | {ours.mean():.3f} | {alone.mean():.3f} | {told.mean:+.3f} ({interval}) |"


if __name__ == "__main__":
    main()
