"""What `match --record` and `evaluate --record` share: from recorded episodes to files in replays/."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from marl_ppo.cli.arguments import drawable
from marl_ppo.envs.seeds import Purpose
from marl_ppo.envs.world import World, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.evaluation.evaluate import Evaluation
from marl_ppo.evaluation.film import film
from marl_ppo.evaluation.match import MatchResult
from marl_ppo.evaluation.replays import choose, new_file, save_replay
from marl_ppo.play.seating import Player, by_agent
from marl_ppo.replays.files import write_replay
from marl_ppo.replays.recorder import Recording

FOLDER = Path("replays")


def record_match(result: MatchResult, players: Sequence[Player], kinds: Sequence[str], count: int, console: Console) -> None:
    """Write a match's replays, as its first player sees them, and tell which."""
    spec, lineups = result.spec, result.lineups
    several = len(spec.teams) > 1
    sides = [lineup.index(0) if several else 0 for lineup in lineups]
    # [L, S], flat: the order of the recordings.
    returns = np.concatenate([result.returns[:, place, side] for place, side in enumerate(sides)])
    margins = None
    if several:
        results = result.outcomes if result.by == "outcome" else result.returns
        ahead = [results[:, p, side] - np.delete(results[:, p], side, axis=1).max(axis=1) for p, side in enumerate(sides)]
        margins = np.concatenate(ahead)
    seeds = len(result.returns)

    for kind in kinds:
        games = choose(kind, count, lengths=result.lengths.T.ravel(), returns=returns, margins=margins)
        recordings = [result.recordings[game // seeds][game % seeds] for game in games]
        _write(kind, recordings, [[players[p] for p in lineups[game // seeds]] for game in games], spec, console)


def record_episodes(
    found: Evaluation, lineup: Sequence[Player], team: str, kinds: Sequence[str], count: int, console: Console
) -> None:
    """Write an evaluation's replays, and tell which."""
    assert found.recordings is not None
    returns = found.returns[:, found.spec.teams.index(team)]
    for kind in kinds:
        games = choose(kind, count, lengths=found.lengths, returns=returns, margins=None)
        _write(kind, [found.recordings[game] for game in games], [lineup] * len(games), found.spec, console)


def check_kinds(kinds: Sequence[str], spec: WorldSpec) -> None:
    """Raise ConfigError for kinds that cannot be recorded in this world."""
    if "resimulate" not in spec.capabilities and (other := [kind for kind in kinds if kind != "first"]):
        raise ConfigError(
            f"world {spec.id!r} cannot be played again from its actions, so its episodes are filmed as they are played, and "
            f"which one is {other[0]} is known too late: write --record first"
        )


def film_first(world: World, lineup: Sequence[Player], count: int, seed: int, purpose: Purpose, console: Console) -> None:
    """Film the first episodes of a world that cannot be played again."""
    drawn = drawable(world.spec.id, dict(world.spec.config))
    for episode in range(count):
        path = new_file(FOLDER, world.spec.id, [player.name for player in lineup], "first")
        with console.status(f"filming {world.spec.id}"):
            write_replay(film(drawn, lineup, episode=episode, seed=seed, purpose=purpose, note="first"), path)
        console.print(f"Wrote {path}.", highlight=False, markup=False, soft_wrap=True)
    drawn.close()


def _write(
    kind: str,
    recordings: Sequence[Recording | None],
    lineups: Sequence[Sequence[Player]],
    spec: WorldSpec,
    console: Console,
) -> None:
    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    if not recordings:
        say(f"There is none for {kind!r} among them.")
    for recording, lineup in zip(recordings, lineups, strict=True):
        if recording is None:
            say(f"The one for {kind!r} was not recorded, for want of memory: play fewer --episodes.")
            continue
        path = new_file(FOLDER, spec.id, [player.name for player in lineup], kind)
        say(f"Wrote {save_replay(recording, spec, by_agent(spec, lineup), path, note=kind)}.")
