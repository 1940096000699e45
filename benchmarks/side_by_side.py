"""What benchmarks of leagues share: train several, two at a time, and take the newest player of each."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from rich.progress import track

from marl_ppo.envs.world import WorldSpec
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.leagues.store import FILE, Store
from marl_ppo.play.seating import Player
from marl_ppo.training.players import load_player


def train_all(recipes: Mapping[str, Recipe], folder: Path) -> None:
    """Train leagues in FOLDER/NAME, each in a process of its own, from the start or where they were interrupted."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        trained = [executor.submit(train, recipe, folder / name) for name, recipe in recipes.items()]
        for one in track(as_completed(trained), "training", total=len(trained), transient=True):
            one.result()


def train(recipe: Recipe, folder: Path) -> None:
    """One league."""
    with League.resume(folder) if (folder / FILE).exists() else League.create(recipe, folder) as league:
        league.run()


def newest(folder: Path, learner: str, spec: WorldSpec) -> Player:
    """The newest player of a learner, named after the folder."""
    with Store.open(folder) as store:
        kept = [row.name for row in store.players() if row.kind == "frozen" and row.learner == learner]
    return Player(name=folder.name, policies=load_player(folder / "players" / kept[-1], spec, greedy=False).policies)
