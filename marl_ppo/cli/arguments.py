"""What the verbs share: words before the flags, world settings written as name=value, and which world a player plays."""

import contextlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tyro

from marl_ppo.envs.registry import ADAPTING, RESERVED, is_installed, make_world
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.leagues.folders import as_player, newest_player
from marl_ppo.training.lineups import copies_for
from marl_ppo.training.players import played_world

Settings = dict[str, str | int | float | bool]


def split_words(arguments: list[str]) -> tuple[list[str], Settings, list[str]]:
    """(words, world settings, flags): words come before the first flag; a setting may also stand behind a flag's value.

    How an installed env is to be read, as in `--wrap resize,grayscale`, are settings of the world that look like flags.
    """
    arguments, adapting = _without_adapting(arguments)
    first_flag = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    words = [word for word in arguments[:first_flag] if "=" not in word]
    settings: Settings = dict(adapting)
    flags: list[str] = []
    for place, word in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        is_value = before.startswith("--") and "=" not in before
        if not word.startswith("-") and "=" in word and not is_value:
            settings |= [parse_setting(word)]
        elif place >= first_flag:
            flags.append(word)
    return words, settings, flags


def _without_adapting(arguments: list[str]) -> tuple[list[str], Settings]:
    left: list[str] = []
    found: Settings = {}
    words = iter(arguments)
    for word in words:
        flag, _, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name not in ADAPTING:
            left.append(word)
            continue
        found[name] = value if "=" in word else next(words, "")
        if not found[name] or str(found[name]).startswith("--"):
            raise ConfigError(f"{flag} needs a value; `marl-ppo worlds pettingzoo:...` tells what it takes")
    return left, found


def parse_setting(word: str) -> tuple[str, Any]:
    """`agents=5` to ("agents", 5): numbers and true/false as such, everything else as text."""
    name, _, text = word.partition("=")
    if not name:
        raise ConfigError(f"{word!r} is not a world setting; write name=value, such as agents=5")
    if name in RESERVED:
        raise ConfigError(
            f"{name} is no setting of a world; write --{name.replace('_', '-')} {text}, or the world's name alone"
        )
    if text in ("True", "False"):
        return name, text == "True"
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        with contextlib.suppress(ValueError):
            return name, float(text)
        return name, text
    return name, value if isinstance(value, str | int | float | bool) else text


def parse_flags(kind: Any, flags: list[str], prog: str, *, default: Any = None) -> Any:
    """The dataclass `kind` from flags. Raises ConfigError for words among them; for wrong flags tyro says what is wrong."""
    given = {} if default is None else {"default": default}
    known, left = tyro.cli(kind, args=flags, prog=prog, return_unknown_args=True, **given)
    if left and not any(word.startswith("-") for word in left):
        raise ConfigError(
            f"{' '.join(left)!r} stands behind the flags; names and world settings come before them: {prog} [flags]"
        )
    return tyro.cli(kind, args=flags, prog=prog, **given) if left else known


def one_word(words: list[str]) -> str | None:
    """The player that is named, or None. Raises ConfigError for more than one."""
    if len(words) > 1:
        raise ConfigError(f"name one player, got {words}")
    return words[0] if words else None


def world_of(
    player: str | None, world: str | None, settings: Settings, episodes: int, num_envs: int | None = None
) -> tuple[World, str]:
    """The world a player is to play, in as many copies as suit it, and the player's name: the newest one if none is given."""
    player = newest_player() if player is None else as_player(player)
    world_id, given = played_world(player, world, settings)
    return make_copies(world_id, given, episodes, num_envs), player


def make_copies(world: str, settings: Mapping[str, Any], episodes: int, num_envs: int | None = None) -> World:
    """As many copies of a world as suit it, and no more than there are episodes to play."""
    copies = copies_for(world, episodes) if num_envs is None else min(num_envs, episodes)
    return make_world(world, num_envs=copies, **settings)


def drawable(world_id: str, config: Mapping[str, Any]) -> World:
    """One copy of a world, which draws itself if it can: an installed env has to be asked for pictures when it is made."""
    if is_installed(world_id) and "render_mode" not in config:
        with contextlib.suppress(ConfigError):  # of an env that takes no such argument
            return make_world(world_id, num_envs=1, **{**config, "render_mode": "rgb_array"})
    return make_world(world_id, num_envs=1, **config)


def require_positive(**numbers: int | None) -> None:
    """Raise ConfigError for a number, where it is given, below 1."""
    for flag, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{flag} must be at least 1, got {number}")


def require_file(path: Path | None) -> None:
    """Raise ConfigError where a file is to be written, but `path` is a folder."""
    if path is not None and path.is_dir():
        raise ConfigError(f"{path} is a folder; name the file to write")
