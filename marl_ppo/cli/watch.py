"""`marl-ppo watch [PLAYER | FILE.replay ...] [name=value ...]`: a window, or a gif where there is no screen."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from marl_ppo.cli.arguments import drawable, one_word, parse_flags, require_file, require_positive, split_words, world_of
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, World
from marl_ppo.errors import CapabilityError, ConfigError, MarlPPOError, UnknownNameError
from marl_ppo.leagues.folders import as_player, league_ratings, newest_player
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, by_agent, playable_teams, seat_players
from marl_ppo.replays.files import SUFFIX, find_replay, read_replay
from marl_ppo.training.checkpoint import list_checkpoints, read_meta
from marl_ppo.training.players import JOIN, RUNS, find_levels, find_player, is_untrained
from marl_ppo.viewer.feed import Timeline
from marl_ppo.viewer.live import LiveTimeline, Meeting, live_matches
from marl_ppo.viewer.replayed import ReplayTimeline
from marl_ppo.viewer.show import MOST_SIDE_BY_SIDE, Show
from marl_ppo.viewer.watch import watch

FIRST_SHOWN = "soccer-hard"
"""the bundled bot to look at where nothing has been trained yet"""
_POLL_S = 0.5


@dataclass(frozen=True)
class WatchFlags:
    """Watch a player or recorded matches: marl-ppo watch [PLAYER | FILE.replay ...] [name=value ...] [flags].

    PLAYER is a run, a checkpoint, a bot, LEAGUE:NAME for a league's player, or a league for its top player; the newest run or
    league if it is left out. Several files are shown side by side. In the window, ? tells the keys.
    """

    world: str | None = None
    """world to play; if not given, the one PLAYER was trained on"""
    against: str = "scripted"
    """who plays the teams that PLAYER cannot play, taking its most probable actions"""
    stochastic: bool = False
    """sample actions instead of taking the most probable ones"""
    follow: bool = False
    """at the end of each match, take PLAYER's newest checkpoint, while it is being trained"""
    grid: int = 1
    """matches side by side"""
    seed: int = 0
    """of the episodes"""
    rate: float = 8.0
    """world steps per second, which the keys + and - then change"""
    seconds: float = 20.0
    """length of a gif"""
    out: Path | None = None
    """write a gif here instead of opening a window"""


def main(arguments: list[str]) -> None:
    """Open the window or write the gif."""
    words, settings, flags = split_words(arguments)
    command = parse_flags(WatchFlags, flags, "marl-ppo watch PLAYER")
    if not 0 < command.seconds < math.inf:
        raise ConfigError(f"seconds must be positive and finite, got {command.seconds}")
    require_positive(grid=command.grid)
    require_file(command.out)
    if command.grid > MOST_SIDE_BY_SIDE:
        raise ConfigError(f"grid must be at most {MOST_SIDE_BY_SIDE}, got {command.grid}")
    files = [word for word in words if word.endswith(SUFFIX)]
    if files and (len(files) < len(words) or settings or command.follow):
        raise ConfigError(f"recorded matches are watched as they are: name only files, got {words or settings}")
    if files:
        show, title = _recorded(files, command)
    else:
        show, title = _live(one_word(words), settings, command)
    watch(show, title=title, out=command.out, seconds=command.seconds)


def _recorded(files: list[str], command: WatchFlags) -> tuple[Show, str]:
    """Side by side as many as can be; what is more comes after these."""
    matches: list[Timeline] = [ReplayTimeline(read_replay(find_replay(file)), rate=command.rate) for file in files]
    return Show([matches[i::MOST_SIDE_BY_SIDE] for i in range(min(len(matches), MOST_SIDE_BY_SIDE))]), matches[0].title


