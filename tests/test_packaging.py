"""What people install, and what the repository promises."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source")
    for name in ("marl_ppo", "pyproject.toml", "README.md", "LICENSE"):  # a copy, so that building leaves nothing behind
        subprocess.run(["cp", "-r", ROOT / name, source], check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source],
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as opened:
        return opened


def test_the_wheel_holds_one_package_and_every_module_of_it(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    tops = {name.split("/")[0] for name in inside}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "marl_ppo").rglob("*.py")}
    data = {str(path.relative_to(ROOT)) for kind in ("*.toml", "*.md", "py.typed") for path in (ROOT / "marl_ppo").rglob(kind)}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"marl_ppo"}
    assert modules | data <= inside


def test_ci_calls_the_readmes_test_command() -> None:
    """The command stands in one place."""
    commands = re.findall(r"^pip install .*scripts/check$", (ROOT / "README.md").read_text(), re.MULTILINE)
    (extraction,) = re.findall(r'command="\$\((.*)\)"', (ROOT / ".ci/run").read_text())
    extracted = subprocess.run(["bash", "-c", extraction], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert len(commands) == 1
    assert extracted.splitlines() == commands


def test_the_readmes_python_runs_as_it_stands() -> None:
    """And prints what our script for spread is said to reach, -7.27 over many more episodes."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    run = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)

    assert -7.8 < float(run.stdout) < -6.8


def test_nothing_in_the_repository_belongs_to_one_machine_or_runs_strangers_code() -> None:
    tracked = subprocess.run(["git", "ls-files", ":!*.gif"], cwd=ROOT, capture_output=True, text=True, check=True)
    forbidden = re.compile(
        r"(?<![\w.])/(?:work|root|tmp)/\w|^\s*(?:import|from) (?:pickle|dill|joblib)\b|torch\.load\(|\b(?:TODO|FIXME)\b",
        re.MULTILINE,
    )
    found = [name for name in tracked.stdout.split() if forbidden.search((ROOT / name).read_text())]

    assert [name for name in found if name != "tests/test_packaging.py"] == []
