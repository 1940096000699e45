"""A match as columns of whole numbers, small enough to be part of a page: what stands still is told once.

track     a primitive for as long as the match goes on: all of one kind and key
column    a field of a track from its first step to its last: one number if it never changes, else a list of the first number
          and the differences from then on; where the track is away, and after its last number, it stays as it was
unit      lengths are multiples of a power of two, at most 1 / `FINENESS` of the scene's larger side, opacities of 1 / 255,
          headings of 0.001 rad
words     all texts, each once; a column of texts holds their places here, -1 where there is none
pictures  all pixels, each once, as PNG in base64

assets/reading.js is the way back.
"""

import base64
import hashlib
import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Scene, Sprite, Text
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConfigError
from marl_ppo.viewer.feed import Moment, Thought, Timeline
from marl_ppo.viewer.layout import View

FORMAT = 1
FINENESS = 16384
"""a tenth of a pixel on a board of 1600"""
LONGEST = 50_000
"""moments of a page, which a browser holds in memory"""
_VALUES = 1024  # expected returns that can be told apart
_TOO_MUCH = 1e30  # for a thought to be drawn
_FARTHEST = 1 << 21  # units, some hundred sides of the scene; farther out is as far out

Column = int | list[int]

_FIELDS: Mapping[type, tuple[str, ...]] = {
    Disc: ("x", "y", "radius", "team", "label", "filled", "alpha"),
    Box: ("x", "y", "width", "height", "team", "label", "filled", "alpha"),
    Line: ("x", "y", "x2", "y2", "width", "team", "alpha"),
    Text: ("x", "y", "height", "team", "text"),
    Sprite: ("x", "y", "width", "height", "heading_rad", "team", "name"),
    Picture: ("x", "y", "width", "height", "pixels"),
}
_LENGTHS = {"x", "y", "x2", "y2", "width", "height", "radius"}
_TEXTS = {"label", "text", "name"}


@dataclass(slots=True)
class _Track:
    kind: type
    first: int
    values: dict[str, list[int]]
    newest: Primitive


@dataclass(slots=True)
class _Table:
    """Different things, each of which gets a place when it is first met."""

    places: dict[Any, int] = field(default_factory=dict)

    def place(self, key: Any) -> int:
        return self.places.setdefault(key, len(self.places))


def columns_of(timeline: Timeline, *, start: int = 0, stop: int | None = None) -> dict[str, Any]:
    """The moments from `start` to `stop`, both included, as JSON. Raises ConfigError where there are none, or too many."""
    stop = timeline.last if stop is None else stop
    if not 0 <= start <= stop <= timeline.last:
        raise ConfigError(f"the steps to export must be within 0 … {timeline.last}, got {start} … {stop}")
    if stop - start >= LONGEST:
        raise ConfigError(
            f"a page holds {LONGEST:,} moments at most, got {stop - start + 1:,}; export a part of the match, or a video"
        )
    steps = range(start, stop + 1)
    # A power of two, so that places on a grid of halves or quarters stay exactly where they are.
    unit = 2.0 ** math.floor(math.log2(min(_side(timeline.moment(step).scene) for step in steps) / FINENESS))
    scenes, moments = _Scenes(unit), []
    for step in steps:
        moment = timeline.moment(step)
        scenes.add(step - start, moment.scene)
        # Looked at twice rather than kept: the primitives of a long match fill the memory.
        moments.append(moment._replace(scene=replace(moment.scene, primitives=(), sight={})))
    scenes.sort()
    word = scenes.words.place
    lines = max(len(moment.hud) for moment in moments)
    return {
        "format": FORMAT,
        "title": timeline.title,
        "teams": list(timeline.teams),
        "players": [list(pair) for pair in timeline.players.items()],
        "rate": float(timeline.rate),
        "start": start,
        "last": stop - start,
        "events": [[e.step - start, e.kind, e.text, e.team] for e in timeline.events if start <= e.step <= stop],
        "cuts": [step for step, moment in enumerate(moments) if moment.is_first and step > 0],
        "unit": unit,
        "bounds": _changes([list(map(float, moment.scene.bounds)) for moment in moments]),
        "captions": _column([word(moment.scene.caption) for moment in moments]),
        "hud": [_column([word(m.hud[i]) if i < len(m.hud) else -1 for m in moments]) for i in range(lines)],
        "tracks": [[_KIND[t.kind], t.first, *map(_column, t.values.values())] for t in scenes.tracks],
        "orders": scenes.order.splices,
        "sights": {agent: order.splices for agent, order in scenes.sights.items()},
        "agents": {agent: scenes.bodies[agent] for agent in timeline.players if agent in scenes.bodies},
        "choices": {agent: list(names) for agent, names in timeline.choices.items()},
        "thoughts": {agent: _series([m.thoughts.get(agent) for m in moments], unit, word) for agent in _thinking(moments)},
        "words": list(scenes.words.places),
        "pictures": scenes.pictures,
    }


