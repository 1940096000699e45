"""What the verbs share: words before the flags, and world settings written as name=value."""

import tomllib
from typing import Any

from marl_ppo.envs.registry import world_settings
from marl_ppo.errors import ConfigError

Settings = dict[str, str | int | float | bool]


def split_words(arguments: list[str]) -> tuple[list[str], Settings, list[str]]:
    """(words, world settings, flags): words and settings come before the first flag."""
    first_flag = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    before, flags = arguments[:first_flag], arguments[first_flag:]
    words = [word for word in before if "=" not in word]
    settings = dict(parse_setting(word) for word in before if "=" in word)
    return words, settings, flags


def parse_setting(word: str) -> tuple[str, Any]:
    """`agents=5` to ("agents", 5): numbers and true/false as such, everything else as text."""
    name, _, text = word.partition("=")
    if not name:
        raise ConfigError(f"{word!r} is not a world setting; write name=value, such as agents=5")
    try:
        return name, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return name, text


def check_settings(world: str, settings: Settings) -> None:
    """Raise ConfigError with what the world takes, unless it takes these settings."""
    taken = world_settings(world)
    if any(str(parameter.kind) == "VAR_KEYWORD" for parameter in taken.values()):
        return
    for name in settings:
        if name not in taken and not world.startswith("pettingzoo:"):
            raise ConfigError(f"world {world!r} has no setting {name!r}; it has {', '.join(taken) or 'none'}")
