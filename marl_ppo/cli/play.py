"""`marl-ppo play WORLD [name=value ...]`: a person plays, with and against bots."""

import math
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from marl_ppo.agents.person import Person
from marl_ppo.cli.arguments import Settings, drawable, parse_flags, split_words
from marl_ppo.cli.play_finish import Finisher
from marl_ppo.envs.controls import Controls, default_controls
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import CapabilityError, ConfigError, UnknownNameError
from marl_ppo.kernel_cache import is_warm
from marl_ppo.leagues.folders import as_player, find_league
from marl_ppo.leagues.persons import PersonalLeague, personal_league
from marl_ppo.play.branching import origin_of, play_on
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.replays.files import find_replay, read_replay
from marl_ppo.replays.replay import Replay
from marl_ppo.replays.simulation import world_of
from marl_ppo.training.players import find_player
from marl_ppo.training.stand_ins import stand_in

PERSON = "person"
"""what a person is called who gave no name"""


@dataclass(frozen=True)
class PlayFlags:
    """Play with your own hands: marl-ppo play WORLD [name=value ...] [flags].

    The window tells which keys do what. Every match that is played to its end is saved in replays/.
    """

    seat: str | None = None
    """the agent you play, or a team for its first agent; the world's first one if not given"""
    mates: Annotated[str | None, tyro.conf.arg(name="with")] = None
    """who plays your team-mates: a bot, a run, LEAGUE:NAME, scripted or random; a bot of the world if not given"""
    against: str | None = None
    """who plays the other teams; a bot of the world if not given, with --rated a member about as strong as you"""
    rated: str | None = None
    """your name: every match counts in a league's standings, and who leaves one has lost it"""
    league: str | None = None
    """the league that rates you; not needed where --against is LEAGUE:NAME"""
    rate: float | None = None
    """world steps per second; the world's own pace if not given"""
    seed: int | None = None
    """of the matches; new ones every time if not given"""
    replay: str | None = None
    """play on from a moment of this recorded match, instead of naming a WORLD"""
    at: int = 0
    """the moment"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Who plays what."""

    agent: str
    """the person's"""
    person: Person
    players: dict[str, Player]
    """agent → player"""
    opponent: str
    """whom a league rates the person against: who plays all other agents, or all of the other team"""

    def in_words(self, spec: WorldSpec) -> list[tuple[str, str]]:
        """Of each team who plays it, the person first."""
        teams = _teams(spec)
        found = []
        for number, team in enumerate(spec.teams):
            names = [player.name for agent, player in self.players.items() if teams[agent] == number and agent != self.agent]
            you = ["you"] if teams[self.agent] == number else []
            found.append((team, ", ".join(dict.fromkeys([*you, *names]))))
        return found


def main(arguments: list[str]) -> None:
    """Open the window."""
    words, settings, flags = split_words(arguments)
    command = parse_flags(PlayFlags, flags, "marl-ppo play WORLD")
    if command.at and command.replay is None:
        raise ConfigError(f"--at {command.at} is a moment of a recorded match: name it with --replay FILE")
    if command.rate is not None and not 0 < command.rate < math.inf:
        raise ConfigError(f"rate must be positive and finite, got {command.rate}")
    with ExitStack() as stack:
        league = _league_of(command, stack)
        replay = None if command.replay is None else _replay_of(command.replay, words, settings, command)
        world = _world_of(words, settings, league) if replay is None else world_of(replay)
        stack.callback(world.close)
        controls = _controls_of(world, agent := _agent_of(world.spec, command.seat))
        table = _seat(world.spec, agent, command, league)
        _open(world, controls, table, command, league, replay)


def _replay_of(name: str, words: list[str], settings: Settings, command: PlayFlags) -> Replay:
    if words or settings or command.rated is not None or command.seed is not None:
        raise ConfigError("a match that is played on keeps its world, settings and seed, and is not rated; leave these out")
    return read_replay(find_replay(name))


def _league_of(command: PlayFlags, stack: ExitStack) -> PersonalLeague | None:
    """The league to be rated in. Raises ConfigError where it runs, or where none is named or to be named."""
    told = (command.against or "").rpartition(":")[0]
    if command.rated is None:
        if command.league is not None:
            raise ConfigError("--league needs your name in it: --rated NAME")
        return None
    name = command.league or (told if told and told != "scripted" else None)
    if name is None:
        raise ConfigError("--rated needs a league: name it with --league, or an opponent of it with --against LEAGUE:NAME")
    return stack.enter_context(personal_league(find_league(name), command.rated))


def _world_of(words: list[str], settings: Settings, league: PersonalLeague | None) -> World:
    if len(words) > 1 or (not words and league is None):
        raise ConfigError(f"name one world, such as `marl-ppo play soccer`; got {words or 'none'}")
    if league is None:
        return drawable(words[0], settings)
    world, config = league.world
    wanted: dict[str, Any] = {**config, **settings}
    if (words and words[0] != world) or wanted != config:
        raise ConfigError(
            f"the league {league.folder.name} plays {world} {config}, and a rated match is played by the same rules; got "
            f"{' '.join(words)} {dict(settings)}"
        )
    return drawable(world, config)


