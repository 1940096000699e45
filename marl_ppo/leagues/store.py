"""The single record of a league: one SQLite file, written in one transaction per turn by the coordinator alone.

Readers may look at any time (write-ahead logging): `standings` works while a league runs. What no committed row names,
such as a player's folder or a checkpoint, is garbage of a turn that was never finished. Wall-clock times have a table of
their own; all others are equal, row by row, for equal recipes, however often a league was killed.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError
from marl_ppo.leagues.counts import Count
from marl_ppo.leagues.ratings import Rating
from marl_ppo.training.players import LEAGUE_FILE

FORMAT_VERSION = 1
Kind = Literal["learner", "frozen", "anchor", "guest", "person"]
Source = Literal["training", "ladder", "person"]

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE players (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, learner TEXT NOT NULL, role TEXT NOT NULL,
    teams TEXT NOT NULL, turn INTEGER NOT NULL, steps INTEGER NOT NULL, trigger TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE TABLE matches (
    turn INTEGER NOT NULL, source TEXT NOT NULL, number INTEGER NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL,
    side TEXT NOT NULL, games INTEGER NOT NULL, wins INTEGER NOT NULL, draws INTEGER NOT NULL,
    total REAL NOT NULL, squares REAL NOT NULL,
    PRIMARY KEY (turn, source, number)
) WITHOUT ROWID;
CREATE TABLE ratings (
    turn INTEGER NOT NULL, player TEXT NOT NULL, mu REAL NOT NULL, sigma REAL NOT NULL, elo REAL NOT NULL,
    games INTEGER NOT NULL, PRIMARY KEY (turn, player)
) WITHOUT ROWID;
CREATE TABLE counts (
    learner TEXT NOT NULL, player TEXT NOT NULL, total REAL NOT NULL, weight REAL NOT NULL, games INTEGER NOT NULL,
    PRIMARY KEY (learner, player)
) WITHOUT ROWID;
CREATE TABLE events (turn INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, player TEXT NOT NULL,
    text TEXT NOT NULL, PRIMARY KEY (turn, number)) WITHOUT ROWID;
CREATE TABLE turns (turn INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE clock (turn INTEGER PRIMARY KEY, seconds REAL NOT NULL, ended TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerRow:
    """A member of the league."""

    name: str
    kind: Kind
    teams: tuple[str, ...]
    learner: str = ""
    """whose weights it had when it was kept; empty for one that never learned here"""
    role: str = ""
    """the matchmaker of that learner"""
    turn: int = 0
    """in which it joined"""
    steps: int = 0
    """of its learner until then"""
    trigger: str = ""
    """why it was kept: start, skill, timeout"""
    hash: str = ""
    """sha256 of its weights; empty for a learner, whose weights change"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRow:
    """Games of one pairing on one side in one turn, added up."""

    source: Source
    first: str
    second: str
    side: str
    """what the first one played: a team, or the agents it took"""
    games: int
    wins: int
    draws: int
    total: float
    """sum of the first one's scores; in a world with one team, of the team's returns"""
    squares: float
    """sum of their squares"""

    @classmethod
    def of(cls, source: Source, first: str, second: str, side: str, scores: Array) -> "MatchRow":
        """Of the scores [G] of the first one."""
        wins, draws = int((scores == 1).sum()), int((scores == 0.5).sum())
        total, squares = float(scores.sum()), float(scores @ scores)
        return cls(
            source=source,
            first=first,
            second=second,
            side=side,
            games=len(scores),
            wins=wins,
            draws=draws,
            total=total,
            squares=squares,
        )

    def __add__(self, other: "MatchRow") -> "MatchRow":
        """More games of the same pairing on the same side."""
        summed = {name: getattr(self, name) + getattr(other, name) for name in ("games", "wins", "draws", "total", "squares")}
        return replace(self, **summed)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRow:
    """A player's rating at the end of a turn."""

    player: str
    mu: float
    sigma: float
    elo: float
    games: int

    @classmethod
    def of(cls, player: str, rating: Rating) -> "RatingRow":
        """As it is now."""
        return cls(player=player, mu=rating.mu, sigma=rating.sigma, elo=rating.elo, games=rating.games)

    def as_rating(self) -> dict[str, float]:
        """As `Ratings.load` takes it."""
        return {"mu": self.mu, "sigma": self.sigma, "elo": self.elo, "games": self.games}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """What a learner scored lately against a player."""

    learner: str
    player: str
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something worth telling: joined, reset, promoted, added."""

    kind: str
    player: str
    text: str


class Store:
    """An open league file."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection, self.file = connection, file

    @classmethod
    def create(cls, folder: Path, facts: Mapping[str, Any]) -> "Store":
        """A new file in `folder`, with what never changes: the world, its version and config, the recipe."""
        file = folder / LEAGUE_FILE
        store = cls(_connect(file), file)
        with store._transaction() as connection:
            for statement in _TABLES.split(";"):
                if statement.strip():
                    connection.execute(statement)
            rows = {"format": FORMAT_VERSION, **facts}
            connection.executemany("INSERT INTO facts VALUES (?, ?)", [(k, _as_json(v)) for k, v in rows.items()])
        return store

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> "Store":
        """The file of a league. Raises FileFormatError where it is none, or another version's."""
        file = folder / LEAGUE_FILE
        if not file.is_file():
            raise FileFormatError(f"{folder} is no league: it has no {LEAGUE_FILE}")
        try:
            store = cls(_connect(file) if writing else _connect_to_read(file), file)
            found = store.facts().get("format")
        except sqlite3.DatabaseError as error:
            raise FileFormatError(f"{file} cannot be read: {error}") from error
        if found != FORMAT_VERSION:
            raise FileFormatError(f"{file} has format {found!r}; this version of marl_ppo reads {FORMAT_VERSION}")
        return store

    def commit_turn(
        self,
        turn: int,
        state: Mapping[str, Any],
        *,
        players: Iterable[PlayerRow] = (),
        matches: Sequence[MatchRow] = (),
        ratings: Iterable[RatingRow] = (),
        counts: Iterable[CountRow] = (),
        forgotten: Iterable[str] = (),
        events: Sequence[EventRow] = (),
        seconds: float,
        ended: str,
    ) -> None:
        """Everything a turn brought, or nothing of it."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO players (name, kind, learner, role, teams, turn, steps, trigger, hash) VALUES (?,?,?,?,?,?,?,?,?)",
                [(p.name, p.kind, p.learner, p.role, _as_json(p.teams), p.turn, p.steps, p.trigger, p.hash) for p in players],
            )
            connection.executemany(
                "INSERT INTO matches VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                [
                    (turn, m.source, n, m.first, m.second, m.side, m.games, m.wins, m.draws, m.total, m.squares)
                    for n, m in enumerate(matches)
                ],
            )
            connection.executemany(
                "INSERT INTO ratings VALUES (?,?,?,?,?,?)", [(turn, r.player, r.mu, r.sigma, r.elo, r.games) for r in ratings]
            )
            for name in forgotten:
                connection.execute("DELETE FROM counts WHERE learner = ? OR player = ?", (name, name))
            connection.executemany(
                "INSERT OR REPLACE INTO counts VALUES (?,?,?,?,?)",
                [(c.learner, c.player, c.count.score_sum, c.count.weight, c.count.games) for c in counts],
            )
            connection.executemany(
                "INSERT INTO events VALUES (?,?,?,?,?)", [(turn, n, e.kind, e.player, e.text) for n, e in enumerate(events)]
            )
            connection.execute("INSERT INTO turns VALUES (?, ?)", (turn, _as_json(state)))
            # Only the newest state is gone on from.
            connection.execute("DELETE FROM turns WHERE turn < ?", (turn,))
            connection.execute("INSERT INTO clock VALUES (?,?,?)", (turn, seconds, ended))

    def add_player(self, player: PlayerRow, event: EventRow) -> None:
        """Enter a guest between turns."""
        with self._transaction() as connection:
            self._insert_player(connection, player)
            self._insert_event(connection, event)

    def add_game(self, player: PlayerRow, match: MatchRow, rating: RatingRow | None, event: EventRow) -> None:
        """Write down what a person has played between turns; `player` is the person, who enters with the first game."""
        turn = self.turn()
        with self._transaction() as connection:
            if not connection.execute("SELECT 1 FROM players WHERE name = ?", (player.name,)).fetchone():
                self._insert_player(connection, player)
            (number,) = connection.execute(
                "SELECT count(*) FROM matches WHERE turn = ? AND source = ?", (turn, match.source)
            ).fetchone()
            connection.execute(
                "INSERT INTO matches VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    *(turn, match.source, number, match.first, match.second, match.side),
                    *(match.games, match.wins, match.draws, match.total, match.squares),
                ),
            )
            if rating is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO ratings VALUES (?,?,?,?,?,?)",
                    (turn, rating.player, rating.mu, rating.sigma, rating.elo, rating.games),
                )
            self._insert_event(connection, event)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is asked inside is told as of one moment, even while the league goes on."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    def facts(self) -> dict[str, Any]:
        """What never changes."""
        return {name: json.loads(value) for name, value in self._connection.execute("SELECT name, value FROM facts")}

    def turn(self) -> int:
        """The last one committed; 0 before the first."""
        (turn,) = self._connection.execute("SELECT coalesce(max(turn), 0) FROM turns").fetchone()
        return int(turn)

    def state(self) -> dict[str, Any]:
        """What the last turn left for the next one; empty before the first."""
        row = self._connection.execute("SELECT state FROM turns ORDER BY turn DESC LIMIT 1").fetchone()
        return {} if row is None else json.loads(row[0])

    def players(self) -> list[PlayerRow]:
        """In the order in which they joined."""
        columns = "name, kind, learner, role, teams, turn, steps, trigger, hash"
        rows = self._connection.execute(f"SELECT {columns} FROM players ORDER BY number")
        return [
            PlayerRow(**dict(zip(columns.split(", "), row, strict=True)) | {"teams": tuple(json.loads(row[4]))}) for row in rows
        ]

    def matches(self, source: Source | None = None) -> list[MatchRow]:
        """Added up over the turns by pairing and side, in the order of their first game."""
        rows = self._connection.execute(
            "SELECT source, first, second, side, sum(games), sum(wins), sum(draws), sum(total), sum(squares) FROM matches "
            "WHERE ? IS NULL OR source = ? GROUP BY source, first, second, side ORDER BY min(turn), min(number)",
            (source, source),
        )
        names = ("source", "first", "second", "side", "games", "wins", "draws", "total", "squares")
        return [MatchRow(**dict(zip(names, row, strict=True))) for row in rows]

    def ratings(self) -> list[RatingRow]:
        """Each player's newest."""
        rows = self._connection.execute(
            "SELECT player, mu, sigma, elo, games FROM ratings AS r WHERE turn = "
            "(SELECT max(turn) FROM ratings WHERE player = r.player) ORDER BY player"
        )
        return [RatingRow(**dict(zip(("player", "mu", "sigma", "elo", "games"), row, strict=True))) for row in rows]

    def counts(self) -> list[tuple[str, str, Count]]:
        """(learner, player, count): what learners score lately."""
        rows = self._connection.execute("SELECT learner, player, total, weight, games FROM counts ORDER BY learner, player")
        return [(learner, player, Count(*numbers)) for learner, player, *numbers in rows]

    def rating_history(self) -> list[tuple[int, RatingRow]]:
        """(turn, rating) in order."""
        rows = self._connection.execute("SELECT turn, player, mu, sigma, elo, games FROM ratings ORDER BY turn, player")
        return [(row[0], RatingRow(player=row[1], mu=row[2], sigma=row[3], elo=row[4], games=row[5])) for row in rows]

    def events(self) -> list[tuple[int, EventRow]]:
        """(turn, event) in order."""
        rows = self._connection.execute("SELECT turn, kind, player, text FROM events ORDER BY turn, number")
        return [(turn, EventRow(kind=kind, player=player, text=text)) for turn, kind, player, text in rows]

    def seconds(self) -> float:
        """Wall time of all turns."""
        (total,) = self._connection.execute("SELECT coalesce(sum(seconds), 0) FROM clock").fetchone()
        return float(total)

    def dump(self) -> list[str]:
        """All that equal leagues have equal, as text: every table but the clock."""
        return [line for line in self._connection.iterdump() if not line.startswith('INSERT INTO "clock"')]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _insert_player(self, connection: sqlite3.Connection, player: PlayerRow) -> None:
        connection.execute(
            "INSERT INTO players (name, kind, learner, role, teams, turn, steps, trigger, hash) VALUES (?,?,?,?,?,?,?,?,?)",
            (
                *(player.name, player.kind, player.learner, player.role),
                *(_as_json(player.teams), self.turn(), 0, "added", player.hash),
            ),
        )

    def _insert_event(self, connection: sqlite3.Connection, event: EventRow) -> None:
        turn = self.turn()
        (number,) = connection.execute("SELECT count(*) FROM events WHERE turn = ?", (turn,)).fetchone()
        connection.execute("INSERT INTO events VALUES (?,?,?,?,?)", (turn, number, event.kind, event.player, event.text))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # A turn that was told to be saved is saved, whatever happens to the machine.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _connect_to_read(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection
