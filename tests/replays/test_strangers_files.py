"""Files from anybody: opened, or refused with our own error; in little memory, and nothing is written or started."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl_ppo.errors import FileFormatError
from marl_ppo.replays.files import read_replay
from marl_ppo.replays.members import LARGEST_CONTENT

HERE = Path(__file__).parent
GOLDEN = HERE.parents[1] / "replays"
COUNT = 2000


def test_two_thousand_mutated_files_are_opened_or_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "open_mutations.py"), str(GOLDEN), "0", str(COUNT)],
        cwd=tmp_path,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)

    assert told["wrong"] == []
    assert told["written"] == []
    assert told["left"] == ["it.replay"]
    assert told["peak_mb"] < 500
    assert sum(told["came"].values()) == COUNT
    # Mutations that reach every layer: some change nothing that matters, some only what is told, most everything.
    assert told["came"]["exact"] > 50
    assert told["came"]["differs"] > 30
    assert told["came"]["refused"] > 500


def test_a_file_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.replay"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("match.json", b" " * (LARGEST_CONTENT + 1))

    with pytest.raises(FileFormatError, match=r"match.json has more than \d+ bytes"):
        read_replay(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all"])
def test_what_is_no_zip_is_no_replay(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "it.replay"
    path.write_bytes(content)

    with pytest.raises(FileFormatError, match="is damaged, or no replay"):
        read_replay(path)
