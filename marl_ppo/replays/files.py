"""Replays as files: NAME.replay, a zip of match.json and arrays that `numpy.load` can open, too.

match.json         world, version, config, params, seed, players and hashes, outcome, events, origin, package versions
actions/G.npy      of group number G: [T, A, ...], in the smallest type that holds them
chain.npy          uint64 [T + 1], the digest of each moment
keyframes/*.npy    `step` [F], and the snapshot's arrays [F, ...]
thoughts/G.*.npy   probabilities, values, subgoals, ages, told of group number G; words, a line each, as bytes
frames/*.npy       of worlds that cannot be played again: `shown` [T + 1], and each picture as the bytes of a PNG

Docs: docs/replays.md tells what each field means.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.errors import UnknownNameError
from marl_ppo.replays.frames import Frames, require_frames
from marl_ppo.replays.members import Members, refusing, write_members
from marl_ppo.replays.replay import FORMAT, Event, Keyframes, Origin, Replay, Thoughts
from marl_ppo.settings import fits
from marl_ppo.whole_files import whole_file
from marl_ppo.workspace import places

SUFFIX = ".replay"
MATCH = "match.json"
LONGEST = 1_000_000
"""steps of a match"""
MOST_AGENTS = 1_000
MOST_DECISIONS = 16_000_000
"""steps times agents: returns and actions are held in memory"""
MOST_NAMES = 10_000
"""of subgoals"""
LONGEST_TEXT = 500
"""letters: names are shown, in errors too"""
_ARRAYS = ("actions", "chain", "keyframes", "frames", "thoughts")
"""fields of a Replay that are no part of match.json"""
_THOUGHTS = {"probabilities": (3, "f"), "values": (2, "f"), "subgoals": (3, "f"), "ages": (2, "i"), "told": (2, "i")}
"""arrays of Thoughts: their axes, and what kind of numbers they hold"""


def write_replay(replay: Replay, path: Path | str) -> Path:
    """Write a file, whole or not at all, and return its path."""
    path = Path(path)
    told = {field.name: getattr(replay, field.name) for field in fields(replay) if field.name not in _ARRAYS}
    told["events"] = [list(event) for event in replay.events]
    told["origin"] = None if replay.origin is None else asdict(replay.origin)
    arrays = {f"actions/{g}": _small(actions) for g, actions in enumerate(replay.actions)}
    arrays["chain"] = replay.chain
    if replay.keyframes is not None:
        arrays["keyframes/step"] = replay.keyframes.steps
        arrays |= {f"keyframes/{name}": array for name, array in replay.keyframes.arrays.items()}
    for g, thoughts in enumerate(replay.thoughts):
        arrays |= {f"thoughts/{g}.{name}": getattr(thoughts, name) for name in _THOUGHTS if getattr(thoughts, name).size}
        if thoughts.words:
            arrays[f"thoughts/{g}.words"] = np.frombuffer("\n".join(thoughts.words).encode(), np.uint8)
    if replay.frames is not None:
        arrays["frames/shown"] = replay.frames.shown
        arrays |= {f"frames/{n}": picture for n, picture in enumerate(replay.frames.pictures)}
    with whole_file(path) as writing:
        write_members(writing, {MATCH: {"format": FORMAT, **_finite(told)}}, arrays)
    return path


def read_replay(path: Path | str) -> Replay:
    """Read a file from anybody. Raises FileFormatError that says what is wrong with it; it never takes more memory than
    `members.LARGEST_CONTENT`, starts nothing and writes nothing."""
    path = Path(path)
    members = Members(path)
    with refusing(path):
        told = _printable(members.json(MATCH))
        if not isinstance(told, dict) or told.pop("format", None) != FORMAT:
            raise ValueError(f"its format is not {FORMAT}, which is what this version of marl_ppo reads")
        given = _checked(told)
        agents, steps = len(given["players"]), given["steps"]
        if not (0 <= steps <= LONGEST and 1 <= agents <= MOST_AGENTS and 0 <= given["seed"] < 2**64):
            raise ValueError(f"it has {steps} steps, {agents} agents and the seed {given['seed']}")
        if steps * agents > MOST_DECISIONS:
            raise ValueError(f"it has {steps} steps of {agents} agents; at most {MOST_DECISIONS} of them together can be read")
        actions = _in_order(members.folder("actions"))
        chain = members.array("chain")
        if chain.dtype != np.uint64 or chain.shape not in ((0,), (steps + 1,)):
            raise ValueError(f"its chain is {chain.dtype} {chain.shape} for {steps} steps")
        if any(array.ndim < 2 or len(array) != steps for array in actions):
            raise ValueError(f"its actions are not of {steps} steps")
        if sum(array.shape[1] for array in actions) != agents:
            raise ValueError(f"its actions are not of {agents} agents")
        teams = len(given["teams"])
        odd = [event for event in given["events"] if not (0 <= event.step <= steps and -1 <= event.team < teams)]
        if len(given["returns"]) != agents or odd:
            raise ValueError("its returns or events are not of this match")
        return Replay(
            **given,
            actions=actions,
            chain=chain,
            keyframes=_keyframes(members, steps),
            thoughts=_thoughts(members, actions),
            frames=_frames(members, steps),
        )


def find_replay(name: str) -> Path:
    """A path, or the name of a file in replays/, the workspace's or a bundled one. Raises UnknownNameError with the nearest."""
    homes = [Path(), *places("replays")]
    for home in homes:
        for path in (home / name, home / f"{name}{SUFFIX}"):
            if path.is_file():
                return path
    known = [file.name.removesuffix(SUFFIX) for home in homes[1:] for file in sorted(home.glob(f"*{SUFFIX}"))]
    raise UnknownNameError.near(
        "replay", name, known, otherwise=f"Name a file, or one of {', '.join(known) or 'none there is'}."
    )


