"""Bots from outside in a league: they are rated and met like everybody that was kept."""

import re
import shutil
from pathlib import Path

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.leagues.league import LOCK
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.leagues.store import EventRow, PlayerRow, Store
from marl_ppo.play.seating import playable_teams
from marl_ppo.training.cards import content_hash
from marl_ppo.training.players import PLAYERS, copy_player, find_trained, is_untrained, load_player
from marl_ppo.training.run import alone


def add_guest(folder: Path, bot: str, name: str | None = None) -> str:
    """Enter a bot, a run, a checkpoint or another league's player into a league; returns its name there.

    Raises ConfigError while the league runs, where the name is taken or may not be used, and where the bot plays no whole
    team of the league's world.
    """
    if is_untrained(bot):
        raise ConfigError(f"{bot!r} is no bot but made by the world; name it among the `anchors` of a league's recipe instead")
    source = find_trained(bot)
    name = name or Path(bot).name.replace(":", "-")
    (folder / LOCK).touch()
    with alone(folder / LOCK), Store.open(folder, writing=True) as store:
        check_name(name, store)
        spec = _spec_of(store)
        player = load_player(source, spec, greedy=False)
        teams = tuple(playable_teams(spec, player))
        if not teams:
            raise ConfigError(f"{bot!r} plays no whole team of world {spec.id!r}; it plays {', '.join(player.policies)}")
        target = folder / PLAYERS / name
        # Of a guest whose entry was never finished: the store, which is asked first, knows nobody of this name.
        shutil.rmtree(target, ignore_errors=True)
        copy_player(source, target)
        row = PlayerRow(
            name=name,
            kind="guest",
            learner="",
            role="guest",
            teams=teams,
            turn=store.turn(),
            steps=0,
            trigger="added",
            hash=content_hash(target),
        )
        store.add_player(row, EventRow(kind="added", player=name, text=f"entered as a guest: {bot}"))
    return name


def check_name(name: str, store: Store, flag: str = "--name") -> None:
    """Raise ConfigError unless somebody new in the league may be called `name`, which `flag` has told."""
    if not re.fullmatch(r"\w[\w.+-]*", name) or is_untrained(name):
        raise ConfigError(f"a name in a league must be letters, digits and any of _ . + -, without folders; got {name!r}")
    rows = store.players()
    if name in {row.name for row in rows}:
        raise ConfigError(f"{name!r} is in the league already; give another name, with {flag}")
    for learner in (row.name for row in rows if row.kind == "learner"):
        if re.fullmatch(rf"{learner}-\d+", name):
            raise ConfigError(f"{name!r} is how a player of the learner {learner!r} is called; give another name, with {flag}")


def _spec_of(store: Store) -> WorldSpec:
    """The league's world."""
    recipe = recipe_from(store.facts()["recipe"], source=str(store.file))
    config = recipe.train_config(recipe.learners[0])
    world = make_world(config.world, num_envs=1, **config.world_config)
    world.close()
    return world.spec
