"""Learning curves as a picture: what is drawn, at which points, under which name."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from marl_ppo.training.curve import plot_runs


def recorded(folder: Path, returns: Sequence[float | None], *teams: str) -> Path:
    """A run with an update every million steps; None is an update in which no episode ended."""
    folder.mkdir(parents=True)
    lines = []
    for n, value in enumerate(returns, start=1):
        line: dict[str, float] = {"update": n, "steps": n * 1e6}
        lines.append(line if value is None else line | {f"return/{team}": value + t for t, team in enumerate(teams or ["us"])})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def drawn(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """Label → (million steps, returns)."""
    (axes,) = figure.axes
    return {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def test_a_run_is_its_return_over_million_steps(figures: list[Figure], tmp_path: Path) -> None:
    file = plot_runs([recorded(tmp_path / "run", [1.0, 2.0, 4.0])], tmp_path / "new/curve.png")
    (axes,) = figures[0].axes

    assert file == tmp_path / "new/curve.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert drawn(figures[0]) == {"run": ([1, 2, 3], [1, 2, 4])}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("million world steps", "mean return per agent")


def test_updates_without_an_episode_have_no_point(figures: list[Figure], tmp_path: Path) -> None:
    plot_runs([recorded(tmp_path / "run", [None, 2.0, None, 4.0])], tmp_path / "curve.png")

    assert drawn(figures[0]) == {"run": ([2, 4], [2, 4])}


def test_a_long_run_is_smoothed_over_a_hundredth_of_it(figures: list[Figure], tmp_path: Path) -> None:
    """Of 300 updates a point averages three, and stands at the last of them."""
    plot_runs([recorded(tmp_path / "run", [float(n % 3) for n in range(300)])], tmp_path / "curve.png")
    steps, returns = drawn(figures[0])["run"]

    assert (steps[0], steps[-1], len(steps)) == (3, 300, 298)
    np.testing.assert_allclose(returns, 1.0)


def test_every_team_has_a_line(figures: list[Figure], tmp_path: Path) -> None:
    plot_runs([recorded(tmp_path / "run", [1.0, 2.0], "prey", "chasers")], tmp_path / "curve.png")

    assert drawn(figures[0]) == {"run chasers": ([1, 2], [2, 3]), "run prey": ([1, 2], [1, 2])}


def test_seeds_are_drawn_as_their_mean_within_their_range(figures: list[Figure], tmp_path: Path) -> None:
    """As far as the shortest of them goes: two updates."""
    seeds = [recorded(tmp_path / "seed-0", [1.0, 2.0, 9.0]), recorded(tmp_path / "seed-1", [3.0, 6.0])]
    plot_runs({"group": seeds}, tmp_path / "curve.png")
    (axes,) = figures[0].axes
    (band,) = axes.collections
    corners = {(float(x), float(y)) for x, y in band.get_paths()[0].vertices}

    assert drawn(figures[0]) == {"group (2 seeds)": ([1, 2], [2, 4])}
    assert corners == {(1, 1), (1, 3), (2, 2), (2, 6)}


def test_runs_are_drawn_beside_each_other(figures: list[Figure], tmp_path: Path) -> None:
    runs = [recorded(tmp_path / name, [value]) for name, value in (("a", 1.0), ("b", 2.0))]
    plot_runs(runs, tmp_path / "curve.png")

    assert drawn(figures[0]) == {"a": ([1], [1]), "b": ([1], [2])}


def test_a_run_without_any_episode_is_an_empty_picture(figures: list[Figure], tmp_path: Path) -> None:
    """As one that was interrupted at once: no reason to fail."""
    plot_runs([recorded(tmp_path / "run", [None, None])], tmp_path / "curve.png")

    assert drawn(figures[0]) == {}


def test_seeds_meet_at_the_same_steps(figures: list[Figure], tmp_path: Path) -> None:
    """The first has points at 1, 2 and 3 million, the second at 1 and 3 only: at 2 it counts with 4, halfway from 3 to 5."""
    seeds = [recorded(tmp_path / "a", [1.0, 2.0, 3.0]), recorded(tmp_path / "b", [3.0, None, 5.0])]
    plot_runs({"group": seeds}, tmp_path / "curve.png")

    assert drawn(figures[0])["group (2 seeds)"] == ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
