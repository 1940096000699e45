"""The players of a league on disk and in memory: frozen ones are loaded when needed, and no more of them kept than that."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError, FileFormatError, UnknownNameError
from marl_ppo.leagues.store import PlayerRow
from marl_ppo.play.seating import Player
from marl_ppo.training.cards import content_hash
from marl_ppo.training.checkpoint import Checkpoint
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.players import PLAYERS, find_player, freeze_player, load_player

KEPT = 64
"""loaded players, besides those who are asked for at the same time"""


class Members:
    """Everybody in a league who does not learn."""

    def __init__(self, folder: Path, spec: WorldSpec) -> None:
        self._folder, self._spec = folder, spec
        self._loaded: OrderedDict[str, Player] = OrderedDict()
        self._rows: dict[str, PlayerRow] = {}

    def know(self, rows: Iterable[PlayerRow]) -> None:
        """Tell of players that are on disk, or have a name that says what they are."""
        self._rows |= {row.name: row for row in rows}

    def load(self, names: Iterable[str]) -> dict[str, Player]:
        """The players by name. Raises FileFormatError where the weights are not those that were kept."""
        wanted = list(dict.fromkeys(names))
        found = {}
        for name in wanted:
            if name not in self._loaded:
                self._loaded[name] = self._read(self._rows[name])
            self._loaded.move_to_end(name)
            found[name] = self._loaded[name]
        while len(self._loaded) > max(KEPT, len(wanted)):
            self._loaded.popitem(last=False)
        return found

    def freeze(self, name: str, checkpoint: Checkpoint, config: TrainConfig) -> str:
        """Keep what a learner is now, whole or not at all; returns the hash of its weights."""
        return content_hash(freeze_player(checkpoint, config, self._folder / PLAYERS / name))

    def remove_strangers(self, known: Iterable[str]) -> None:
        """Delete the folders of players that no finished turn knows of."""
        import shutil

        names = set(known)
        for folder in (self._folder / PLAYERS).glob("*"):
            if folder.name not in names:
                shutil.rmtree(folder)

    def _read(self, row: PlayerRow) -> Player:
        if row.kind == "anchor":
            return anchor(row.name, self._spec)
        folder = self._folder / PLAYERS / row.name
        if content_hash(folder) != row.hash:
            raise FileFormatError(f"the weights in {folder} are not those that the league kept: their hash differs")
        return replace(load_player(folder, self._spec, greedy=False), name=row.name)


def anchor(name: str, spec: WorldSpec) -> Player:
    """A player that is made, not trained: `random` or a script. What it decides is sampled from its own chances."""
    return find_player(name, spec, greedy=False)


def anchors_of(names: Iterable[str], spec: WorldSpec) -> list[str]:
    """Those of the names that this world has: it may have no script, or none for so many agents, or no random play.

    Raises UnknownNameError for one that was asked for by its own name.
    """
    found = []
    for name in names:
        try:
            anchor(name, spec)
        except (UnknownNameError, ConfigError):
            if name not in ("random", "scripted"):
                raise
            continue
        found.append(name)
    return found
