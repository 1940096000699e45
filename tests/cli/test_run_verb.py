"""`marl-ppo run`: what was trained, compared and drawn."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import save_config

PNG = b"\x89PNG\r\n\x1a\n"


def recorded(name: str, returns: Sequence[float], *, teams: Sequence[str] = ("agents",), world: str = "spread") -> None:
    """A run's folder with one update for each return, 100 steps apart; a second team gets what the first one loses."""
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    save_config(TrainConfig(world=world, seed=3), folder / "config.toml")
    lines = [
        {"update": n, "steps": 100.0 * n, "seconds": 0.5 * n, "episodes": 4.0}
        | {f"return/{team}": value * (-1) ** t for t, team in enumerate(teams)}
        for n, value in enumerate(returns, start=1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def table(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


def test_list_shows_what_each_run_came_to(marl_ppo: Any) -> None:
    recorded("first", [-9.0, -7.25])
    recorded("group/seed-0", [-8.0])
    said = marl_ppo("run", "list")

    assert table(said.lines) == [
        ["run", "world", "seed", "steps", "seconds", "return", "checkpoints"],
        ["first", "spread", "3", "200", "1", "-7.25", "0"],
        ["group/seed-0", "spread", "3", "100", "0", "-8.00", "0"],
    ]


def test_list_goes_on_where_a_run_cannot_be_read(marl_ppo: Any) -> None:
    """As one of a version that had another setting."""
    recorded("sound", [-8.0])
    recorded("strange", [-8.0])
    Path("runs/strange/config.toml").write_text('world = "spread"\nmagic = 1\n')
    said = marl_ppo("run", "list")

    assert said.lines[1].split()[0] == "sound"
    assert said.lines[2].startswith("! cannot be read: runs/strange/config.toml has the unknown setting 'magic'")


def test_list_says_how_to_begin_where_there_is_nothing(marl_ppo: Any) -> None:
    assert marl_ppo("run", "list").out == "There are no runs in runs/ yet. Train one: marl-ppo train spread --minutes 2\n"


def test_a_line_that_is_still_being_written_is_left_out(marl_ppo: Any) -> None:
    """Whoever looks while a training runs may meet half a line."""
    recorded("run", [-9.0, -7.0])
    with Path("runs/run/metrics.jsonl").open("a") as record:
        record.write('{"update": 3, "steps": 30')

    assert marl_ppo("run", "list").lines[1].split()[5] == "-7.00"


def test_compare_tells_how_probably_a_run_beats_the_first(marl_ppo: Any) -> None:
    """Final returns 1, 3 and 2, 3 of two seeds: of four pairs two are better and one is equal, 2.5 / 4."""
    for seed, (ours, theirs) in enumerate([(2.0, 1.0), (3.0, 3.0)]):
        recorded(f"a/seed-{seed}", [0.0] * 20 + [theirs])
        recorded(f"b/seed-{seed}", [0.0] * 20 + [ours])
    said = marl_ppo("run", "compare", "a", "b")

    assert table(said.lines[1:4]) == [
        ["run", "seeds", "return", "IQM", "95", "%", "interval", "P(better", "than", "a)"],
        ["a", "2", "2.000", "2.000", "[1.000,", "3.000]"],
        ["b", "2", "2.500", "2.500", "[2.000,", "3.000]", "0.62"],
    ]
    assert said.lines[-2].startswith("Fewer than five seeds: a hint, not a result.")
    assert said.lines[-1] == "Wrote runs/compare.png."
    assert Path("runs/compare.png").read_bytes().startswith(PNG)


def test_a_runs_score_is_that_of_its_last_twentieth(marl_ppo: Any) -> None:
    """Of 40 updates the last two, 5 and 7: 6."""
    recorded("a", [0.0] * 38 + [5.0, 7.0])
    recorded("b", [0.0] * 38 + [8.0, 8.0])

    assert marl_ppo("run", "compare", "a", "b").lines[2].split() == ["a", "1", "6.000", "6.000"]


def test_teams_are_compared_one_by_one(marl_ppo: Any) -> None:
    """Added up, what chasers win and prey lose would tell nothing."""
    recorded("old", [2.0], teams=("chasers", "prey"), world="tag")
    recorded("new", [3.0], teams=("chasers", "prey"), world="tag")
    said = marl_ppo("run", "compare", "old", "new")

    assert table(said.lines[2:6]) == [
        ["old", "chasers", "1", "2.000", "2.000"],
        ["old", "prey", "1", "-2.000", "-2.000"],
        ["new", "chasers", "1", "3.000", "3.000", "1.00"],
        ["new", "prey", "1", "-3.000", "-3.000", "0.00"],
    ]


def test_plot_draws_one_run_into_its_folder_and_several_beside_them(marl_ppo: Any) -> None:
    recorded("a", [-9.0, -8.0])
    recorded("b", [-9.0, -7.0])

    assert marl_ppo("run", "plot", "a").out == "Wrote runs/a/curve.png.\n"
    assert marl_ppo("run", "plot", "a", "runs/b").out == "Wrote runs/plot.png.\n"
    assert Path("runs/a/curve.png").read_bytes().startswith(PNG)
    assert Path("runs/plot.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["nothing", "--help"])
def test_usage_is_shown_to_who_asks(marl_ppo: Any, arguments: tuple[str, ...]) -> None:
    said = marl_ppo("run", *arguments)

    assert said.code == 0
    assert said.lines[0] == "usage: marl-ppo run list"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("delete a", "run lists, plots or compares, got 'delete a'"),
        ("plot", "run lists, plots or compares, got 'plot'"),
        ("compare a", "run lists, plots or compares, got 'compare a'"),
        ("compare a a", "run takes different runs and no flags, got 'compare a a'"),
        ("list --all", "run takes different runs and no flags, got 'list --all'"),
        ("plot b", "No run is called 'b'."),
        ("plot aa", "No run is called 'aa'. Did you mean 'a'?"),
        ("compare a empty", "runs/empty has finished no episode yet, so there is nothing to compare"),
        ("compare a other", "runs can be compared in worlds with the same teams only; a has agents"),
    ],
)
def test_what_makes_no_sense_is_said(marl_ppo: Any, arguments: str, message: str) -> None:
    recorded("a", [-9.0])
    recorded("empty", [])
    recorded("other", [1.0], teams=("players",), world="waits")
    said = marl_ppo("run", *arguments.split())

    assert said.code == 2
    assert message in said.err


def test_runs_of_different_tasks_are_compared_with_a_word_of_warning(marl_ppo: Any, small: tuple[str, ...]) -> None:
    marl_ppo("train", "bandit", "--name", "one", *small)
    marl_ppo("train", "bandit", "--name", "same", *small)
    marl_ppo("train", "bandit", "masked=true", "--name", "other", *small)
    warning = "These runs learned different tasks, so that their returns do not compare: "

    assert warning not in marl_ppo("run", "compare", "one", "same").out
    assert f"{warning}bandit {{'masked': True}}; bandit {{}}" in marl_ppo("run", "compare", "one", "other").out
