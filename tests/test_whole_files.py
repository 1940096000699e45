"""What is written becomes whole or leaves what was there."""

import errno
from pathlib import Path

import pytest

from marl_ppo.whole_files import whole_file


@pytest.mark.parametrize("trouble", [ValueError("no frame"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_trouble_leaves_what_was_there_and_nothing_else(trouble: BaseException, tmp_path: Path) -> None:
    (tmp_path / "match.html").write_text("old")

    def write() -> None:
        with whole_file(tmp_path / "match.html") as writing:
            writing.write_text("half of")
            raise trouble

    with pytest.raises(type(trouble)):
        write()

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("match.html", "old")]


def test_a_full_disk_is_told_with_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    """The system names no file then, and the command line tells those errors only that name one."""
    with pytest.raises(OSError, match=r"No space left.*match\.html") as found, whole_file(tmp_path / "match.html"):
        raise OSError(errno.ENOSPC, "No space left")

    assert found.value.filename == str(tmp_path / "match.html")


def test_other_errors_keep_the_file_that_they_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as found, whole_file(tmp_path / "match.html"):
        (tmp_path / "palette").read_text()

    assert found.value.filename == str(tmp_path / "palette")


def test_a_whole_file_is_put_where_folders_are_missing(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a/b/match.html") as writing:
        writing.write_text("new")

    assert [file.name for file in (tmp_path / "a/b").iterdir()] == ["match.html"]
