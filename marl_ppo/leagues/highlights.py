"""Games of a league that are worth a replay: promotions, upsets, and now and then one to see how things stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from marl_ppo.envs.world import World, WorldSpec
from marl_ppo.evaluation.replays import save_replay
from marl_ppo.leagues.ladder import Played
from marl_ppo.leagues.ratings import Ratings
from marl_ppo.play.seating import Player
from marl_ppo.replays.files import SUFFIX
from marl_ppo.replays.recorder import Recording, Recordings

REPLAYS = "replays"
"""the folder of a league that holds them"""
Kind = Literal["promotion", "upset", "turn"]


class Game(NamedTuple):
    """One of a fixture's games."""

    played: Played
    place: int
    gap: float = 0.0
    """between the beliefs about its players, of an upset"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """A recorded game, who played it, and why it is kept."""

    kind: Kind
    recording: Recording
    players: Mapping[str, Player]
    """by agent"""
    turn: int
    gap: float
    """see `Game`"""

    def save(self, spec: WorldSpec, folder: Path) -> Path:
        """Write it as turn-NUMBER-KIND."""
        name = f"turn-{self.turn:05d}-{self.kind}{SUFFIX}"
        return save_replay(self.recording, spec, self.players, folder / name, note=self.kind)


class Showing:
    """Which highlights of a league become files: every promotion, and once in some turns the greatest upset since, and a game.

    It is no part of the record: what a killed league has missed is not played again.
    """

    def __init__(self, folder: Path, *, every: int, most: int) -> None:
        """`every` so many turns; `most` files of a kind."""
        self._folder, self._every, self._most = folder / REPLAYS, every, most
        self._upset: Highlight | None = None

    def show(self, spec: WorldSpec, turn: int, highlights: Sequence[Highlight]) -> None:
        """Write what a turn, or those before it, have to show."""
        due = turn % self._every == 0
        for one in highlights:
            if one.kind == "upset":
                self._upset = one if self._upset is None or one.gap > self._upset.gap else self._upset
            elif one.kind == "promotion" or due:
                self._write(spec, one)
        if due and self._upset is not None:
            self._write(spec, self._upset)
            self._upset = None

    def _write(self, spec: WorldSpec, one: Highlight) -> None:
        one.save(spec, self._folder)
        for old in sorted(self._folder.glob(f"turn-*-{one.kind}{SUFFIX}"))[: -self._most]:
            old.unlink()


def find_upset(played: Sequence[Played], ratings: Ratings) -> Game | None:
    """Won by the player that was believed to be weaker, the beliefs' intervals lying apart; the widest apart of them."""
    found: Game | None = None
    for one in played:
        first, second = (ratings[name].interval for name in (one.fixture.first, one.fixture.second))
        for gap, result in ((second.low - first.high, 1.0), (first.low - second.high, 0.0)):
            won = np.flatnonzero(one.scores == result)
            if gap > (0.0 if found is None else found.gap) and len(won):
                found = Game(one, int(won[0]), gap)
    return found


def highlights_of(
    played: Sequence[Played],
    recordings: Recordings,
    players: Mapping[str, Player],
    world: World,
    *,
    turn: int,
    upset: Game | None,
    promotion: Played | None,
) -> list[Highlight]:
    """The upset, a game that the promoted player won, and the first game of all, as far as there are such."""
    games: list[tuple[Kind, Game]] = []
    if promotion is not None:
        games.append(("promotion", Game(promotion, int(promotion.scores.argmax()))))
    if upset is not None:
        games.append(("upset", upset))
    if first := next((one for one in played if len(one.scores)), None):
        games.append(("turn", Game(first, 0)))
    found = []
    for kind, (one, place, gap) in games:
        rounds, copy = divmod(int(one.numbers[place]), world.num_envs)
        (recording,) = recordings.of_copies([copy], [rounds])
        if recording is not None:
            cast = {agent: players[name] for agent, name in one.players(world.spec, place).items()}
            found.append(Highlight(kind=kind, recording=recording, players=cast, turn=turn, gap=gap))
    return found
