"""Compiled kernels belong to one state of the sources, and leave when nobody uses it any more."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marl_ppo.kernel_cache import UNUSED_DAYS, is_warm

PACKAGE = Path(__file__).parents[1] / "marl_ppo"
DAY_S = 24 * 3600


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The two files it takes to start, where they can be changed."""
    package = tmp_path / "sources/marl_ppo"
    package.mkdir(parents=True)
    for name in ("__init__.py", "kernel_cache.py"):
        shutil.copy(PACKAGE / name, package)
    return package


def start(sources: Path, cache: Path, **environment: str) -> Path:
    """The folder that a new process names to numba."""
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    found = subprocess.run(
        [sys.executable, "-c", "import marl_ppo, os; print(os.environ['NUMBA_CACHE_DIR'])"],
        cwd=sources.parent,
        env={**inherited, "XDG_CACHE_HOME": str(cache), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(found.stdout.strip())


def folder_of_age(cache: Path, days: float, name: str = "kernels-0123456789abcdef") -> Path:
    """One with a kernel in it, which a process began with `days` ago."""
    folder = cache / "marl_ppo" / name
    (folder / "particle").mkdir(parents=True)
    (folder / "particle/rules.nbc").write_bytes(b"kernel")
    then = time.time() - days * DAY_S
    os.utime(folder, (then, then))
    return folder


def test_every_state_of_the_sources_has_a_folder_of_its_own(sources: Path, tmp_path: Path) -> None:
    """numba would not notice that an inlined helper in another file has changed."""
    before = start(sources, tmp_path)
    again = start(sources, tmp_path)
    (sources / "helper.py").write_text("HALF = 0.5\n")
    after = start(sources, tmp_path)

    assert before == again
    assert before != after
    assert {before.parent, after.parent} == {tmp_path / "marl_ppo"}


def test_a_folder_that_the_user_has_named_is_used(sources: Path, tmp_path: Path) -> None:
    assert start(sources, tmp_path, NUMBA_CACHE_DIR="elsewhere") == Path("elsewhere")


def test_a_folder_unused_for_a_month_is_removed_whole_and_younger_ones_stay(sources: Path, tmp_path: Path) -> None:
    old = folder_of_age(tmp_path, UNUSED_DAYS + 1)
    young = folder_of_age(tmp_path, UNUSED_DAYS - 1, "kernels-fedcba9876543210")
    start(sources, tmp_path)

    assert not old.exists()
    assert (young / "particle/rules.nbc").exists()
    assert [path.name for path in (tmp_path / "marl_ppo").iterdir()] == [young.name]


def test_a_start_keeps_its_own_folder_however_old(sources: Path, tmp_path: Path) -> None:
    own = start(sources, tmp_path)
    folder_of_age(tmp_path, UNUSED_DAYS + 1, own.name)
    start(sources, tmp_path)

    assert (own / "particle/rules.nbc").exists()
    assert own.stat().st_mtime > time.time() - DAY_S


def test_nothing_but_kernels_is_removed(sources: Path, tmp_path: Path) -> None:
    other = folder_of_age(tmp_path, 10 * UNUSED_DAYS, "bots")
    start(sources, tmp_path)

    assert (other / "particle/rules.nbc").exists()


def test_a_process_whose_folder_is_removed_compiles_on(tmp_path: Path) -> None:
    """numba makes its folder anew before it keeps a kernel; that this stays so is what makes removing safe."""
    module = tmp_path / "kernels.py"
    module.write_text("from numba import njit\n@njit(cache=True)\ndef double(x):\n    return x + x\n")
    program = (
        "import os, shutil, kernels\n"
        "kernels.double(1)\n"
        "shutil.rmtree(os.environ['NUMBA_CACHE_DIR'])\n"
        "print(kernels.double(1.5), len(list(kernels.double.stats.cache_misses)))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["3.0", "2"]
    assert list((tmp_path / "cache").glob("*/*.nbc"))


def test_a_folder_is_warm_once_a_compiled_kernel_is_kept_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before: numba makes folders when kernels are defined, long before the first run compiles them."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    (tmp_path / "particle").mkdir()
    defined = is_warm()
    (tmp_path / "particle/rules.nbi").touch()

    assert not defined
    assert is_warm()


def test_a_folder_of_ours_that_is_inherited_is_not_taken_over(sources: Path, tmp_path: Path) -> None:
    """A notebook names the folder of the sources it began with; a command it starts may meet other ones."""
    before = start(sources, tmp_path)
    (sources / "helper.py").write_text("HALF = 0.5\n")

    assert start(sources, tmp_path, NUMBA_CACHE_DIR=str(before)) == start(sources, tmp_path) != before
