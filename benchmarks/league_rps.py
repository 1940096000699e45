"""Rock, paper, scissors: a league beside plain self-play, with the same settings and seeds fixed beforehand; all reported.

    python benchmarks/league_rps.py [--seeds 0 1 2 3 4]

Exploitability is exact. Of the league that of the meta-Nash mixture of its trained members (who was never trained, and is
nearly uniform, is left out), of self-play that of its last iterate. Writes docs/league_rps.md.
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from marl_ppo.leagues.analysis import transitive_share
from marl_ppo.leagues.exact import ExactGame
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.league import League


def play(seed: int, matchmaker: str | None) -> dict[str, float]:
    """One league from the recipe, or plain self-play with its settings."""
    recipe = find_recipe("rps", seed=seed, matchmaker=matchmaker)
    with tempfile.TemporaryDirectory() as folder, League.create(recipe, Path(folder) / "league") as league:
        league.run()
        kept = [row.name for row in league.store.players() if row.kind == "frozen" and row.steps]
        game = ExactGame(league.spec)
        game.learn(league.members.load(kept))
    payoffs = game.payoffs(kept)
    return {
        "meta-Nash": game.of_mixture(kept, game.meta_nash(kept)).exploitability,
        "last": game.of_one(kept[-1]).exploitability,
        "cyclic share": 1 - transitive_share(payoffs),
        "members": len(kept),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    table = Table("seed", "league: meta-Nash", "self-play: last iterate", "cyclic share (league)", "(self-play)", box=None)
    lines = [
        "| seed | league: meta-Nash | self-play: last iterate | cyclic share, league | self-play |",
        "|---|---|---|---|---|",
    ]
    for seed in track(options.seeds, "playing", transient=True):
        league, alone = play(seed, None), play(seed, "self_play")
        cells = [
            str(seed),
            f"{league['meta-Nash']:.4f}",
            f"{alone['last']:.3f}",
            f"{league['cyclic share']:.2f}",
            f"{alone['cyclic share']:.2f}",
        ]
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    Console().print(table)
    Path("docs/league_rps.md").write_text(
        "# Rock, paper, scissors\n\nMade by `python benchmarks/league_rps.py`: the recipe `leagues/rps.toml` (PSRO with nash) "
        "beside the same settings with `--matchmaker self_play`. Exploitability is exact; 0 is an equilibrium, 1 "
        "is always rock. The league's mixture is of its trained members only.\n\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
