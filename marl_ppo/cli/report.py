"""What the measuring verbs print and write: tables that fit 80 columns, and JSON."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from marl_ppo.training.record import to_json


def summary_table(blocks: Mapping[str, Mapping[str, Mapping[str, Any]]], *, skill: Mapping[str, float] | None = None) -> Table:
    """Measure → label → the fields of a `Summary`: a block per measure, its labels under each other.

    `skill`, by label, is shown beside the first measure.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for column in ("mean", "± s.e.", "IQM", "95 % interval", *(["skill"] if skill else [])):
        table.add_column(column, justify="right", no_wrap=True)
    for place, (measure, summaries) in enumerate(blocks.items()):
        table.add_row(f"[bold]{measure}[/bold]")
        for label, summary in summaries.items():
            low, high = summary["interval"]
            table.add_row(
                f"  {label}",
                f"{summary['mean']:.3f}",
                number(summary["standard_error"], ".3f"),
                f"{summary['iqm']:.3f}",
                f"{low:.3f} … {high:.3f}",
                *([number(skill[label], ".0%")] if skill and place == 0 else []),
            )
    return table


def number(value: float, form: str) -> str:
    """The number in the format `form`; n/a where it cannot be told."""
    return "n/a" if math.isnan(value) else format(value, form)


def write_report(report: Mapping[str, Any], file: Path, console: Console) -> None:
    """Write JSON, and say so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(to_json(report, indent=2))
    console.print(f"Wrote {file}.")
