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


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """A recorded game, who played it, and why it is kept."""

    kind: Kind
    recording: Recording
    players: Mapping[str, Player]
    """by agent"""

    def save(self, spec: WorldSpec, folder: Path, turn: int) -> Path:
        """Write it as turn-NUMBER-KIND."""
        return save_replay(self.recording, spec, self.players, folder / f"turn-{turn:05d}-{self.kind}{SUFFIX}", note=self.kind)


def find_upset(played: Sequence[Played], ratings: Ratings) -> Game | None:
    """Won by the player that was believed to be weaker, the beliefs' intervals lying apart; the widest apart of them."""
    widest, found = 0.0, None
    for one in played:
        first, second = (ratings[name].interval for name in (one.fixture.first, one.fixture.second))
        for gap, result in ((second.low - first.high, 1.0), (first.low - second.high, 0.0)):
            won = np.flatnonzero(one.scores == result)
            if gap > widest and len(won):
                widest, found = gap, Game(one, int(won[0]))
    return found


def highlights_of(
    played: Sequence[Played],
    recordings: Recordings,
    players: Mapping[str, Player],
    world: World,
    *,
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
    for kind, (one, place) in games:
        rounds, copy = divmod(int(one.numbers[place]), world.num_envs)
        (recording,) = recordings.of_copies([copy], [rounds])
        if recording is not None:
            cast = {agent: players[name] for agent, name in one.players(world.spec, place).items()}
            found.append(Highlight(kind=kind, recording=recording, players=cast))
    return found


def keep_newest(folder: Path, kind: Kind, count: int) -> None:
    """Remove all but the newest replays of a kind."""
    for old in sorted(folder.glob(f"turn-*-{kind}{SUFFIX}"))[:-count]:
        old.unlink()