def _small(actions: Array) -> Array:
    """Whole numbers in as few bytes as hold them all."""
    if actions.dtype.kind == "f" or not actions.size:
        return actions.astype(np.float32 if actions.dtype.kind == "f" else np.uint8)
    return actions.astype(np.result_type(np.min_scalar_type(actions.min()), np.min_scalar_type(actions.max())))


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they are written as null and text."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _checked(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Replay out of match.json, each of the kind it should be."""
    kinds = {name: kind for name, kind in get_type_hints(Replay).items() if name not in _ARRAYS}
    if told.keys() != kinds.keys():
        raise ValueError(f"{MATCH} has other fields: {sorted(map(str, told.keys() ^ kinds.keys()))[:5]}")
    told = dict(told)
    told["metrics"] = _numbers(told["metrics"])
    told["events"] = tuple(_event(row) for row in told["events"])
    origin = told["origin"]
    if origin is not None:
        if not (isinstance(origin, dict) and origin.keys() == {"id", "step"} and isinstance(origin["id"], str)):
            raise ValueError(f"its origin is {str(origin)[:80]}")
        if not fits(origin["step"], int):
            raise ValueError(f"its origin is {str(origin)[:80]}")
        told["origin"] = Origin(**origin)
    for name in ("outcome", "returns"):
        if not isinstance(told[name], list):
            raise ValueError(f"{name} is no list")
        told[name] = tuple(_number(value) for value in told[name])
    told["params"] = _numbers(told["params"])
    if not isinstance(told["teams"], list) or not all(isinstance(team, str) for team in told["teams"]):
        raise ValueError("teams is no list of names")
    told["teams"] = tuple(told["teams"])
    if long := next((text[:40] for text in _texts(told) if len(text) > LONGEST_TEXT), None):
        raise ValueError(f"it has a text of more than {LONGEST_TEXT} letters, {long!r}...")
    for name, kind in kinds.items():
        if name not in ("events", "origin", "outcome", "returns", "teams") and not _fits(told[name], kind):
            raise ValueError(f"{name} is {str(told[name])[:80]!r}")
    return told


