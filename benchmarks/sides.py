"""Sides of a comparison: commands that measure themselves and print one JSON line last, ours and other trainers' alike."""

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class SideFailed(RuntimeError):
    """A side ended with an error, or said nothing that can be read."""


@dataclass(frozen=True)
class Side:
    """Something that is measured, by a name for the table."""

    name: str
    command: tuple[str, ...]

    @classmethod
    def from_words(cls, name: str, command: str) -> "Side":
        """Of a peer, as given on the command line; `command` is split as a shell would."""
        return cls(name, tuple(shlex.split(command)))


@dataclass(frozen=True)
class Finished:
    """What one run of a side came to."""

    line: dict[str, Any]
    """the JSON it printed"""
    seconds: float
    """from the command to its end"""
    peak_mib: float
    """most memory that its largest process held at a time"""


def run(side: Side) -> Finished:
    """Run a side to its end. Raises SideFailed with what it printed."""
    began = time.perf_counter()
    # Files, not pipes: nobody reads while we wait.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(side.command, stdout=out, stderr=err)
        peak_mib = wait(process)
        seconds = time.perf_counter() - began
        out.seek(0), err.seek(0)
        printed, complaints = out.read(), err.read()
    line = last_json(printed)
    if process.returncode or line is None:
        raise SideFailed(
            f"{side.name!r} ended with status {process.returncode} and no JSON line to read; run it by itself:\n"
            f"    {shlex.join(side.command)}\n{(complaints or printed)[-2000:]}"
        )
    return Finished(line, seconds, peak_mib)


def wait(process: subprocess.Popen[Any]) -> float:
    """Wait for a process to end; returns the most MiB it, or a process it waited for, held at a time."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024  # Linux counts in KiB


def last_json(printed: str) -> dict[str, Any] | None:
    """The last line that is a JSON object: libraries may print before it."""
    for line in reversed(printed.splitlines()):
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(found, dict):
            return found
    return None


def rates(finished: Sequence[Finished]) -> list[float]:
    """Agent-steps/s of each run."""
    return [float(each.line["agent_steps_per_s"]) for each in finished]
