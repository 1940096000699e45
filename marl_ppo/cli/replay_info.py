"""`marl-ppo replay info FILE...`: what is in a replay, without playing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from marl_ppo.cli.arguments import parse_flags, split_words
from marl_ppo.errors import ConfigError
from marl_ppo.replays.files import find_replay, read_replay
from marl_ppo.replays.replay import Replay


@dataclass(frozen=True)
class InfoFlags:
    """Tell what is in replays: marl-ppo replay info FILE..."""


def main(arguments: list[str]) -> None:
    """A table for each file."""
    words, _, flags = split_words(arguments)
    parse_flags(InfoFlags, flags, "marl-ppo replay info FILE...")
    if not words:
        raise ConfigError("name the files: marl-ppo replay info FILE...")
    for word in words:
        path = find_replay(word)
        Console(soft_wrap=True).print(_table(path, read_replay(path)))


def _table(path: Path, replay: Replay) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, title=Text(str(path)), title_justify="left")
    config = " ".join(f"{name}={value}" for name, value in replay.config.items())
    rows = {
        "world": f"{replay.world}, version {replay.version} {config}",
        "players": "; ".join(f"{name}: {', '.join(_seats(replay, name))}" for name in replay.sides),
        "steps": f"{replay.steps:,}" + ("" if replay.complete else ", not to the end"),
        "outcome": _numbers(dict(zip(replay.teams, replay.outcome, strict=False))),
        "returns": _numbers(dict(zip(replay.players, replay.returns, strict=False))),
        "metrics": _numbers(replay.metrics),
        "events": ", ".join(f"{event.step} {event.text}" for event in replay.events),
        "params": _numbers(replay.params),
        "seed": str(replay.seed),
        "kept as": replay.note,
        "branch of": "" if replay.origin is None else f"{replay.origin.id}, from step {replay.origin.step}",
        "id": replay.id,
        "recorded": " ".join([replay.recorded, *(f"{name} {version}" for name, version in replay.versions.items())]),
        "weights": ", ".join(f"{name} {digest[:12]}" for name, digest in replay.hashes.items()),
    }
    for name, text in rows.items():
        if text:
            table.add_row(name, Text(text))
    return table


def _seats(replay: Replay, player: str) -> list[str]:
    return [agent for agent, name in replay.players.items() if name == player]


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
