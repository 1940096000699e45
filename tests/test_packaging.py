"""What people install, and what the repository promises."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist, and the wheel that was built from it. Of a copy, so that building leaves nothing behind."""
    folder, source = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("source")
    for name in (
        "marl_ppo",
        "agents",
        "envs",
        "leagues",
        "replays",
        "pyproject.toml",
        "setup.py",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
    ):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    world = source / "envs/hive"
    (world / "tests").mkdir(parents=True)
    (world / "__pycache__").mkdir()
    for path in ("pyproject.toml", "hive.py", "tests/test_hive.py", "__pycache__/hive.pyc"):
        (world / path).touch()
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as opened:
        return opened


def test_the_wheel_holds_the_content_of_the_root_folders_without_caches_and_tests(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if name.startswith("marl_ppo/bundled/")}
    worlds = {name for name in inside if name.startswith("marl_ppo/bundled/envs/hive/")}
    listed = subprocess.run(
        ["git", "ls-files", "agents", "leagues", "replays"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    content = listed.stdout.split()

    assert worlds == {"marl_ppo/bundled/envs/hive/pyproject.toml", "marl_ppo/bundled/envs/hive/hive.py"}
    assert {"agents/spread/card.toml", "leagues/kuhn.toml", "replays/soccer.replay"} <= set(content)
    assert {f"marl_ppo/bundled/{name}" for name in content} <= inside


def test_bundled_bots_play_from_an_empty_folder_right_after_installation(built: Path, tmp_path: Path) -> None:
    """The wheel alone, unpacked where nothing of the repository is, in a process that knows nothing of it."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(next(built.glob("*.whl"))) as opened:
        opened.extractall(site)
    shutil.rmtree(site / "marl_ppo/bundled/envs/hive")
    code = "import marl_ppo, sys; from marl_ppo.cli.main import main; print(marl_ppo.__file__); main(sys.argv[1:])"
    for bot in sorted(path.parent.name for path in (ROOT / "agents").glob("*/card.toml")):
        run = subprocess.run(
            [sys.executable, "-c", code, "evaluate", bot, "--episodes", "8"],
            cwd=empty,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
        )

        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(str(site))
        assert "greedy" in run.stdout
    assert list(empty.iterdir()) == []


def test_the_wheel_holds_one_package_and_every_module_of_it(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    tops = {name.split("/")[0] for name in inside}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "marl_ppo").rglob("*.py")}
    kinds = ("*.toml", "*.md", "*.html", "*.css", "*.js", "py.typed")
    data = {str(path.relative_to(ROOT)) for kind in kinds for path in (ROOT / "marl_ppo").rglob(kind)}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"marl_ppo"}
    assert modules | data <= inside


def test_ci_calls_the_readmes_test_command() -> None:
    """The command stands in one place."""
    commands = re.findall(r"^pip install .*scripts/check$", (ROOT / "README.md").read_text(), re.MULTILINE)
    (extraction,) = re.findall(r'command="\$\((.*)\)"', (ROOT / ".ci/run").read_text())
    extracted = subprocess.run(["bash", "-c", extraction], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert len(commands) == 1
    assert extracted.splitlines() == commands


def test_nothing_in_the_repository_belongs_to_one_machine_or_runs_strangers_code() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", ":!*.gif", ":!*.png", ":!*.safetensors", ":!*.replay"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    forbidden = re.compile(
        r"(?<![\w.])/(?:work|root|tmp)/\w|^\s*(?:import|from) (?:pickle|dill|joblib)\b|torch\.load\(|\b(?:TODO|FIXME)\b",
        re.MULTILINE,
    )
    found = [name for name in tracked.stdout.split() if forbidden.search((ROOT / name).read_text())]

    assert [name for name in found if name != "tests/test_packaging.py"] == []
