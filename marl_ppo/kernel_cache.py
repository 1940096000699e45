"""Where compiled kernels are kept: a folder of the user's cache that belongs to exactly these sources.

numba renews a cached kernel when the kernel's own file changes, but not when a function that was compiled into it does,
as after an upgrade; a kernel of old and new halves can crash. So every state of the sources gets a folder of its own.
"""

import hashlib
import os
import sys
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def use_own_folder() -> None:
    """Name the folder to numba, unless the user has named one. To be called before kernels are defined."""
    if VARIABLE in os.environ:
        return
    stamp = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        status = file.stat()
        stamp.update(f"{file}:{status.st_mtime_ns}:{status.st_size};".encode())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = str(base / "marl_ppo" / f"kernels-{stamp.hexdigest()[:16]}")
    os.environ[VARIABLE] = folder
    if "numba" in sys.modules:  # it has read the environment already
        sys.modules["numba"].config.CACHE_DIR = folder


def is_warm() -> bool:
    """Whether kernels were compiled here before; if not, the first steps of a run take half a minute."""
    folder = Path(os.environ.get(VARIABLE, ""))
    return folder.is_dir() and any(folder.iterdir())