_KIND = {kind: number for number, kind in enumerate(_FIELDS)}


@dataclass(slots=True)
class _Order:
    """The tracks that are drawn, from the lowest to the highest, and how that changes."""

    splices: list[list[int]] = field(default_factory=list)
    """[step, place, number to take away there, tracks to put there ...]"""
    newest: list[int] = field(default_factory=list)

    def add(self, step: int, order: list[int]) -> None:
        if order == self.newest:
            return
        kept = _alike(self.newest, order)
        tail = _alike(self.newest[kept:][::-1], order[kept:][::-1])
        self.splices.append([step, kept, len(self.newest) - kept - tail, *order[kept : len(order) - tail]])
        self.newest = order


class _Scenes:
    """Takes scenes in their order."""

    def __init__(self, unit: float) -> None:
        self.tracks: list[_Track] = []
        self.order = _Order()
        self.sights: dict[str, _Order] = {}
        """by agent, what shows how far it sees"""
        self.words = _Table()
        self.pictures: list[str] = []
        self.bodies: dict[str, int] = {}
        """key → the track that stands for it: bodies before lines, the first of a kind"""
        self._unit = unit
        self._numbers = _Table()
        self._drawn = _Table()

    def add(self, step: int, scene: Scene) -> None:
        self.order.add(step, self._tracks(step, scene.primitives, ""))
        for agent in scene.sight.keys() | self.sights.keys():
            seen = self._tracks(step, scene.sight.get(agent, ()), agent)
            self.sights.setdefault(agent, _Order()).add(step, seen)

    def sort(self) -> None:
        """Number the tracks by their keys read backwards. What ends alike often moves alike, as a player and its nose, and
        what is alike and near takes little room once it is packed: a quarter less of soccer."""
        by_key = sorted((key[1][::-1], number) for key, number in self._numbers.places.items())
        order = [number for _, number in by_key]
        new = {number: place for place, number in enumerate(order)}
        self.tracks = [self.tracks[number] for number in order]
        self.bodies = {key: new[number] for key, number in self.bodies.items()}
        for one in (self.order, *self.sights.values()):
            one.splices = [[*splice[:3], *(new[number] for number in splice[3:])] for splice in one.splices]

    def _tracks(self, step: int, primitives: Iterable[Primitive], sight_of: str) -> list[int]:
        met: dict[tuple[type, str], int] = {}
        order = []
        for primitive in primitives:
            name = type(primitive), primitive.key
            met[name] = met.get(name, 0) + 1  # keys are unique in a sound scene; others are drawn all the same
            key = (*name, met[name], sight_of)
            number = self._numbers.places.get(key)
            # Most of a scene stands still.
            if number is None or primitive != self.tracks[number].newest:
                if not _is_somewhere(primitive):
                    continue
                number = self._put(step, primitive, key)
            order.append(number)
        return order

    def _put(self, step: int, primitive: Primitive, key: tuple[type, str, int, str]) -> int:
        kind, name, _, sight_of = key
        number = self._numbers.place(key)
        if number == len(self.tracks):
            self.tracks.append(_Track(kind, step, {name: [] for name in _FIELDS[kind]}, primitive))
            if kind not in (Line, Text, Picture) and not sight_of:
                self.bodies.setdefault(name, number)
        track = self.tracks[number]
        track.newest = primitive
        for name, values in track.values.items():
            value = self._whole(name, getattr(primitive, name))
            values += [values[-1] if values else value] * (step - track.first - len(values))
            values.append(value)
        return number

    def _whole(self, name: str, value: Any) -> int:
        if name in _LENGTHS:
            return round(min(max(value / self._unit, -_FARTHEST), _FARTHEST))
        if name in _TEXTS:
            return self.words.place(value)
        if name == "alpha":
            return round(255 * min(max(value, 0.0), 1.0))
        if name == "heading_rad":
            return round(1000 * math.remainder(value, math.tau))
        if name == "pixels":
            return self._picture(value)
        return int(value)

    def _picture(self, pixels: Array) -> int:
        place = self._drawn.place((pixels.shape, hashlib.sha256(pixels.tobytes()).digest()))
        if place == len(self.pictures):
            # Loaded here, since only envs of other people show pictures.
            from PIL import Image

            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "png", optimize=True)
            self.pictures.append(base64.b64encode(file.getvalue()).decode())
        return place


