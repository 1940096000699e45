"""`marl-ppo league run | standings | payoff | exploitability | page | add`: populations trained by self-play."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from marl_ppo.agents.actor_critic import CriticKind
from marl_ppo.cli.arguments import parse_flags, require_file, split_words
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.leagues.folders import find_league, find_recipe, new_league_folder
from marl_ppo.training.config import PolicyKind

_USAGE = """usage: marl-ppo league run RECIPE [--name NAME] [--minutes M] [--seed S] [key=value ...]
       marl-ppo league run --resume LEAGUE [--minutes M]
       marl-ppo league standings [LEAGUE] [--levels 3] [--save-as NAME]
       marl-ppo league payoff [LEAGUE] [PLAYER] [--png FILE]
       marl-ppo league exploitability [LEAGUE] [PLAYER] [--steps N]
       marl-ppo league page [LEAGUE] [--out DIR]
       marl-ppo league add LEAGUE BOT [--name NAME]

RECIPE is a file, or the name of one in leagues/: {recipes}.
LEAGUE is a league's name or folder; the one that was played last if not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags:
    """Train a league."""

    name: str | None = None
    """of the folder in runs/"""
    minutes: float | None = None
    """stop after the turn in which this much wall time is used up"""
    seed: int | None = None
    """everything random follows from it"""
    resume: Path | None = None
    """go on with this league"""
    matchmaker: str | None = None
    """of all learners, instead of those that the recipe names"""
    policy: PolicyKind | None = None
    """of all learners: flat, or hierarchical"""
    critic: CriticKind | None = None
    """what the critics of all learners see, such as own, or joint"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingsFlags:
    """Tell where a league stands."""

    levels: int | None = None
    """name so many bots, from easy to hard, by their mean win rates"""
    save_as: str | None = None
    """save these as agents/NAME-easy, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffFlags:
    """Show who scores how much against whom."""

    png: Path | None = None
    """where to draw it; the league's payoff.png if not given"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploitabilityFlags:
    """Tell how far a player can be exploited: exactly where the game has a tree, else by training a best response."""

    steps: int = 2_000_000
    """world steps that the best response trains"""
    games: int = 1000
    """that it is measured in"""
    seed: int = 0
    """of the best response"""
    mixture: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """exploit the Nash average of all members instead of one"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFlags:
    """Write a league as a site that needs no server: standings, pay-offs, ratings, events, and its replays."""

    out: Path | None = None
    """folder to write; the league's own page/ if not given"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFlags:
    """Enter a bot into a league."""

    name: str | None = None
    """in the league; the bot's if not given"""


def main(arguments: list[str]) -> None:
    """Run a league, or tell of one."""
    if not arguments or arguments[0] in ("-h", "--help"):
        from marl_ppo.leagues.folders import known_recipes

        print(_USAGE.format(recipes=", ".join(known_recipes())))
        return
    verb, *rest = arguments
    verbs = {
        "run": _run,
        "standings": _standings,
        "payoff": _payoff,
        "exploitability": _exploitability,
        "page": _page,
        "add": _add,
    }
    if verb not in verbs:
        raise UnknownNameError.near("league command", verb, list(verbs), otherwise=f"There are {', '.join(verbs)}.")
    verbs[verb](rest)


def _run(arguments: list[str]) -> None:
    words, settings, rest = split_words(arguments)
    flags = parse_flags(RunFlags, rest, "marl-ppo league run RECIPE")
    if (flags.resume is None) == (not words) or len(words) > 1:
        raise ConfigError("name one recipe, such as `marl-ppo league run soccer`, or a league to --resume")
    from marl_ppo.cli.league_run import begin, go_on

    if flags.resume is not None:
        if settings or flags.seed is not None or flags.matchmaker or flags.name or flags.policy or flags.critic:
            raise ConfigError("a league that goes on keeps its recipe: only --minutes may be given beside --resume")
        go_on(find_league(str(flags.resume)), minutes=flags.minutes)
        return
    told = {"policy": flags.policy, "critic_input": flags.critic}
    train = {name: value for name, value in told.items() if value is not None}
    recipe = find_recipe(words[0], settings=settings, seed=flags.seed, matchmaker=flags.matchmaker, train=train)
    begin(recipe, new_league_folder(words[0], flags.name), minutes=flags.minutes)


def _standings(arguments: list[str]) -> None:
    words, _, rest = split_words(arguments)
    flags = parse_flags(StandingsFlags, rest, "marl-ppo league standings [LEAGUE]")
    from marl_ppo.cli.league_tables import show_levels, show_standings
    from marl_ppo.leagues.standings import read_standings
    from marl_ppo.leagues.store import Store

    folder = find_league(_one(words))
    with Store.open(folder) as store:
        standings = read_standings(store)
    console = Console()
    show_standings(standings, console)
    if flags.levels is not None:
        show_levels(standings, folder, flags.levels, flags.save_as, console)
    elif flags.save_as is not None:
        raise ConfigError("--save-as needs --levels, the number of bots to save")


def _payoff(arguments: list[str]) -> None:
    words, _, rest = split_words(arguments)
    flags = parse_flags(PayoffFlags, rest, "marl-ppo league payoff [LEAGUE] [PLAYER]")
    require_file(flags.png)
    if len(words) > 2:
        raise ConfigError(f"name a league and one of its players, got {words}")
    from marl_ppo.cli.league_tables import draw_league, show_payoff, show_payoff_of
    from marl_ppo.leagues.standings import read_standings
    from marl_ppo.leagues.store import Store

    folder = find_league(words[0] if words else None)
    with Store.open(folder) as store:
        standings = read_standings(store)
        if len(words) > 1:
            show_payoff_of(standings, words[1], Console())
            return
        show_payoff(standings, Console())
        for file in draw_league(store, standings, folder, payoff=flags.png):
            print(f"Wrote {file}.")


def _exploitability(arguments: list[str]) -> None:
    words, _, rest = split_words(arguments)
    flags = parse_flags(ExploitabilityFlags, rest, "marl-ppo league exploitability [LEAGUE] [PLAYER]")
    from marl_ppo.cli.exploitability import show

    show(find_league(words[0] if words else None), words[1:], flags)


def _page(arguments: list[str]) -> None:
    words, _, rest = split_words(arguments)
    flags = parse_flags(PageFlags, rest, "marl-ppo league page [LEAGUE]")
    league = find_league(_one(words))
    if flags.out is not None and flags.out.exists() and not flags.out.is_dir():
        raise ConfigError(f"--out names a folder, and {flags.out} is a file")
    from marl_ppo.viewer.web.league import write_league

    console = Console(soft_wrap=True)
    with console.status("reading") as status:
        index = write_league(league, flags.out, progress=lambda file: status.update(f"playing {file.name}"))
    console.print(f"Wrote {index}; open it in any browser.", highlight=False, markup=False)


def _add(arguments: list[str]) -> None:
    words, _, rest = split_words(arguments)
    flags = parse_flags(AddFlags, rest, "marl-ppo league add LEAGUE BOT")
    if len(words) != 2:
        raise ConfigError("name a league and a bot: marl-ppo league add LEAGUE BOT")
    from marl_ppo.leagues.guests import add_guest

    name = add_guest(find_league(words[0]), words[1], flags.name)
    print(
        f"{name} is in the league; its first games are on the ladder of the next turn: marl-ppo league run --resume {words[0]}"
    )


def _one(words: list[str]) -> str | None:
    if len(words) > 1:
        raise ConfigError(f"name one league, got {words}")
    return words[0] if words else None
