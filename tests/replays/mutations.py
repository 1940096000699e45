"""Replay files as a stranger might make them: every mutation of a good one follows from its number.

bytes    the file itself is cut, flipped, stretched
members  good zip, wrong members: missing, twice, renamed, bombs, arrays with other headers
numbers  good zip, arrays of the right form, with other numbers in them
match    good zip, good arrays, and a match.json in which something is not what it should be
"""

import copy
import io
import json
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("", "x", "nan", "-inf", "../../x", "/etc/passwd", "a\x00b", "\u202e\x07\ud800", "x" * 5000, "soccer", "leduc", "hive")
WORLDS = ("pettingzoo:os.system", "gymnasium:CartPole-v1", "__import__('os')")
NUMBERS = (-1, 0, 1, 2, 7, 63, 10**6, 10**9, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, 1e308, -0.0)
TREES: tuple[Any, ...] = ([], [[]], [1, 2], [None], {}, {"a": {}}, {"x": 10**9})
ODD: tuple[Any, ...] = (None, True, *NUMBERS, *WORDS, *WORLDS, *TREES)
NAMES = (
    "../x.npy",
    "/x.npy",
    "actions/0.npy",
    "chain.npy",
    "match.json",
    "keyframes/step.npy",
    "actions/../../x.npy",
    "a/b/c.npy",
    ".x",
)
HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (), }",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f8', 'shape': (1,)",
    "__import__('os').system('touch pwned')",
    "[" * 5000,
)


def mutated(good: bytes, number: int) -> bytes:
    """One mutation of a good file."""
    generator = np.random.Generator(np.random.PCG64(number))
    kind = generator.integers(0, 10)
    if kind < 3:
        return _bytes(good, generator)
    members = _members(good)
    if kind < 5:
        return _members_mutated(members, generator)
    if kind < 7:
        return _zip({**members, **_numbers_changed(members, generator)})
    match = json.loads(members["match.json"])
    inside = match if kind < 9 else match[str(generator.choice(["config", "params", "players"]))]
    for _ in range(generator.integers(1, 4)):
        _wound(inside, generator)
    return _zip({**members, "match.json": json.dumps(match).encode()})


def goods(folder: Path) -> list[bytes]:
    """Files to mutate: small ones of several kinds of worlds."""
    return [(folder / f"{name}.replay").read_bytes() for name in ("kuhn", "tag", "duel", "connect_four", "spread", "two_kinds")]


def _numbers_changed(members: dict[str, bytes], generator: np.random.Generator) -> dict[str, bytes]:
    """Arrays of the right form with other numbers in them."""
    arrays = [name for name in members if name.endswith(".npy")]
    found = {}
    for name in generator.choice(arrays, generator.integers(1, 4)).tolist():
        array = np.lib.format.read_array(io.BytesIO(members[name])).copy()
        if array.size:
            at = tuple(int(generator.integers(0, size)) for size in array.shape)
            odd = [0, 1, -1, 3, 1e9, -1e9, float(2**62)] + ([np.nan, np.inf] if array.dtype.kind == "f" else [])
            with np.errstate(all="ignore"):
                array[at] = np.array(odd[generator.integers(0, len(odd))]).astype(array.dtype)
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array)
        found[name] = stream.getvalue()
    return found


def _bytes(good: bytes, generator: np.random.Generator) -> bytes:
    content = bytearray(good)
    kind = generator.integers(0, 5)
    if kind == 0:
        return bytes(content[: generator.integers(0, len(content))])
    if kind == 1:
        at = generator.integers(0, len(content))
        return bytes(content[:at] + generator.bytes(int(generator.integers(1, 300))) + content[at:])
    if kind == 2:
        return generator.bytes(int(generator.integers(0, 2000)))
    for at in generator.integers(0, len(content), generator.integers(1, 30)):
        content[at] = generator.integers(0, 256)
    if kind == 3:  # numbers in the directory at the end: sizes, offsets, counts
        at = len(content) - int(generator.integers(4, min(len(content), 400)))
        content[at : at + 4] = struct.pack("<I", int(generator.integers(0, 2**32)))
    return bytes(content)


def _members(good: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members: dict[str, bytes], *more: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in (*members.items(), *more):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _members_mutated(members: dict[str, bytes], generator: np.random.Generator) -> bytes:
    name = list(members)[generator.integers(0, len(members))]
    match generator.integers(0, 8):
        case 0:
            del members[name]
        case 1:
            return _zip(members, (NAMES[generator.integers(0, len(NAMES))], members[name]))
        case 2:
            members[NAMES[generator.integers(0, len(NAMES))]] = members.pop(name)
        case 3:
            members[name] = members[list(members)[generator.integers(0, len(members))]]
        case 4:
            members[name] = bytes(int(generator.choice([0, 10, 10**6, 8 * 10**7], p=[0.4, 0.3, 0.29, 0.01])))
        case 5:
            content = bytearray(members[name])
            for at in generator.integers(0, max(1, len(content)), 5):
                content[at] = generator.integers(0, 256)
            members[name] = bytes(content)
        case 6:
            header = HEADERS[generator.integers(0, len(HEADERS))].encode() + b"\n"
            members[name] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\x00" * 16
        case 7:
            array = np.lib.format.read_array(io.BytesIO(members[name])) if name.endswith(".npy") else np.zeros(3)
            shape = tuple(generator.integers(0, 4, generator.integers(0, 4)).tolist())
            kinds = ("<f8", "<i8", "|b1", "<u8", "<f2", "|u1", "<c16", ">i4", "<U3")
            other = np.resize(array, shape).astype(str(generator.choice(kinds)))
            stream = io.BytesIO()
            np.lib.format.write_array(stream, other)
            members[name] = stream.getvalue()
    return _zip(members)


def _wound(value: Any, generator: np.random.Generator) -> None:
    """Change something somewhere inside."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = keys[generator.integers(0, len(keys))]
    inner = value[key]
    if isinstance(inner, dict | list) and inner and generator.random() < 0.7:
        _wound(inner, generator)
    elif generator.random() < 0.1 and isinstance(value, dict):
        del value[key]
    elif generator.random() < 0.1 and isinstance(value, dict):
        value["more"] = copy.deepcopy(ODD[generator.integers(0, len(ODD))])
    else:
        value[key] = copy.deepcopy(ODD[generator.integers(0, len(ODD))])
