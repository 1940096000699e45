"""Which recorded episodes become replays, and how: they are chosen by what came of them, sealed, and written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.errors import UnknownNameError
from marl_ppo.play.seating import Player
from marl_ppo.play.thinking import think
from marl_ppo.replays.files import SUFFIX, write_replay
from marl_ppo.replays.recorder import Recording
from marl_ppo.replays.replay import Origin
from marl_ppo.replays.sealing import seal

KINDS = ("upsets", "longest", "shortest", "median", "best", "worst", "first")
"""upsets: the favourite lost, by most; longest, shortest: in steps; median, best, worst: by the return of whom is measured;
first: on the first seed"""
LONGEST_NAME = 180
"""bytes of a file's name, of which most systems take 255: the rest is for numbers and endings"""


def kinds_from(text: str) -> list[str]:
    """Kinds as they are written on a command line, with commas. Raises UnknownNameError with the nearest one."""
    kinds = [word.strip() for word in text.split(",") if word.strip()]
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownNameError.near("kind of replay", kind, KINDS, otherwise=f"There are {', '.join(KINDS)}.")
    return kinds


def choose(kind: str, count: int, *, lengths: Array, returns: Array, margins: Array | None) -> list[int]:
    """Up to `count` of E episodes, the most fitting first.

    lengths  int64 [E]
    returns  float64 [E], of whom is measured
    margins  float64 [E], by how much it beat the others; None where nobody is beaten
    """
    if kind == "upsets":
        if margins is None:
            return []
        favourite = np.sign((margins > 0).mean() - (margins < 0).mean())
        lost = margins * favourite
        order = np.argsort(lost, kind="stable")
        return [int(e) for e in order if lost[e] < 0][:count]
    keys = {
        "longest": -lengths,
        "shortest": lengths,
        "median": np.abs(returns - np.median(returns)),
        "best": -returns,
        "worst": returns,
        "first": np.arange(len(lengths)),
    }
    return [int(e) for e in np.argsort(keys[kind], kind="stable")[:count]]


def save_replay(
    recording: Recording,
    spec: WorldSpec,
    players: Mapping[str, Player],
    path: Path,
    *,
    note: str = "",
    origin: Origin | None = None,
) -> Path:
    """Seal a recording, with what its players thought, and write it. `players` tells who played each agent."""
    replay = seal(
        recording,
        spec,
        {agent: player.name for agent, player in players.items()},
        hashes={player.name: player.hash for player in players.values() if player.hash},
        thoughts=think(recording, spec, players),
        note=note,
        origin=origin,
    )
    return write_replay(replay, path)


def new_file(folder: Path, world: str, sides: Sequence[str], note: str) -> Path:
    """A name that nothing has yet: soccer-A-vs-B-longest.replay, or the same with a number."""
    words = "-".join([world, "-vs-".join(dict.fromkeys(sides)), note])
    plain = "".join(letter if letter.isalnum() or letter in "-_.#" else "-" for letter in words).lstrip(".")
    plain = plain.encode()[:LONGEST_NAME].decode(errors="ignore")
    numbers = range(1, 1_000_000)
    names = (f"{plain}{SUFFIX}" if n == 1 else f"{plain}-{n}{SUFFIX}" for n in numbers)
    return next(folder / name for name in names if not (folder / name).exists())