def _live(word: str | None, settings: Mapping[str, str | int | float | bool], command: WatchFlags) -> tuple[Show, str]:
    """Matches that are played now."""
    if word is None and command.world is None and (nothing := _nothing_trained()):
        word = FIRST_SHOWN
        print(f"{nothing} Until then, this is the bot {word!r}, which comes with marl_ppo.")
    if command.follow and word is not None:
        _wait_for_a_checkpoint(word)
    world, name = world_of(word, command.world, dict(settings), episodes=1)
    if "scene" not in world.spec.capabilities:
        world.close()
        world = drawable(world.spec.id, world.spec.config)
    spec = world.spec
    if "scene" not in spec.capabilities:
        raise CapabilityError(
            f"world {spec.id!r} cannot be drawn: it has no scene. A player can also be watched in another world whose agents "
            "look alike to it: name it with --world"
        )
    if command.follow and is_untrained(name):
        raise ConfigError(f"--follow takes a run's or a league's newest player; {name!r} is not trained")
    worlds = [world, *(make_world(spec.id, num_envs=1, **spec.config) for _ in range(command.grid - 1))]
    stages = [_Stage(word, name, one, number, command) for number, one in enumerate(worlds)]
    show = Show([stage.matches() for stage in stages], ratings=league_ratings(name))
    return show, show.playbacks[0].match.title


class _Stage:
    """One world in which a player plays match after match, with its newest weights if asked for."""

    def __init__(self, word: str | None, name: str, world: World, number: int, command: WatchFlags) -> None:
        """`word` is how the user named the player; `number` makes the matches of several stages differ."""
        self._word, self._command, self._spec = word, command, world.spec
        self._shown = [] if is_untrained(name) else find_levels(name)
        lineup = self._lineup(find_player(name, self._spec, greedy=not command.stochastic))
        seating = seat_players(self._spec, 1, lineup)

        def seeds(copies: Array, episodes: Array) -> Array:
            return stream(command.seed, "match", copies + number, episodes)

        play = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy)
        self._meeting = self._told(Meeting(play=play, players=lineup, rate=command.rate))

    def matches(self) -> Iterable[LiveTimeline]:
        """For ever."""
        return live_matches(self._meeting, self._newer if self._command.follow else lambda: None)

    def _newer(self) -> Meeting | None:
        """Who meets now, where there is a newer checkpoint than the one that plays."""
        try:
            name = newest_player() if self._word is None else as_player(self._word)
            newest = find_levels(name)
            if newest == self._shown:
                return None
            lineup = self._lineup(find_player(JOIN.join(map(str, newest)), self._spec, greedy=not self._command.stochastic))
        except (MarlPPOError, OSError):
            # The training may be removing what was just found; there will be another one to take.
            return None
        seating = seat_players(self._spec, 1, lineup)
        self._meeting.play.cast(seating.policies, seating.greedy, seating.seats)
        self._shown = newest
        self._meeting = self._told(replace(self._meeting, players=lineup))
        return self._meeting

    def _lineup(self, player: Player) -> dict[str, Player]:
        """By agent: others play the teams that the player cannot."""
        able = playable_teams(self._spec, player)
        others = {team for team in self._spec.teams if team not in able}
        other = find_player(as_player(self._command.against), self._spec, greedy=True) if others else player
        return by_agent(self._spec, [other if team in others else player for team in self._spec.teams])

    def _told(self, meeting: Meeting) -> Meeting:
        """With what is to be read beside it: of a run, which update this is."""
        names = dict.fromkeys(player.name for player in meeting.players.values())
        saves = [folder for folder in self._shown if folder.parent.name == "checkpoints"]
        notes = [f"update: {read_meta(folder)['counters'].get('update', folder.name)}" for folder in saves]
        return replace(meeting, title=f"{self._spec.id}: {' – '.join(names)}", notes=notes)


def _wait_for_a_checkpoint(name: str) -> None:
    """Return once the run `name`, if it is one, has something to watch."""
    run = next((folder for folder in (Path(name), RUNS / name) if (folder / "config.toml").is_file()), None)
    if run is None or (run / "meta.json").is_file() or list_checkpoints(run / "checkpoints"):
        return
    print(f"Waiting for the first checkpoint of {run} (train saves one each --checkpoint-minutes). Ctrl-C stops.", flush=True)
    while not list_checkpoints(run / "checkpoints"):
        time.sleep(_POLL_S)


def _nothing_trained() -> str:
    """Why there is no newest player; empty where there is one."""
    try:
        newest_player()
    except UnknownNameError as error:
        return str(error)
    return ""
