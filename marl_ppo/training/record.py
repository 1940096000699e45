"""A run's record, metrics.jsonl: one JSON line per update. Everything else shown of a run is a view of it.

JSON knows no NaN and no infinity: a number that cannot be told, such as the explained variance of returns that are all
alike, is written as null and read as NaN.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marl_ppo.errors import FileFormatError

RECORD = "metrics.jsonl"


def to_json(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON that every reader takes, with null for what is not finite."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The run's record, one mapping per update; a last line that is still being written is left out.

    Raises FileFormatError with the line that is damaged.
    """
    file = folder / RECORD
    record = []
    for number, line in enumerate(_whole_lines(file), start=1):
        try:
            record.append({name: math.nan if value is None else value for name, value in json.loads(line).items()})
        except (ValueError, AttributeError) as error:
            raise FileFormatError(f"{file} is damaged in line {number}: {error}") from error
    return record


def cut_metrics(folder: Path, update: int) -> None:
    """Drop what was recorded after an update, and a half-written last line. Raises as `read_metrics` does."""
    file = folder / RECORD
    kept = [line for line, read in zip(_whole_lines(file), read_metrics(folder), strict=True) if read["update"] <= update]
    temporary = file.with_suffix(".cut")
    temporary.write_text("".join(kept))
    temporary.replace(file)


def _whole_lines(file: Path) -> list[str]:
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    return [line for line in lines if line.endswith("\n")]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
