"""Poker small enough to be solved: how NashConv falls in a league, beside published and exact methods.

    python benchmarks/league_poker.py kuhn [--minutes 5] [--seed 0]
    python benchmarks/league_poker.py leduc [--minutes 30] [--seed 0]

The recipe leagues/GAME.toml: self-play whose entropy is annealed, kept after every turn. Shown are its last iterate and the
average of the newer half of what was kept, and the last iterate of PPO self-play with our default settings and no annealing.
CFR and CFR+ after 100 iterations are exact (OpenSpiel 2.0.2); NFSP as published: 0.06 exploitability on Leduc (Heinrich and
Silver 2016, arXiv:1603.01121), about 0.15 on Kuhn (OpenSpiel, issue 1004). Writes docs/league_GAME.png and docs/league_GAME.md.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from marl_ppo.leagues.exact import ExactGame
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.league import League
from marl_ppo.leagues.listener import LeagueListener, Report
from marl_ppo.leagues.recipe import Recipe

KNOWN = {
    "kuhn": {
        "uniform play": 0.9166667,
        "NFSP, published": 0.30,
        "CFR, 100 iterations": 0.016452,
        "CFR+, 100 iterations": 0.002389,
    },
    "leduc": {
        "uniform play": 4.7472222,
        "NFSP, published": 0.12,
        "CFR, 100 iterations": 0.191433,
        "CFR+, 100 iterations": 0.026832,
    },
}
"""NashConv, twice the exploitability"""
POINTS = 60
"""measured at about so many moments"""


class Curve(LeagueListener):
    """(seconds, million steps, NashConv of the last player, of the average of the newer half)."""

    def __init__(self, league: League, seconds: float) -> None:
        self.points: list[tuple[float, float, float, float]] = []
        self._league, self._every, self._began = league, seconds / POINTS, time.perf_counter()
        self._game = ExactGame(league.spec)

    def on_turn(self, report: Report) -> None:
        now = time.perf_counter() - self._began
        if now >= len(self.points) * self._every:
            self.measure(report.steps)

    def measure(self, steps: int) -> None:
        kept = [row.name for row in self._league.store.players() if row.kind == "frozen"]
        self._game.learn(self._league.members.load(name for name in kept if not self._game.knows(name)))
        last = self._game.of_one(kept[-1]).nash_conv
        average = self._game.of_mixture(kept[len(kept) // 2 :]).nash_conv
        self.points.append((time.perf_counter() - self._began, steps / 1e6, last, average))


def play(recipe: Recipe, minutes: float) -> list[tuple[float, float, float, float]]:
    """The curve of one league."""
    with tempfile.TemporaryDirectory() as folder, League.create(recipe, Path(folder) / "league") as league:
        curve = Curve(league, 60 * minutes)
        league.run(minutes=minutes, listener=curve)
        curve.measure(league.steps)
    return curve.points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("game", choices=list(KNOWN))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    minutes = options.minutes or {"kuhn": 5.0, "leduc": 30.0}[options.game]
    recipe = find_recipe(options.game, seed=options.seed)
    ours = play(recipe, minutes)
    plain = play(replace(recipe, train={"num_envs": 1024, "num_steps": recipe.train["num_steps"]}), minutes / 5)
    figure = Figure(figsize=(7.5, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([p[0] for p in ours], [p[3] for p in ours], label="league, average of the newer half", linewidth=2)
    axes.plot([p[0] for p in ours], [p[2] for p in ours], label="league, last iterate", alpha=0.6)
    axes.plot([p[0] for p in plain], [p[2] for p in plain], label="PPO self-play, default settings, last iterate", alpha=0.6)
    for (name, value), style in zip(KNOWN[options.game].items(), ("-", "--", "-.", ":"), strict=True):
        axes.axhline(value, label=f"{name}: {value:.3g}", color="grey", linestyle=style, linewidth=1)
    axes.set(xlabel="seconds", ylabel="NashConv", yscale="log", title=f"{options.game}: distance from equilibrium")
    axes.legend(fontsize=8)
    figure.savefig(f"docs/league_{options.game}.png")
    seconds, steps, last, average = ours[-1]
    command = f"python benchmarks/league_poker.py {options.game} --minutes {minutes:g} --seed {options.seed}"
    text = (
        f"# {options.game}: a league beside exact and published methods\n\nMade by `{command}`.\n\n"
        f"After {seconds:.0f} s ({steps:.1f} M steps) the average of the newer half of what was kept has NashConv "
        f"**{average:.4f}**, the last iterate {last:.4f}. PPO self-play with default settings has {plain[-1][2]:.4f} after "
        f"{plain[-1][0]:.0f} s.\n\n![NashConv over time](league_{options.game}.png)\n"
    )
    Path(f"docs/league_{options.game}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
