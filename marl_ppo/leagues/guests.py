"""Bots from outside in a league: they are rated and met like everybody that was kept."""

from pathlib import Path

from marl_ppo.envs.registry import make_world
from marl_ppo.errors import ConfigError
from marl_ppo.leagues.members import copy_guest
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.leagues.store import EventRow, PlayerRow, Store


def add_guest(folder: Path, bot: str, name: str | None = None) -> str:
    """Enter a bot, a run or a checkpoint into a league that is not running; returns its name there.

    Raises ConfigError where the name is taken, or where the bot plays no whole team of the league's world.
    """
    name = name or Path(bot).name
    with Store.open(folder, writing=True) as store:
        facts = store.facts()
        if name in {row.name for row in store.players()}:
            raise ConfigError(f"{name!r} is in the league already; give the guest another name, with --name")
        recipe = recipe_from(facts["recipe"], source=str(store.file))
        config = recipe.train_config(recipe.learners[0])
        world = make_world(config.world, num_envs=1, **config.world_config)
        spec = world.spec
        world.close()
        digest, agents = copy_guest(name, bot, folder, spec)
        teams = tuple(
            team
            for t, team in enumerate(spec.teams)
            if all(agent in agents for g in spec.groups for agent, own in zip(g.agents, g.team, strict=True) if own == t)
        )
        if not teams:
            raise ConfigError(f"{bot!r} plays no whole team of world {spec.id!r}; it plays {', '.join(agents)}")
        row = PlayerRow(
            name=name,
            kind="guest",
            learner="",
            role="guest",
            teams=teams,
            turn=store.turn(),
            steps=0,
            trigger="added",
            hash=digest,
        )
        store.add_player(row, EventRow(kind="added", player=name, text=f"entered as a guest: {bot}"))
    return name
