"""Learning curves as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.training.record import read_metrics

SMOOTHED_OVER = 0.01
"""share of a run's updates that a point averages"""


def plot_runs(folders: Sequence[Path] | Mapping[str, Sequence[Path]], file: Path) -> Path:
    """Return over steps, one line per run, or per group of seeds its mean with the range of seeds; returns `file`."""
    # Loaded here, since nothing else needs it and it takes half a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = folders if isinstance(folders, Mapping) else {folder.name: [folder] for folder in folders}
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, runs in groups.items():
        curves = [_curves(read_metrics(run)) for run in runs]
        for name in sorted({name for curve in curves for name in curve}):
            lines = [curve[name] for curve in curves if name in curve]
            # Seeds finish episodes at steps of their own: they meet on the steps of the first, as far as all of them go.
            steps = lines[0][0]
            begin, end = max(s[0] for s, _ in lines), min(s[-1] for s, _ in lines)
            steps = steps[(steps >= begin) & (steps <= end)]
            values = np.stack([np.interp(steps, *line) for line in lines])
            suffix = "" if len(curves[0]) == 1 else f" {name}"
            seeds = f" ({len(lines)} seeds)" if len(lines) > 1 else ""
            (line,) = axes.plot(steps / 1e6, values.mean(axis=0), linewidth=1.6, label=f"{label}{suffix}{seeds}")
            if len(lines) > 1:
                axes.fill_between(
                    steps / 1e6, values.min(axis=0), values.max(axis=0), alpha=0.2, color=line.get_color(), linewidth=0
                )
    axes.set_xlabel("million world steps")
    axes.set_ylabel("mean return per agent")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False, loc="lower right")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    return file


def _curves(metrics: Sequence[Mapping[str, float]]) -> dict[str, tuple[Array, Array]]:
    """Team → (steps, smoothed return)."""
    names = sorted({name for line in metrics for name in line if name.startswith("return/")})
    found = {}
    for name in names:
        points = [(line["steps"], line[name]) for line in metrics if name in line]
        steps, values = np.array(points, np.float64).T
        width = max(1, round(len(values) * SMOOTHED_OVER))
        smooth = np.convolve(values, np.ones(width) / width, mode="valid")
        found[name.removeprefix("return/")] = (steps[width - 1 :], smooth)
    return found
