"""`marl-ppo replay branch FILE --at STEP [--with PLAYER,...]`: what would have happened."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from marl_ppo.cli.arguments import one_word, parse_flags, require_file, split_words
from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError, FileFormatError, MarlPPOError
from marl_ppo.evaluation.replays import new_file, save_replay
from marl_ppo.leagues.folders import as_player
from marl_ppo.play.branching import origin_of, play_on
from marl_ppo.play.seating import Player, by_agent
from marl_ppo.replays.files import SUFFIX, find_replay, read_replay
from marl_ppo.replays.recorder import Recorder
from marl_ppo.replays.replay import Replay
from marl_ppo.replays.simulation import world_of
from marl_ppo.training.players import find_player


@dataclass(frozen=True)
class BranchFlags:
    """Play on from a moment of a replay, with other players: marl-ppo replay branch FILE --at STEP [flags].

    The branch is a replay of its own: it holds all actions from the start, and names the match it comes from.
    """

    at: int
    """moment from which the players decide"""
    players: str | None = None
    """one for each team, with commas; those of the replay, where they can be found, if not given"""
    greedy: bool = False
    """take the most probable actions instead of sampling them"""
    out: Path | None = None
    """the file to write; in replays/ if not given"""


def main(arguments: list[str]) -> None:
    """Play the branch to its end and write it."""
    words, _, flags = split_words(arguments)
    command = parse_flags(BranchFlags, flags, "marl-ppo replay branch FILE --at STEP")
    if (word := one_word(words)) is None:
        raise ConfigError("name the replay: marl-ppo replay branch FILE --at STEP")
    require_file(command.out)
    if command.out is not None and command.out.suffix != SUFFIX:
        raise ConfigError(f"--out must name a file that ends with {SUFFIX}, got {str(command.out)!r}")
    path = find_replay(word)
    replay = read_replay(path)
    world = world_of(replay)
    spec, recorder = world.spec, Recorder(world)
    players = players_for(replay, command.players, spec, greedy=command.greedy)
    play = play_on(replay, world, players, command.at, [recorder])
    while not world.outputs.ended[0]:
        play.decide()
        play.advance()
    (recording,) = recorder.take().all()
    note = f"branch at {command.at}"
    out = command.out or new_file(Path("replays"), replay.world, [player.name for player in players.values()], note)
    save_replay(recording, spec, players, out, note=note, origin=origin_of(replay, command.at))
    ended = read_replay(out)
    told = ended.events[-1].text if ended.events else "the end"
    Console(soft_wrap=True).print(
        f"{path} from step {command.at}: {told} after {ended.steps:,} steps. Wrote {out}.", highlight=False, markup=False
    )


def players_for(replay: Replay, names: str | None, spec: WorldSpec, *, greedy: bool = False) -> dict[str, Player]:
    """By agent: those named for each team, else those of the replay. Raises ConfigError where somebody cannot be found."""
    if names is not None:
        named = [find_player(as_player(name.strip()), spec, greedy=greedy) for name in names.split(",")]
        return by_agent(spec, named * len(spec.teams) if len(named) == 1 else named)
    found: dict[str, Player] = {}
    for name in replay.sides:
        try:
            found[name] = find_player(name.partition("#")[0], spec, greedy=greedy)
        except FileFormatError:
            raise
        except MarlPPOError as error:
            raise ConfigError(f"{name!r} played in this match and is not here: name others with --players. {error}") from error
    return {agent: found[name] for agent, name in replay.players.items()}
