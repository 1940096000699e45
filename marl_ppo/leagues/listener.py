"""What a league tells while it runs: progress bars, logs and measurements listen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marl_ppo.leagues.store import EventRow
from marl_ppo.training.trainer import Progress

if TYPE_CHECKING:
    from marl_ppo.leagues.league import League


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a turn brought."""

    turn: int
    steps: int
    """of all learners so far"""
    progress: Mapping[str, Progress]
    """by learner"""
    events: tuple[EventRow, ...]
    members: int
    games: int
    """on the ladder, in this turn"""
    seconds: float


class LeagueListener:
    """Hears what happens in a league; the methods do nothing unless overridden."""

    def on_start(self, league: "League") -> None:
        """The first turn of a session is about to begin."""

    def on_update(self, learner: str, progress: Progress) -> None:
        """A learner did an update; called from the thread it trains in."""

    def on_ladder(self, done: int, total: int) -> None:
        """Games of this turn's ladder."""

    def on_turn(self, report: Report) -> None:
        """A turn is done and saved."""

    def on_stop(self) -> None:
        """The session is over, in whatever way."""