def _agent_of(spec: WorldSpec, seat: str | None) -> str:
    if seat is None or seat in spec.agents:
        return seat or spec.agents[0]
    if seat in spec.teams:
        number = spec.teams.index(seat)
        return next(agent for agent, team in _teams(spec).items() if team == number)
    known = [*spec.agents, *spec.teams]
    raise UnknownNameError.near(f"seat of world {spec.id!r}", seat, known, otherwise=f"There are {', '.join(known)}.")


def _teams(spec: WorldSpec) -> dict[str, int]:
    """agent → number of its team."""
    return {agent: team for group in spec.groups for agent, team in zip(group.agents, group.team, strict=True)}


def _controls_of(world: World, agent: str) -> Controls:
    spec = world.spec
    if "scene" not in spec.capabilities:
        raise CapabilityError(f"world {spec.id!r} cannot be played by hand: it has no scene, so there is nothing to see")
    group = next(group for group in spec.groups if agent in group.agents)
    controls = world.controls(agent) or default_controls(group.action)
    if controls is None:
        raise CapabilityError(
            f"{agent} of world {spec.id!r} cannot be played by hand: the world does not tell what keys mean, and its actions, "
            f"{group.action}, are not a few numbered ones; a world tells it by `World.controls`"
        )
    return controls


def _seat(spec: WorldSpec, agent: str, command: PlayFlags, league: PersonalLeague | None) -> Table:
    """Raises ConfigError where somebody who was named cannot play what is left."""
    teams = _teams(spec)
    mates = [a for a in spec.agents if teams[a] == teams[agent] and a != agent]
    others = [a for a in spec.agents if teams[a] != teams[agent]]
    for flag, named, whom in (("--with", command.mates, mates), ("--against", command.against, others)):
        if named is not None and not whom:
            raise ConfigError(f"{flag} {named} has nobody to play: {agent} has no {'mates' if whom is mates else 'opponents'}")
    group = next(group for group in spec.groups if agent in group.agents)
    person = Person(group)
    players = {agent: Player(name=command.rated or PERSON, policies={agent: person})}
    opponent = ""

    def find(named: str | None, whom: list[str]) -> Player:
        return stand_in(spec, whom) if named is None else find_player(as_player(named), spec)

    if league is not None:
        # A member of the league plays all others; what it cannot play of the person's own team, a stand-in does.
        rated_by = command.against if others else command.mates
        teams_met = [spec.teams[t] for t in dict.fromkeys(teams[a] for a in (others or mates))]
        member = league.opponent(rated_by.rpartition(":")[2] if rated_by else None, teams_met, spec)
        opponent = member.name
        players |= dict.fromkeys(others or mates, member)
        if others and mates:
            able = command.mates is None and set(mates) <= member.policies.keys()
            players |= dict.fromkeys(mates, member if able else find(command.mates, mates))
    else:
        for named, whom in ((command.mates, mates), (command.against, others)):
            if whom:
                players |= dict.fromkeys(whom, find(named, whom))
    return Table(agent=agent, person=person, players={a: players[a] for a in spec.agents}, opponent=opponent)


def _open(
    world: World,
    controls: Controls,
    table: Table,
    command: PlayFlags,
    league: PersonalLeague | None,
    replay: Replay | None,
) -> None:
    # Loaded here, after all mistakes have been found: it opens no window, but takes time.
    from marl_ppo.viewer.human_play import HumanPlay
    from marl_ppo.viewer.person import PersonView
    from marl_ppo.viewer.play_window import play_in_window

    spec = world.spec
    seed = secrets.randbits(32) if command.seed is None else command.seed

    def seeds(copies: Array, episodes: Array) -> Array:
        return stream(seed, "match", copies, episodes)

    if not is_warm():
        print("Compiling kernels, once for this version: half a minute.")
    seating = seat_players(spec, 1, table.players)
    finisher = Finisher(world, table.agent, table.players, league, table.opponent)
    if replay is None:
        play = Play(world, seating.policies, seating.seats, seeds, greedy=seating.greedy, observers=finisher.observers)
    else:
        play = play_on(replay, world, table.players, command.at, finisher.observers)
        finisher.origin = origin_of(replay, command.at)
    begun = replay is not None
    game = HumanPlay(play, table.agent, table.person, controls, rate=command.rate, finish=finisher, begun=begun)
    title = spec.id if league is None else f"{spec.id}, rated"
    view = PersonView(title=title, teams=table.in_words(spec), body=table.agent)
    play_in_window(game, view, f"{spec.id}: you are {table.agent}")
