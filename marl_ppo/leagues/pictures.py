"""Leagues as pictures: who beats whom, and how sure their ratings are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from marl_ppo.evaluation.heat_map import Wording, draw_table
from marl_ppo.leagues.ratings import Rating

NAMED = 10
"""players whose lines can be told apart by colour"""


def draw_payoff(names: Sequence[str], win_rates: ArrayLike, games: ArrayLike, file: Path, *, title: str = "payoff") -> Path:
    """Win rates [K, K] of the row's player, with the games [K, K] behind them where there is room; returns `file`.

    NaN, pairs that never met, is grey. A league of more than 14 players shows win rates only, one of more than 60 colours.
    """
    p, n = np.asarray(win_rates, np.float64), np.asarray(games, np.int64)
    players = len(names)
    if p.shape != (players, players) or n.shape != p.shape:
        raise ValueError(f"win_rates and games must be [K, K] for {players} names, got {list(p.shape)} and {list(n.shape)}")
    texts = [
        [f"{rate:.2f}\n{met} games" if met else f"{rate:.2f}" for rate, met in zip(*row, strict=True)]
        for row in zip(p, n, strict=True)
    ]
    wording = Wording(title=title, columns="against", rows="player", bar="win rate of the row: win + ½ draw")
    return draw_table(names, p, texts, file, wording)


def draw_partners(names: Sequence[str], returns: ArrayLike, file: Path, *, title: str = "cross-play") -> Path:
    """Returns [K, K] of players on one team, each with itself on the diagonal; NaN, pairs that never met, is grey."""
    values = np.asarray(returns, np.float64)
    texts = [["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in values]
    wording = Wording(title=title, columns="partner", rows="player", bar="return of the team")
    return draw_table(names, values, texts, file, wording, score=False)


def draw_rating_history(
    history: Mapping[str, Sequence[tuple[int, Rating]]], file: Path, *, title: str = "ratings", unit: str = "turn"
) -> Path:
    """Per player mu over time (any count: turns, games, steps); returns `file`.

    The best at the end, `NAMED` at most, have their names and the bands of their intervals; the others are grey.
    """
    # Loaded here, since nothing else needs it and it takes half a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    known = {name: points for name, points in history.items() if points}
    best = sorted(known, key=lambda name: -known[name][-1][1].mu)[:NAMED]
    for name in sorted(known, key=lambda name: name in best):
        times, mu = [time for time, _ in known[name]], [rating.mu for _, rating in known[name]]
        if name not in best:
            axes.plot(times, mu, color="0.8", linewidth=0.8)
            continue
        color = f"C{best.index(name)}"
        axes.plot(times, mu, color=color, linewidth=1.6)
        low, high = np.transpose([rating.interval for _, rating in known[name]])
        axes.fill_between(times, low, high, color=color, alpha=0.1, linewidth=0)
    bottom, top = axes.get_ylim()
    ends = [known[name][-1][1].mu for name in best]
    last = max((points[-1][0] for points in known.values()), default=0)
    for place, (name, y) in enumerate(zip(best, _apart(ends, (top - bottom) / 24), strict=True)):
        axes.annotate(name, (last, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8, color=f"C{place}")
    axes.set_ylim(bottom, top)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(unit)
    axes.set_ylabel("OpenSkill mu, with 95 % interval")
    axes.set_title(title, fontsize=10, pad=10)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="png", bbox_inches="tight")
    return file


def _apart(heights: Sequence[float], distance: float) -> list[float]:
    """Falling heights, those nearer than `distance` moved apart as little as need be, in the same order."""
    # As in isotonic regression: what should be moved together is one block at its mean.
    blocks: list[list[float]] = []
    for place, height in enumerate(heights):
        blocks.append([height + place * distance])
        while len(blocks) > 1 and np.mean(blocks[-1]) > np.mean(blocks[-2]):
            last = blocks.pop()
            blocks[-1] += last
    means = [float(np.mean(block)) for block in blocks for _ in block]
    return [mean - place * distance for place, mean in enumerate(means)]
