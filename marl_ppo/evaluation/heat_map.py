"""A cross-play table as a picture."""

import math
from pathlib import Path

import numpy as np

from marl_ppo.evaluation.cross_play import CrossPlay

EMPTY = "0.9"
"""grey of cells that nobody played"""
DARK = 0.45
"""relative luminance below which a cell's number is written in white"""


def draw_heat_map(result: CrossPlay, file: Path, *, title: str) -> Path:
    """The table with its numbers and half-widths of their intervals; returns `file`.

    Scores are coloured from red (the row loses) over white (even) to blue, returns from dark (low) to bright.
    """
    # Loaded here, since nothing else needs it and it takes half a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure

    count = len(result.players)
    side = 2.2 + 0.95 * count
    figure = Figure(figsize=(side + 1.6, side), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    score = result.shows == "score"
    image = axes.imshow(result.mean, cmap="RdBu", vmin=0.0, vmax=1.0) if score else axes.imshow(result.mean, cmap="viridis")
    axes.set_facecolor(EMPTY)
    for row, column in np.ndindex(count, count):
        value, half = result.mean[row, column], (result.high[row, column] - result.low[row, column]) / 2
        text = "n/a" if math.isnan(value) else f"{value:.2f}\n± {half:.2f}".replace("-", "\N{MINUS SIGN}")
        red, green, blue, _ = to_rgba(EMPTY) if math.isnan(value) else image.to_rgba(value)
        dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < DARK
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes.set_xticks(range(count), result.players, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), result.players)
    axes.set_xticks(np.arange(1, count) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, count) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("against" if score else "the others played by")
    axes.set_ylabel("player" if score else "one agent played by")
    axes.set_title(f"{title}\n± half of the 95 % interval", fontsize=10, pad=10)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("score of the row: win + ½ draw" if score else "mean return per agent")
    bar.outline.set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="png")
    return file
