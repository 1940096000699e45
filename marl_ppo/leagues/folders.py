"""Where leagues and their recipes lie: runs/NAME, and leagues/NAME.toml in the workspace or among what is bundled."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.leagues.recipe import Recipe, recipe_from
from marl_ppo.leagues.store import Store
from marl_ppo.training.config_file import laid_over, read_toml
from marl_ppo.training.players import BOTS, LEAGUE_FILE, RUNS, newest_run
from marl_ppo.workspace import places


def known_recipes() -> list[str]:
    """Names of the recipes that there are here."""
    return list(dict.fromkeys(file.stem for place in places("leagues") for file in sorted(place.glob("*.toml"))))


def find_recipe(
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    matchmaker: str | None = None,
    train: Mapping[str, Any] | None = None,
) -> Recipe:
    """A recipe by its path or name, with `settings` over it. A `matchmaker` and settings to `train` with are for all of its
    learners. Raises UnknownNameError with the nearest name."""
    candidates = [Path(name), *(place / f"{name}.toml" for place in places("leagues"))]
    file = next((file for file in candidates if file.is_file()), None)
    if file is None:
        known = known_recipes()
        raise UnknownNameError.near("recipe", name, known, otherwise=f"There are {', '.join(known)}, or name a file.")
    told = laid_over(read_toml(file), {**(settings or {}), **({} if seed is None else {"seed": seed})})
    if train:
        told["train"] = laid_over(told.get("train", {}), train)
        told["learners"] = [
            {**one, "train": {key: value for key, value in one.get("train", {}).items() if key not in train}}
            for one in told.get("learners", [])
        ]
    if matchmaker is not None:
        told["learners"] = [{**_without_settings(one), "matchmaker": matchmaker} for one in told.get("learners", [])]
    return recipe_from(told, source=str(file))


def new_league_folder(recipe: str, name: str | None) -> Path:
    """runs/NAME, or runs/RECIPE-league-1, -2, ..."""
    if name is not None:
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise ConfigError(f"a league's name must be letters, digits and any of _ . + -, without folders; got {name!r}")
        if (RUNS / name).exists():
            raise ConfigError(
                f"{RUNS / name} exists already; choose another --name, or go on with `marl-ppo league run --resume {name}`"
            )
        return RUNS / name
    stem = Path(recipe).stem
    taken = {path.name for path in RUNS.iterdir()} if RUNS.is_dir() else set()
    number = next(n for n in range(1, len(taken) + 2) if f"{stem}-league-{n}" not in taken)
    return RUNS / f"{stem}-league-{number}"


def as_player(name: str) -> str:
    """What the name of a player means to `find_trained`: a league stands for its top player, LEAGUE:PLAYER."""
    workspace, *shipped = places(str(BOTS))
    # In the order of `find_trained`.
    for path in (Path(name), workspace / name, RUNS / name, *(place / name for place in shipped)):
        if (path / LEAGUE_FILE).is_file():
            return f"{name}:{top_player(path)}"
        if path.is_dir():
            break
    return name


def newest_player() -> str:
    """The run that was trained last, or the top player of the league that was played since."""
    leagues = _leagues()
    if leagues:
        newest = max(leagues, key=_written)
        try:
            run = newest_run()
        except UnknownNameError:
            run = None
        if run is None or _written(newest) > max(file.stat().st_mtime for file in run.glob("checkpoints/*/meta.json")):
            return as_player(str(newest))
    return str(newest_run())


def top_player(folder: Path) -> str:
    """The name of a league's best trained player."""
    # Loaded here: it takes scipy and openskill, which few commands need.
    from marl_ppo.leagues.standings import read_standings

    with Store.open(folder) as store:
        return read_standings(store).top


def league_ratings(player: str) -> dict[str, str]:
    """Ratings of the league that LEAGUE:PLAYER is a member of, in words by the players' names; of others nothing."""
    league = player.rpartition(":")[0]
    for folder in (Path(league), RUNS / league) if league else ():
        if (folder / LEAGUE_FILE).is_file():
            with Store.open(folder) as store:
                return {
                    f"{folder.name}:{row.player}": f"rated {row.mu:.1f} ± {1.96 * row.sigma:.1f}" for row in store.ratings()
                }
    return {}


def find_league(name: str | None) -> Path:
    """A league's folder by its name or path; the one that was written last if not given."""
    leagues = _leagues()
    if name is None:
        if not leagues:
            raise UnknownNameError(f"There is no league in {RUNS}/ yet. Run one: `marl-ppo league run soccer --minutes 10`.")
        return max(leagues, key=_written)
    for folder in (Path(name), RUNS / name):
        if (folder / LEAGUE_FILE).is_file():
            return folder
        if folder.is_dir() and folder != Path(name):
            raise UnknownNameError(f"{folder} is a run and no league; `marl-ppo run list` lists runs and leagues.")
    known = [folder.name for folder in leagues]
    raise UnknownNameError.near("league", name, known, otherwise=f"There are {', '.join(known) or 'none'} in {RUNS}/.")


def _leagues() -> list[Path]:
    return sorted(file.parent for file in RUNS.glob(f"*/{LEAGUE_FILE}")) if RUNS.is_dir() else []


def _written(league: Path) -> float:
    """When its last turn was saved."""
    # What is written lies in a log beside the file until somebody has time to move it. Readers make one too, but an empty one.
    log = league / f"{LEAGUE_FILE}-wal"
    logged = log.stat() if log.is_file() else None
    return max((league / LEAGUE_FILE).stat().st_mtime, logged.st_mtime if logged and logged.st_size else 0.0)


def _without_settings(learner: Mapping[str, Any]) -> dict[str, Any]:
    """A learner without what only its own matchmaker knows."""
    return {key: value for key, value in learner.items() if key in ("name", "plays", "train")}
