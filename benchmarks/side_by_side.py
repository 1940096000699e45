"""What benchmarks of leagues share: train several, two at a time, and take the newest player of each."""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import track

from marl_ppo.envs.world import WorldSpec
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import Recipe
from marl_ppo.leagues.store import Store
from marl_ppo.play.seating import Player
from marl_ppo.training.players import LEAGUE_FILE, load_player

T = TypeVar("T")


def train_all(recipes: Mapping[str, Recipe], folder: Path) -> None:
    """Train leagues in FOLDER/NAME, from the start or where they were interrupted."""
    side_by_side({name: (recipe, folder / name) for name, recipe in recipes.items()}, train)


def side_by_side(jobs: Mapping[str, tuple[Any, ...]], do: Callable[..., T]) -> dict[str, T]:
    """What `do` returns for each job's arguments, two at a time, each in a process of its own."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as executor:
        begun = {executor.submit(do, *arguments): name for name, arguments in jobs.items()}
        for one in track(as_completed(begun), do.__name__, total=len(begun), transient=True):
            one.result()  # raises what it raised
        return {name: one.result() for one, name in begun.items()}


def train(recipe: Recipe, folder: Path) -> None:
    """One league."""
    with League.resume(folder) if (folder / LEAGUE_FILE).exists() else League.create(recipe, folder) as league:
        league.run()


def newest(folder: Path, learner: str, spec: WorldSpec) -> Player:
    """The newest player of a learner, named after the folder."""
    with Store.open(folder) as store:
        kept = [row.name for row in store.players() if row.kind == "frozen" and row.learner == learner]
    return Player(name=folder.name, policies=load_player(folder / "players" / kept[-1], spec, greedy=False).policies)


def seconds_of(folder: Path) -> float:
    """Wall time that a league took, over all its sessions."""
    with Store.open(folder) as store:
        return store.seconds()
