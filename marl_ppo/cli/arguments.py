"""What the verbs share: words before the flags, world settings written as name=value, and which world a player plays."""

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import tyro

from marl_ppo.envs.registry import PETTINGZOO_PREFIX, RESERVED, make_world
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.training.players import UNTRAINED, find_trained, newest_run, trained_config

COPIES, ENV_COPIES = 1000, 50
"""stepped together in an evaluation: of a world, and of an installed env, each of which costs memory and open files"""
Settings = dict[str, str | int | float | bool]


def split_words(arguments: list[str]) -> tuple[list[str], Settings, list[str]]:
    """(words, world settings, flags): words come before the first flag; a setting may also stand behind a flag's value."""
    first_flag = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    words = [word for word in arguments[:first_flag] if "=" not in word]
    settings: Settings = {}
    flags: list[str] = []
    for place, word in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        is_value = before.startswith("--") and "=" not in before
        if not word.startswith("-") and "=" in word and not is_value:
            settings |= [parse_setting(word)]
        elif place >= first_flag:
            flags.append(word)
    return words, settings, flags


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
    """The world a player is to play, in as many copies as suit it, and the player's name: the newest run if there is none.

    The settings a player was trained with hold for its own world only, and `settings` go over them.
    """
    if player is None:
        player = str(newest_run())
    if player in UNTRAINED:
        if world is None:
            raise ConfigError(f"say which world {player!r} plays, with --world")
    else:
        config = trained_config(find_trained(player))
        if world is None or world == config.world:
            world, settings = config.world, {**config.world_config, **settings}
    return make_copies(world, settings, episodes, num_envs), player


def make_copies(world: str, settings: Settings, episodes: int, num_envs: int | None = None) -> World:
    """As many copies of a world as suit it, and no more than there are episodes to play."""
    given: dict[str, Any] = dict(settings)
    copies = num_envs or (ENV_COPIES if world.startswith(PETTINGZOO_PREFIX) else COPIES)
    return make_world(world, num_envs=min(copies, episodes), **given)


def require_positive(**numbers: int | None) -> None:
    """Raise ConfigError for a number, where it is given, below 1."""
    for flag, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{flag} must be at least 1, got {number}")


def require_file(path: Path | None) -> None:
    """Raise ConfigError where a file is to be written, but `path` is a folder."""
    if path is not None and path.is_dir():
        raise ConfigError(f"{path} is a folder; name the file to write")
