"""Run a league in a process of its own: python league_process.py RECIPE FOLDER TURNS [PLACE CALL].

The league of a recipe of `RECIPES` is begun, or gone on with, until TURNS turns are done. With the last two the process
dies by SIGKILL right before the CALL-th call of PLACE, a dotted name.
"""

import itertools
import os
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any

from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.training.players import LEAGUE_FILE

KUHN: dict[str, Any] = {
    "world": "kuhn",
    "total_steps": 100_000,
    "turn_updates": 2,
    "slots": 6,
    "ladder_games": 48,
    "trusted_games": 5,
    "snapshot_steps": 256,
    "snapshot_timeout": 640,
    "train": {"num_envs": 16, "num_steps": 8, "network": {"hidden": [8, 8]}, "ppo": {"num_minibatches": 2}},
    "learners": [
        {"name": "main", "matchmaker": "main", "train": {"network": {"memory": "gru"}}},
        {"name": "exploiter", "matchmaker": "main_exploiter"},
        {"name": "rover", "matchmaker": "league_exploiter"},
    ],
}

HIERARCHICAL: dict[str, Any] = {
    "world": "capture_flag",
    "total_steps": 100_000,
    "turn_updates": 2,
    "slots": 4,
    "ladder_games": 16,
    "snapshot_steps": 128,
    "snapshot_timeout": 128,
    "meets_anchors": True,
    "train": {
        "policy": "hierarchical",
        "num_envs": 8,
        "num_steps": 8,
        "hierarchy": {"subgoals": "thing", "subgoal_steps": 5, "manages": "team", "manager": {"num_minibatches": 1}},
        "network": {"hidden": [16, 16]},
        "ppo": {"num_minibatches": 2},
    },
    "learners": [{"name": "main", "matchmaker": "pfsp"}, {"name": "alone", "matchmaker": "latest"}],
}
RECIPES = {"kuhn": KUHN, "hierarchical": HIERARCHICAL}


def die_at(place: str, call: int) -> None:
    """From now on, the process ends right before the `call`-th call of `place`."""
    owner_name, _, name = place.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    original, calls = getattr(owner, name), itertools.count(1)

    def counted(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    setattr(owner, name, counted)


def go_on(recipe: str, folder: Path, turns: int) -> None:
    """Until the league has played so many turns in all."""
    begun = (folder / LEAGUE_FILE).exists()
    with League.resume(folder) if begun else League.create(recipe_from(RECIPES[recipe], source="the test"), folder) as league:
        league.run(turns=turns - league.turn)


if __name__ == "__main__":
    recipe, where, total, *death = sys.argv[1:]
    if death:
        die_at(death[0], int(death[1]))
    go_on(recipe, Path(where), int(total))
