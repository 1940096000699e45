"""Files that are whole or not there, whatever goes wrong while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what is to become `path`: a file beside it with the same ending, which takes its place at the end.

    A full disk, an error or Ctrl-C leaves what was there before, and nothing else. Folders are made where they are missing.
    An OSError names `path`; the system itself names no file where a disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writing = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        yield writing
        os.replace(writing, path)
    except OSError as error:
        if error.filename not in (None, str(writing)):
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        writing.unlink(missing_ok=True)
