"""Square tables of players as pictures: cross-play, and whatever else has a number for each pair."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from marl_ppo.evaluation.cross_play import CrossPlay

EMPTY = "0.9"
"""grey of cells that nobody played"""
DARK = 0.45
"""relative luminance below which a cell's number is written in white"""


class Wording(NamedTuple):
    """What is written around a table."""

    title: str
    columns: str
    rows: str
    bar: str


class Cells(NamedTuple):
    """How large a table's cells are."""

    inches: float
    font: float
    """points"""
    lines: int
    """of text that fit"""

    @classmethod
    def of(cls, players: int) -> "Cells":
        """Roomy for a few players, one small number for many, none for crowds, whose picture would outgrow any screen."""
        if players <= 14:
            return cls(0.95, 9, 2)
        return cls(0.36, 7, 1) if players <= 60 else cls(22 / players, 7, 0)


def draw_heat_map(result: "CrossPlay", file: Path, *, title: str) -> Path:
    """The cross-play table with its numbers and half-widths of their intervals; returns `file`."""
    score = result.shows == "score"
    half = (result.high - result.low) / 2
    texts = [
        [f"{value:.2f}\n± {spread:.2f}" for value, spread in zip(*row, strict=True)]
        for row in zip(result.mean, half, strict=True)
    ]
    wording = Wording(
        title=f"{title}\n± half of the 95 % interval",
        columns="against" if score else "the others played by",
        rows="player" if score else "one agent played by",
        bar="score of the row: win + ½ draw" if score else "mean return per agent",
    )
    return draw_table(result.players, result.mean, texts, file, wording, score=score)


def draw_table(
    names: Sequence[str],
    values: NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    file: Path,
    wording: Wording,
    *,
    score: bool = True,
) -> Path:
    """`values` [P, P] as colours under `texts` [P][P], of which large tables show the first line; returns `file`.

    Scores are coloured from red (the row loses) over white (even) to blue, other values from dark (low) to bright; NaN is
    grey and reads n/a.
    """
    # Loaded here, since nothing else needs it and it takes half a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure

    count = len(names)
    cells = Cells.of(count)
    side = 2.2 + cells.inches * count
    figure = Figure(figsize=(side + 1.6, side), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="RdBu", vmin=0.0, vmax=1.0) if score else axes.imshow(values, cmap="viridis")
    axes.set_facecolor(EMPTY)
    for row, column in np.ndindex(count, count) if cells.lines else ():
        value = values[row, column]
        text = "n/a" if math.isnan(value) else "\n".join(texts[row][column].splitlines()[: cells.lines])
        red, green, blue, _ = to_rgba(EMPTY) if math.isnan(value) else image.to_rgba(value)
        dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < DARK
        color = "white" if dark else "black"
        text = text.replace("-", "\N{MINUS SIGN}")
        axes.text(column, row, text, ha="center", va="center", fontsize=cells.font, color=color)
    slanted = 30 if cells.lines > 1 else 60
    axes.set_xticks(range(count), names, rotation=slanted, ha="right", rotation_mode="anchor", fontsize=cells.font + 1)
    axes.set_yticks(range(count), names, fontsize=cells.font + 1)
    axes.set_xticks(np.arange(1, count) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, count) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=cells.lines)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(wording.columns)
    axes.set_ylabel(wording.rows)
    axes.set_title(wording.title, fontsize=10, pad=10)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label(wording.bar)
    bar.outline.set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Tight, since the layout forgets how long names are where cells have to stay square.
    figure.savefig(file, format="png", bbox_inches="tight")
    return file