def _printable(value: Any) -> Any:
    """With � for what is no letter: a stranger's words are shown in windows, in which half a surrogate cannot be drawn, and in
    terminals, which would take some of them for orders."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(letter if letter.isprintable() else "�" for letter in value)
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    """Every text inside, keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is not None and issubclass(get_origin(kind), Mapping):
        return isinstance(value, dict) and all(fits(item, get_args(kind)[1]) for item in value.values())
    return fits(value, kind)


def _numbers(told: Any) -> dict[str, float]:
    if not isinstance(told, dict):
        raise ValueError(f"{str(told)[:80]} is no table of numbers")
    return {name: _number(value) for name, value in told.items()}


def _number(told: Any) -> float:
    if not fits(told, float) and told not in ("nan", "inf", "-inf"):
        raise ValueError(f"{str(told)[:80]!r} is no number")
    return float(told)


def _event(row: Any) -> Event:
    if not (isinstance(row, list) and len(row) == 4 and all(map(fits, row, (int, str, str, int)))):
        raise ValueError(f"{str(row)[:80]} is no event")
    return Event(*row)


def _in_order(folder: Mapping[str, Array]) -> tuple[Array, ...]:
    if sorted(folder) != sorted(str(g) for g in range(len(folder))):
        raise ValueError(f"its groups are numbered {sorted(folder)[:5]}")
    return tuple(folder[str(g)] for g in range(len(folder)))


def _keyframes(members: Members, steps: int) -> Keyframes | None:
    arrays = members.folder("keyframes")
    if not arrays:
        return None
    at = arrays.pop("step")
    rising = at.dtype == np.int64 and at.ndim == 1 and (np.diff(at) > 0).all() and (at >= 0).all() and (at <= steps).all()
    if not rising or any(array.ndim < 1 or len(array) != len(at) for array in arrays.values()):
        raise ValueError("its keyframes are not in order")
    return Keyframes(steps=at, arrays=arrays)


def _thoughts(members: Members, actions: Sequence[Array]) -> tuple[Thoughts, ...]:
    arrays = members.folder("thoughts")
    if not arrays:
        return ()
    found = []
    for g, taken in enumerate(actions):
        own = {name: arrays.pop(f"{g}.{name}") for name in _THOUGHTS if f"{g}.{name}" in arrays}
        for name, array in own.items():
            dims, kind = _THOUGHTS[name]
            if array.ndim != dims or array.shape[:2] != taken.shape[:2] or array.dtype.kind != kind:
                raise ValueError(f"the {name} in it are {array.dtype} {array.shape}")
        if "subgoals" in own and own["subgoals"].shape[2] != 2:
            raise ValueError("its subgoals are no places")
        if "subgoals" in own and "ages" not in own:  # of an earlier version, which did not note when they were set
            own["ages"] = np.where(np.isfinite(own["subgoals"]).all(-1), LONGEST, -1)
        words = _words(arrays.pop(f"{g}.words", np.zeros(0, np.uint8)))
        if "told" in own and own["told"].max(initial=-1) >= len(words):
            raise ValueError(f"its subgoals have {len(words)} names, not so many as are told")
        found.append(Thoughts(**own, words=words))
    if arrays:
        raise ValueError(f"it has thoughts {sorted(arrays)[:3]} of nobody")
    return tuple(found)


def _words(array: Array) -> tuple[str, ...]:
    """Lines that were written as bytes."""
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError(f"the names of subgoals in it are {array.dtype} {array.shape}")
    # Looked at before they are lines, which take much more memory.
    if np.count_nonzero(array == ord("\n")) >= MOST_NAMES or array.size > MOST_NAMES * LONGEST_TEXT:
        raise ValueError(f"its subgoals have more than {MOST_NAMES} names, or very long ones")
    words = tuple(_printable(word) for word in array.tobytes().decode("utf-8", "replace").split("\n")) if array.size else ()
    if any(len(word) > LONGEST_TEXT for word in words):
        raise ValueError(f"it has a subgoal whose name has more than {LONGEST_TEXT} letters")
    return words


def _frames(members: Members, steps: int) -> Frames | None:
    arrays = members.folder("frames")
    if not arrays:
        return None
    return require_frames(arrays.pop("shown"), _in_order(arrays), steps)
