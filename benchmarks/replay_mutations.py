"""Open a hundred thousand mutated replay files as a viewer would: opened, or refused with our own error.

    python benchmarks/replay_mutations.py [--files 100000]

Two processes, each in an empty folder; prints how the files fared, what was raised besides our errors, what was written or
started, and the most memory that a process had. The mutations are those of tests/replays/mutations.py.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.progress import track

ROOT = Path(__file__).parents[1]
CHUNK = 2500


def opened(first: int, last: int) -> dict[str, Any]:
    """What came of the mutations from `first` on."""
    script = ROOT / "tests" / "replays" / "open_mutations.py"
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, str(script), str(ROOT / "replays"), str(first), str(last)],
            cwd=empty,
            env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        return {"came": {}, "wrong": [f"the process ended with {done.returncode}: {done.stderr[-500:]}"], "written": []}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    files = parser.parse_args().files
    opened(0, 0)  # compiles what is needed, which takes much memory itself
    starts = list(range(0, files, CHUNK))
    with ThreadPoolExecutor(2) as executor:
        jobs = executor.map(opened, starts, [min(start + CHUNK, files) for start in starts])
        told = list(track(jobs, "opening", total=len(starts), transient=True))
    kinds = sorted({kind for one in told for kind in one["came"]})
    print({kind: sum(one["came"].get(kind, 0) for one in told) for kind in kinds})
    for name in ("wrong", "written"):
        found = [line for one in told for line in one[name]]
        print(f"{name}: {len(found)}", *found[:10], sep="\n  ")
    print(f"most memory: {max(one.get('peak_mb', 0) for one in told):.0f} MB")
    print(f"slowest file: {max(one.get('slowest_s', 0) for one in told):.2f} s")


if __name__ == "__main__":
    main()
