"""Other people's envs through the command line, by shipped settings: trained, and measured beside random play.

    python benchmarks/other_envs.py [--only NAME ...] [--out docs/other_envs.md]

Works in the current folder as a person would: `marl-ppo train`, to runs/NAME, and `marl-ppo evaluate`, to results/NAME.json.
What is there already is not done again. Writes the table to `--out`. All of it takes about an hour on two cores.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marl_ppo import make_world
from marl_ppo.envs.world import Group
from marl_ppo.training.config_file import load_config

VERB = [sys.executable, "-c", "from marl_ppo.cli.main import main; main()"]
RESULTS = Path("results")


@dataclass(frozen=True)
class Case:
    """An env, and how the player it makes is measured."""

    name: str
    world: str
    evaluate: str


CASES = (
    Case("spread", "pettingzoo:mpe2.simple_spread_v3", "--episodes 500"),
    Case("speaker", "pettingzoo:mpe2.simple_speaker_listener_v4", "--episodes 500"),
    Case("tag", "pettingzoo:mpe2.simple_tag_v3 continuous_actions=true", "--episodes 300"),
    Case("combined_arms", "pettingzoo:magent2.environments.combined_arms_v6", "--against random --episodes 12"),
    Case("kaz", "pettingzoo:pettingzoo.butterfly.knights_archers_zombies_v11", "--episodes 100"),
    Case("multiwalker", "pettingzoo:pettingzoo.sisl.multiwalker_v9", "--episodes 50"),
    Case("pistonball", "pettingzoo:pettingzoo.butterfly.pistonball_v6", "--episodes 20"),
    Case("connect_four", "pettingzoo:pettingzoo.classic.connect_four_v3", "--against random --episodes 500"),
    Case("leduc", "pettingzoo:shimmy:OpenSpielCompatibilityV0 game_name=leduc_poker", "--against random --episodes 3000"),
    Case("rps", "pettingzoo:pettingzoo.classic.rps_v2", "--team player_0 --against scripted --episodes 500"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], default=[case.name for case in CASES])
    parser.add_argument("--out", type=Path, default=Path("docs/other_envs.md"))
    options = parser.parse_args()
    rows = []
    for case in CASES:
        if case.name in options.only:
            result = RESULTS / f"{case.name}.json"
            if not (Path("runs") / case.name / "summary.json").exists():
                subprocess.run([*VERB, "train", *case.world.split(), "--name", case.name], check=True)
            if not result.exists():
                command = ["evaluate", case.name, *case.evaluate.split(), "--json", str(result)]
                subprocess.run([*VERB, *command], check=True)
            rows += table_rows(case, json.loads(result.read_text()))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"Wrote {options.out}.")


HEAD = """# Other people's envs, trained by shipped settings

By `python benchmarks/other_envs.py`: `marl-ppo train COMMAND` with seed 0 and nothing else said, then `marl-ppo evaluate` on
held-out episodes. Return is the mean per agent with its 95 % interval: of the trained player, taking its most probable actions
or sampling them, and of random play in its place. Who plays the other team stays the same: random play in the games for two
and in `combined_arms`, the trained player in `simple_tag`, always rock in `rps_v2`. Steps count all copies; seconds are those
of two cores that many things ran on at once.

| command | sees → does | steps, seconds | team | most probable | sampled | random |
| --- | --- | ---: | --- | ---: | ---: | ---: |
"""


def table_rows(case: Case, result: dict[str, Any]) -> list[str]:
    """A row for each team."""
    run = Path("runs") / case.name
    summary = json.loads((run / "summary.json").read_text())
    config = load_config(run / "config.toml")
    settings: dict[str, Any] = dict(config.world_config)
    world = make_world(config.world, **settings)
    world.close()
    spaces = "; ".join(dict.fromkeys(in_words(group) for group in world.spec.groups))
    rows = []
    for place, (team, report) in enumerate(result["teams"].items()):
        figures = [figure(report["players"][player][f"return/{team}"]) for player in ("greedy", "stochastic", "random")]
        about = (f"`{case.world}`", spaces, f"{summary['steps']:,}, {summary['seconds']:.0f}") if not place else ("", "", "")
        rows.append("| " + " | ".join([*about, team, *figures]) + " |")
    return rows


def in_words(group: Group) -> str:
    """What a group sees and does."""
    seen = ", ".join(f"{leaf} {'x'.join(map(str, space.shape))}" for leaf, space in group.obs.items())
    masked = ", masked" if group.masked else ""
    return f"{len(group.agents)} {group.name}: {seen} → {group.action}{masked}"


def figure(summary: dict[str, Any]) -> str:
    low, high = summary["interval"]
    return f"{summary['mean']:.2f} ({low:.2f} … {high:.2f})"


if __name__ == "__main__":
    main()
