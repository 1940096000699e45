"""What stands in the README and the documents runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from marl_ppo.cli.main import main

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{file.relative_to(ROOT)}-{number}")
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for number, block in enumerate(BLOCK.findall(file.read_text()))
]


def run(block: str, workspace: Path) -> str:
    main(["init", str(workspace)])
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("block", BLOCKS)
def test_every_python_block_runs_in_a_new_workspace(block: str, tmp_path: Path) -> None:
    run(block, tmp_path / "workspace")


def test_the_readmes_bot_and_script_play_as_well_as_is_said(tmp_path: Path) -> None:
    """The script's return is -7.27 over many more episodes, and the bot's -7.40."""
    printed = "".join(run(block, tmp_path / str(n)) for n, block in enumerate(BLOCK.findall((ROOT / "README.md").read_text())))
    script, bot = map(float, printed.split())

    assert -7.8 < script < -6.8
    assert -9.0 < bot < -6.0
