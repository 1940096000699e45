"""Where compiled kernels are kept: a folder of the user's cache that belongs to exactly these sources.

Why one for each state of the sources, and why removing one is safe: docs/decisions/0004-kernel-cache.md.
"""

import contextlib
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
UNUSED_DAYS = 30
"""after which the kernels of other sources are removed"""


def use_own_folder() -> None:
    """Name the folder to numba, unless the user has named one. To be called before kernels are defined."""
    try:
        base = _base()
    except RuntimeError:  # a user without a home: numba finds a place of its own
        return
    named = os.environ.get(VARIABLE)
    # A folder of ours was named by the process that started this one, maybe of sources that have changed since.
    if named is not None and not (Path(named).parent == base and Path(named).name.startswith("kernels-")):
        return
    folder = base / f"kernels-{_stamp()}"
    os.environ[VARIABLE] = str(folder)
    if "numba" in sys.modules:  # it has read the environment already
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    with contextlib.suppress(OSError):  # not there before the first kernel is kept
        os.utime(folder)
    _remove_unused()


def is_warm() -> bool:
    """Whether kernels were compiled here before; if not, the first steps of a run take half a minute."""
    # numba makes folders as soon as a kernel is defined, and an index only when it keeps a compiled one.
    return any(Path(os.environ.get(VARIABLE, "")).glob("*/*.nbi"))


def _base() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "marl_ppo"


def _stamp() -> str:
    """Changes whenever a source file does."""
    stamp = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        status = file.stat()
        stamp.update(f"{file}:{status.st_mtime_ns}:{status.st_size};".encode())
    return stamp.hexdigest()[:16]


def _remove_unused() -> None:
    """Remove the folders that no process has begun with for UNUSED_DAYS; each start sets its own folder's time."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    for folder in _base().glob("*kernels-*"):  # those half removed, too
        with contextlib.suppress(OSError):  # another process was faster, or the folder is not ours
            if folder.stat().st_mtime < oldest:
                # Renamed first, so that whoever comes back to these sources meets all of it or nothing.
                doomed = folder.rename(folder.with_name(f"removed-{os.getpid()}-{folder.name}"))
                shutil.rmtree(doomed, ignore_errors=True)
