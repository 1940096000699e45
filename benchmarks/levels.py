"""The levels that shipped presets reach: train, then measure 10,000 held-out greedy episodes beside script and random.

    python benchmarks/levels.py [--levels spread tag-chasers] [--seeds 0 1 2] [--minutes 2] [--json FILE]

Prints a line per level and seed as it is measured, and a table at the end. A level's bar is what has to be passed.
"""

import argparse
import contextlib
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from marl_ppo import make_world
from marl_ppo.envs.world import World
from marl_ppo.errors import UnknownNameError
from marl_ppo.evaluation.evaluate import Summary, evaluate
from marl_ppo.play.seating import Player
from marl_ppo.training.config_file import preset
from marl_ppo.training.players import find_player, find_trained, load_player
from marl_ppo.training.run import train


@dataclass(frozen=True)
class Level:
    """Something a preset is asked for: the mean return per agent of `team`."""

    world: str
    bar: float
    why: str
    """where the bar comes from"""
    team: str = "agents"
    settings: Mapping[str, Any] = field(default_factory=dict)
    also_in: str | None = None
    """another world to measure the same policy in"""
    learn: tuple[str, ...] = ()


LEVELS = {
    "spread": Level("spread", -8.8, "QMIX, the best published, is about -10.6", also_in="pettingzoo:mpe2.simple_spread_v3"),
    "spread-classic": Level("spread", -126.6, "QMIX, published; MAPPO -133.5", settings={"dynamics": "classic"}),
    "speaker_listener": Level("speaker_listener", -8.5, "the script has -7.3"),
    "reference": Level("reference", -10.5, "the script has -8.2"),
    "tag-chasers": Level("tag", 29.8, "what scripted chasers catch", team="chasers", learn=("chasers",)),
    "tag-prey": Level("tag", -45.0, "what scripted prey lose", team="prey", learn=("prey",)),
}
"""Published figures: Papoudakis et al. 2021, arXiv:2006.07869, table of returns under common reward."""


@dataclass(frozen=True)
class Measured:
    """One seed of one level."""

    level: str
    seed: int
    bar: float
    steps: int
    """of the world, all copies counted"""
    training_s: float
    players: dict[str, Summary]
    """trained, scripted and random, the other teams being scripted each time"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", nargs="+", choices=list(LEVELS), default=list(LEVELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, help="stop training after this much time, before the budget is used up")
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured here")
    options = parser.parse_args()
    found = []
    for measured in measure(options):
        found.append(measured)
        print(f"{measured.level}, seed {measured.seed}: {measured.players['trained'].mean:.3f}", flush=True)
    Console(width=None if sys.stdout.isatty() else 120).print(table(found))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


def measure(options: argparse.Namespace) -> Iterator[Measured]:
    for name, seed in itertools.product(options.levels, options.seeds):
        level = LEVELS[name]
        config = replace(
            preset(level.world), seed=seed, world_config=dict(level.settings), learn=level.learn, minutes=options.minutes
        )
        with tempfile.TemporaryDirectory() as folder:
            progress = train(config, Path(folder)).progress
            checkpoint = find_trained(folder)
            worlds = {name: make_world(level.world, num_envs=1000, **level.settings)}
            if level.also_in is not None:
                worlds[f"{name} in {level.also_in}"] = make_world(level.also_in, num_envs=100)
            for label, world in worlds.items():
                players = {"trained": load_player(checkpoint, world.spec, greedy=True)} | anchors(world)
                scores = {who: score(world, player, level.team, options.episodes) for who, player in players.items()}
                yield Measured(label, seed, level.bar, progress.steps, progress.seconds, scores)


def anchors(world: World) -> dict[str, Player]:
    """The scripted player, where there is one, and the random one."""
    found = {}
    for name in ("scripted", "random"):
        with contextlib.suppress(UnknownNameError):
            found[name] = find_player(name, world.spec, greedy=True)
    return found


def score(world: World, player: Player, team: str, episodes: int) -> Summary:
    """Of `player` as `team`, scripted players being the others."""
    spec = world.spec
    lineup = [player if len(spec.teams) == 1 or other == team else find_player("scripted", spec) for other in spec.teams]
    returns = evaluate(world, lineup, episodes=episodes).returns
    return Summary.of(returns[:, 0 if len(spec.teams) == 1 else spec.teams.index(team)])


def table(found: list[Measured]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for column in ("level", "seed", "return", "95 % interval", "bar", "script", "random", "M steps", "s of training"):
        shown.add_column(column, justify="left" if column == "level" else "right")
    for each in found:
        trained = each.players["trained"]
        others = [f"{each.players[who].mean:.2f}" if who in each.players else "" for who in ("scripted", "random")]
        low, high = trained.interval
        shown.add_row(
            each.level,
            str(each.seed),
            f"{trained.mean:.2f}",
            f"{low:.2f} … {high:.2f}",
            f"{each.bar:g} {'passed' if trained.mean > each.bar else 'MISSED'}",
            *others,
            f"{each.steps / 1e6:.1f}",
            f"{each.training_s:.0f}",
        )
    return shown


if __name__ == "__main__":
    main()
