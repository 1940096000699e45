"""`marl-ppo` itself: finding the verb, and doing so fast."""

import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.cli.main import VERBS

PROGRAM = (sys.executable, "-c", "from marl_ppo.cli.main import main; main()")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)], ids=["nothing", "--help", "-h"])
def test_help_names_every_verb_and_the_first_steps(marl_ppo: Any, arguments: tuple[str, ...]) -> None:
    said = marl_ppo(*arguments)
    named = [line.split()[0] for line in said.lines if line.startswith("  ") and "marl-ppo" not in line]

    assert said.code == 0
    assert named == list(VERBS)
    assert said.lines[-2:] == ["  marl-ppo train spread --minutes 2", "  marl-ppo watch"]


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help(marl_ppo: Any, verb: str) -> None:
    said = marl_ppo(verb, "--help")

    assert said.code == 0
    assert said.out.startswith(f"usage: marl-ppo {verb}")


def test_version_is_that_of_the_package(marl_ppo: Any) -> None:
    assert marl_ppo("--version").out == f"marl_ppo {version('marl_ppo')}\n"


@pytest.mark.parametrize(
    ("verb", "hint"),
    [("trian", "Did you mean 'train'?"), ("sing", "There are worlds, train, evaluate, match, watch, run, doctor.")],
)
def test_an_unknown_verb_is_answered_with_a_hint(marl_ppo: Any, verb: str, hint: str) -> None:
    said = marl_ppo(verb)

    assert said.code == 2
    assert said.err == f"marl-ppo: No verb is called {verb!r}. {hint}\n"


def test_a_file_where_a_folder_should_be_is_named_without_a_traceback(
    marl_ppo: Any, small: tuple[str, ...], folder: Path
) -> None:
    (folder / "runs").write_text("not a folder")
    said = marl_ppo("train", "bandit", *small)

    assert said.code == 2
    assert said.err == "marl-ppo: runs/bandit-1: Not a directory\n"


def test_help_takes_less_than_half_a_second_and_loads_nothing_heavy() -> None:
    """The best of three starts, since the machine may be busy with other things."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        said = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - began)
    probe = "import sys; from marl_ppo.cli.main import main; main(['--help']); print(*{'torch', 'numpy'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert said.stdout.startswith("Multi-agent PPO in games")
    assert min(times) < 0.5
    assert loaded.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("verb", ["worlds", "run", "--help"])
def test_a_reader_that_has_seen_enough_ends_the_program_quietly(verb: str) -> None:
    """As `head` does; unbuffered, so that the program meets the closed pipe while it still speaks."""
    program = subprocess.Popen(
        [*PROGRAM, verb],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    program.stdout.close()
    _, said = program.communicate(timeout=60)

    assert said == ""


def test_a_missing_package_is_named_with_the_verb_that_knows_more(marl_ppo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.table", None)
    monkeypatch.delitem(sys.modules, "marl_ppo.cli.run", raising=False)
    said = marl_ppo("run", "list")

    assert said.code == 2
    assert "the package 'rich.table' is missing; `marl-ppo doctor` says" in said.err
