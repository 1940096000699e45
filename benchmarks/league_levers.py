"""Two levers, and nobody tells which one to pull: learners that play alone, or together in a league.

    python benchmarks/league_levers.py [--seeds 0 1 2 3 4]

The return is 1 if both pull the same lever, else 0. In a league four learners meet, and agree; learners that play with
themselves only agree with themselves, and with one another by chance. Writes docs/league_levers.md.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from rich.progress import track

from marl_ppo.envs.registry import make_world
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, play_fixtures
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.play.seating import Player

GAMES = 256


def trained(recipe: Recipe, suffix: str) -> dict[str, Player]:
    """The newest player of each learner, named after it."""
    with tempfile.TemporaryDirectory() as folder, League.create(recipe, Path(folder) / "league") as league:
        league.run()
        newest = {row.learner: row.name for row in league.store.players() if row.kind == "frozen"}
        found = league.members.load(newest.values())
    return {f"{name} {suffix}": replace(found[kept], name=f"{name} {suffix}") for name, kept in newest.items()}


def returns(players: Mapping[str, Player]) -> tuple[list[float], list[float]]:
    """(of each one with itself, of each pair), mean over GAMES."""
    alone = [Fixture(name, name, GAMES) for name in players]
    crossed = [Fixture(a, b, GAMES) for a, b in combinations(players, 2)]
    world = make_world("levers", num_envs=GAMES)
    means = [float(np.mean(played.scores)) for played in play_fixtures(world, [*alone, *crossed], players, seed=0)]
    world.close()
    return means[: len(alone)], means[len(alone) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    seeds = parser.parse_args().seeds
    loners: dict[str, Player] = {}
    lines = ["| | seed | with itself | with others (least … mean) |", "|---|---|---|---|"]
    for seed in track(seeds, "playing", transient=True):
        recipe = find_recipe("levers", seed=seed)
        alone, crossed = returns(trained(recipe, f"of {seed}"))
        lines.append(f"| league | {seed} | {np.mean(alone):.2f} | {min(crossed):.2f} … {np.mean(crossed):.2f} |")
        first = replace(recipe.learners[0], matchmaker="self_play", settings={})
        loners |= trained(replace(recipe, learners=(first,)), f"of {seed}")
    alone, crossed = returns(loners)
    lines += [f"| self-play | {seed} | {own:.2f} | |" for seed, own in zip(seeds, alone, strict=True)]
    lines.append(f"| self-play, all pairs of seeds | | {np.mean(alone):.2f} | {min(crossed):.2f} … {np.mean(crossed):.2f} |")
    text = (
        "# A convention of two levers\n\nMade by `python benchmarks/league_levers.py`: the recipe `leagues/levers.toml`, and "
        "its first learner alone with the same settings; the newest player of each learner, "
        f"{GAMES} games of a pair. Of a league, *others* are its own learners.\n\n" + "\n".join(lines) + "\n"
    )
    Path("docs/league_levers.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
