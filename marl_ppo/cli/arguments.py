"""What the verbs share: words before the flags, world settings written as name=value, and which world a player plays."""

import tomllib
from typing import Any

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.world import World
from marl_ppo.errors import ConfigError
from marl_ppo.training.players import UNTRAINED, find_trained, newest_run, trained_config

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
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return name, text
    return name, value if isinstance(value, str | int | float | bool) else text


def one_word(words: list[str]) -> str | None:
    """The player that is named, or None. Raises ConfigError for more than one."""
    if len(words) > 1:
        raise ConfigError(f"name one player, got {words}")
    return words[0] if words else None


def world_of(player: str | None, world: str | None, settings: Settings, num_envs: int) -> tuple[World, str]:
    """The world a player is to play, and the player's name: the newest run if there is none.

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
    given: dict[str, Any] = dict(settings)
    return make_world(world, num_envs=num_envs, **given), player
