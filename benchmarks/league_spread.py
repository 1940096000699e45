"""Spread with strangers: does training with partners of a league teach to get on with those never met?

    python benchmarks/league_spread.py [--seeds 0 1 2] [--games 600]

For each seed one league leagues/spread_partners.toml, and the same recipe with one learner that plays with nobody but itself,
for as many steps as `ada` has. Both are then put on a team with eight partners that neither has met: five self-play policies of
other seeds, and three scripts. Every split of the team is played, both on the same episodes; the difference is taken episode
by episode. Writes docs/league_spread.md.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import track

from marl_ppo.envs.registry import make_world
from marl_ppo.evaluation.evaluate import Summary
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, play_fixtures
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.play.seating import Player
from marl_ppo.training.players import find_player

SCRIPTS = ("scripted", "scripted:nearest", "scripted:numbered")
STRANGERS = tuple(range(100, 105))


def self_play(seed: int) -> Recipe:
    """The league's recipe with one learner, alone."""
    recipe = find_recipe("spread_partners", seed=seed)
    return replace(recipe, learners=(replace(recipe.learners[0], matchmaker="self_play", settings={}),), threads=1)


def trained(recipe: Recipe, name: str) -> Player:
    """The newest player of the first learner."""
    with tempfile.TemporaryDirectory() as folder, League.create(recipe, Path(folder) / "league") as league:
        league.run()
        first = recipe.learners[0].name
        kept = [row.name for row in league.store.players() if row.kind == "frozen" and row.learner == first]
        policies = league.members.load([kept[-1]])[kept[-1]].policies
    return Player(name=name, policies=policies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--games", type=int, default=600)
    options = parser.parse_args()
    world = make_world("spread", num_envs=256)
    players = {name: find_player(name, world.spec) for name in SCRIPTS}
    for seed in track(STRANGERS, "training strangers", transient=True):
        players[f"stranger {seed}"] = trained(self_play(seed), f"stranger {seed}")
    partners = list(players)
    lines = ["| seed | partner | partner-trained | self-play | difference |", "|---" * 5 + "|"]
    for seed in options.seeds:
        players["partner-trained"] = trained(find_recipe("spread_partners", seed=seed), "partner-trained")
        players["self-play"] = trained(self_play(seed), "self-play")
        returns = {}
        for side in ("partner-trained", "self-play"):
            for partner in partners:
                # The same number, and so the same episodes, for both sides.
                (played,) = play_fixtures(
                    world, [Fixture(side, partner, options.games)], players, seed=seed, number=partners.index(partner)
                )
                returns[side, partner] = played.scores
        differences = []
        for partner in partners:
            ours, alone = returns["partner-trained", partner], returns["self-play", partner]
            differences.append(ours - alone)
            told = Summary.of(ours - alone)
            lines.append(
                f"| {seed} | {partner} | {ours.mean():.2f} | {alone.mean():.2f} | {told.mean:+.2f} "
                f"({told.interval[0]:+.2f} … {told.interval[1]:+.2f}) |"
            )
        told = Summary.of(np.concatenate(differences))
        own = play_fixtures(
            world, [Fixture(side, side, options.games) for side in ("partner-trained", "self-play")], players, seed=seed
        )
        lines.append(
            f"| {seed} | **all eight** | {np.mean([returns['partner-trained', p].mean() for p in partners]):.2f} "
            f"(itself: {own[0].scores.mean():.2f}) | {np.mean([returns['self-play', p].mean() for p in partners]):.2f} "
            f"(itself: {own[1].scores.mean():.2f}) | **{told.mean:+.2f}** ({told.interval[0]:+.2f} … {told.interval[1]:+.2f}) |"
        )
    text = (
        "# Spread with strangers\n\nMade by `python benchmarks/league_spread.py`: mean return of a team of the trained policy "
        "and a partner that it never met, over every split of the team; the difference episode by episode with its "
        "95 % interval.\n\n" + "\n".join(lines) + "\n"
    )
    Path("docs/league_spread.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
