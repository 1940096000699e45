"""Settings as TOML. Precedence: defaults, then the world's preset, then the user's file, then flags."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import tomli_w

from marl_ppo.envs.registry import presets_folder
from marl_ppo.errors import ConfigError
from marl_ppo.settings import fits, in_words
from marl_ppo.training.config import TrainConfig

Config = TypeVar("Config")
FORMAT_VERSION = 1


def preset(world: str) -> TrainConfig:
    """The shipped settings for a world: presets/WORLD.toml beside its module, laid over presets/default.toml.

    The colon in the id of an installed env becomes a hyphen. Where there is no file, the defaults hold.
    """
    settings: dict[str, Any] = {}
    for name in ("default", world.replace(":", "-")):
        file = presets_folder(world) / f"{name}.toml"
        if file.is_file():
            settings = laid_over(settings, read_toml(file))
    return from_settings(TrainConfig, {"world": world, **settings}, source=f"the preset of {world!r}")


def read_toml(file: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises ConfigError with the line that is wrong."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error


def load_config(file: Path, *, over: TrainConfig | None = None) -> TrainConfig:
    """The settings of a TOML file, laid over `over` where given. Raises ConfigError with the line or the nearest name."""
    settings = read_toml(file)
    written = settings.pop("format", FORMAT_VERSION)
    if written != FORMAT_VERSION:
        raise ConfigError(f"{file} has format {written!r}; this version of marl_ppo reads {FORMAT_VERSION}")
    # What a file leaves out that was written by `save_config` is off, whatever a preset says.
    whole = settings.pop("whole", False)
    base = {} if over is None or whole else _without_none(asdict(over))
    return from_settings(TrainConfig, laid_over(base, settings), source=str(file))


def save_config(config: TrainConfig, file: Path) -> None:
    """Write every setting, so that the file is enough to repeat the run; what is off (None) is left out."""
    file.write_text(config_text(config), encoding="utf-8")


def config_text(config: TrainConfig) -> str:
    """What `save_config` writes."""
    return tomli_w.dumps({"format": FORMAT_VERSION, "whole": True, **_without_none(asdict(config))})


def from_settings(kind: type[Config], settings: Mapping[str, Any], *, source: str) -> Config:
    """A config dataclass from nested mappings. Raises ConfigError on unknown names and wrong values, naming `source`."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise ConfigError(f"{source} has the unknown setting {name!r}; {hint}")
        if is_dataclass(hints[name]) and isinstance(value, Mapping):
            value = from_settings(hints[name], value, source=source)
        if not fits(value, hints[name]):
            raise ConfigError(f"{source}: {name} must be {in_words(hints[name])}, got {value!r}")
        values[name] = tuple(value) if isinstance(value, list) else value
    required = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}  # type: ignore[arg-type]
    if missing := required - values.keys():
        raise ConfigError(f"{source} lacks the setting {', '.join(sorted(missing))}")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def laid_over(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `settings` in place of what they name, table by table."""
    merged = dict(base)
    for name, value in settings.items():
        below = merged.get(name)
        merged[name] = laid_over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _without_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in settings.items() if value is not None}
    return {name: _without_none(value) if isinstance(value, Mapping) else value for name, value in kept.items()}
