"""The members of a replay file: a zip of .npy arrays and one JSON, read so that a stranger's file can do no harm.

Nothing is written to the disk, nothing is unpickled, and nothing is unpacked that is larger than the limits below say: what
a header promises is checked against what is there before any memory is taken.
"""

import io
import json
import math
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError

LARGEST_FILE = 64 * 2**20
"""bytes on disk"""
LARGEST_CONTENT = 64 * 2**20
"""bytes of all members, unpacked"""
LARGEST_JSON = 4 * 2**20
MOST_MEMBERS = 20_000
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)?")
"""what a member may be called: at most one folder deep, nothing that starts with a dot"""
_KINDS = "biuf"
_MAGIC = b"\x93NUMPY\x01\x00"
_EPOCH = (1980, 1, 1, 0, 0, 0)

_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,  # a compression, or a version of zip, that Python does not know
    OverflowError,
    RecursionError,
    RuntimeError,  # an encrypted member
    SyntaxError,
    TypeError,
    ValueError,
)
"""what Python's readers raise on bytes that mean nothing"""


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Whatever damage is met inside becomes a FileFormatError that names the file."""
    try:
        yield
    except FileFormatError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{path} is damaged, or no replay: {reason or type(error).__name__}") from error


class Members:
    """What is inside a file. Raises FileFormatError for one that is too large, or that is no zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise FileFormatError(f"{path} has {size / 2**20:.0f} MB; a replay has at most {LARGEST_FILE // 2**20} MB")
        with refusing(path):
            self._zip = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
            infos = self._zip.infolist()
            self.names = [info.filename for info in infos]
            if len(infos) > MOST_MEMBERS or len(set(self.names)) < len(infos):
                raise ValueError(f"it has {len(infos)} members, some twice or more than {MOST_MEMBERS}")
            if odd := next((name for name in self.names if not NAME.fullmatch(name)), None):
                raise ValueError(f"it has a member {odd[:80]!r}")
            self._left = LARGEST_CONTENT

    def read(self, name: str, limit: int = LARGEST_CONTENT) -> bytes:
        """One member whole. Raises FileFormatError where it is missing, or larger than it may be."""
        with refusing(self.path):
            if name not in self.names:
                raise ValueError(f"{name} is missing")
            limit = min(limit, self._left)
            with self._zip.open(name) as opened:
                content = opened.read(limit + 1)  # whatever size the zip claims
            if len(content) > limit:
                raise ValueError(f"{name} has more than {limit} bytes")
            self._left -= len(content)
            return content

    def json(self, name: str) -> Any:
        """A member's JSON."""
        with refusing(self.path):
            return json.loads(self.read(name, LARGEST_JSON))

    def array(self, name: str) -> Array:
        """The array in the member NAME.npy: numbers or truth values, in C order."""
        with refusing(self.path):
            content = self.read(f"{name}.npy")
            stream = io.BytesIO(content)
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise ValueError(f"{name}.npy is no array of this format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            count = math.prod(shape)
            if fortran or dtype.kind not in _KINDS or not dtype.isnative or min(shape, default=0) < 0:
                raise ValueError(f"{name}.npy holds {dtype} {shape}")
            if count * dtype.itemsize != len(content) - stream.tell():
                raise ValueError(f"{name}.npy says it holds {shape}, and does not")
            return np.frombuffer(content, dtype, count, stream.tell()).reshape(shape)

    def folder(self, name: str) -> dict[str, Array]:
        """The arrays in a folder by name; none where there is no such folder."""
        inside = [member for member in self.names if member.startswith(f"{name}/") and member.endswith(".npy")]
        return {member[len(name) + 1 : -4]: self.array(member[:-4]) for member in inside}


def write_members(path: Path, json_members: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a zip that `Members` reads, and `numpy.load` too. Equal content gives equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in json_members.items():
            text = json.dumps(content, allow_nan=False, separators=(",", ":"))
            archive.writestr(_info(name), text.encode())
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(_info(f"{name}.npy"), stream.getvalue())


def _info(name: str) -> zipfile.ZipInfo:
    """Of no date, since two recordings of one match are to be the same file."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