def _is_somewhere(primitive: Primitive) -> bool:
    numbers = (getattr(primitive, name) for name in _FIELDS[type(primitive)] if name in _LENGTHS | {"alpha", "heading_rad"})
    return all(math.isfinite(number) for number in numbers)


def _side(scene: Scene) -> float:
    View.fit(scene, (0, 0, 100, 100))  # refuses bounds that enclose nothing
    left, bottom, right, top = scene.bounds
    return max(right - left, top - bottom)


def _alike(a: Sequence[int], b: Sequence[int]) -> int:
    """How many both begin with."""
    return next((i for i, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


def _column(values: Sequence[int]) -> Column:
    if all(value == values[0] for value in values):
        return values[0]
    return [values[0], *(after - before for before, after in itertools.pairwise(values))]


def _changes(values: Sequence[list[float]]) -> list[list[float]]:
    """[step, number ...] of each step at which they are others than before."""
    return [[step, *now] for step, now in enumerate(values) if step == 0 or now != values[step - 1]]


def _thinking(moments: Iterable[Moment]) -> list[str]:
    return list(dict.fromkeys(agent for moment in moments for agent in moment.thoughts))


def _series(thoughts: Sequence[Thought | None], unit: float, word: Callable[[str], int]) -> dict[str, Any]:
    """What an agent thought, of each of the kinds that it is known of: the steps, and a column for each number."""

    def option(thought: Thought) -> tuple[int, int, bool] | None:
        """The subgoal's age, its name's place among the words, and whether it is somewhere."""
        subgoal = thought.subgoal
        return None if subgoal is None else (subgoal.age, word(subgoal.words), subgoal.place is not None)

    found: dict[str, Any] = {}
    kinds: tuple[tuple[str, Callable[[Thought], Any], float], ...] = (
        ("value", lambda thought: thought.value, 0.0),
        ("probabilities", lambda thought: thought.probabilities, 0.01),
        ("subgoal", lambda thought: thought.subgoal and thought.subgoal.place, unit),
        ("option", option, 1.0),
    )
    for name, told, step_size in kinds:
        known = {step: told(thought) for step, thought in enumerate(thoughts) if thought is not None}
        rows = {step: np.atleast_1d(np.asarray(row, np.float64)) for step, row in known.items() if row is not None}
        rows = {step: row for step, row in rows.items() if (np.abs(row) < _TOO_MUCH).all()}
        if not rows:
            continue
        table = np.array(list(rows.values()))
        step_size = step_size or float(max(np.ptp(table), 1e-6 * np.abs(table).max(), 1e-9)) / _VALUES
        whole = np.rint(table / step_size)
        found[name] = {
            "unit": step_size,
            "steps": _column(list(rows)) if len(rows) > 1 else [next(iter(rows))],
            "columns": [_column([int(value) for value in column]) for column in whole.T],
        }
    return found
