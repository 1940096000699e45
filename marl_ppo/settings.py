"""Whether a setting's value is of the kind that its annotation asks for: of a world's settings, and of those in TOML files."""

import types
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin

from marl_ppo.errors import ConfigError

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def require_within(low: float, high: float, **settings: float) -> None:
    """Raise ConfigError for one that is not from `low` to `high`.

    Worlds bound all that memory or time grow with: a replay of somebody else's says with which settings to make one.
    """
    for name, value in settings.items():
        if not low <= value <= high:
            raise ConfigError(f"{name} must be from {low} to {high}, got {value}")


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is what the annotation `kind` asks for; kinds that no setting can be written as fit everything."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin is Literal:
        return any(type(value) is type(word) and value == word for word in parts)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, Mapping) and all(fits(item, parts[1]) for item in value.values())
    if kind in (int, float):
        # True is a number to Python and a mistake to us; a whole number will do where any number does.
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    return isinstance(value, kind) if isinstance(kind, type) else True


def in_words(kind: Any) -> str:
    """The annotation as an error names it: "a whole number", "'gru' or 'none'", "a list, each item text"."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(part) for part in parts if part is not types.NoneType)
    if origin is tuple:
        return f"a list, each item {in_words(parts[0])}"
    return _WORDS.get(kind, "a table of settings")
