"""The recorded matches in replays/: each must come out bit for bit, here, in another process, compiled or not.

A change of rules breaks them. If it is meant, raise the world's version and write them anew:
`python tests/replays/test_golden_replays.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

import matches
import pytest

from marl_ppo.envs import registered_worlds
from marl_ppo.replays.files import SUFFIX, read_replay, write_replay
from marl_ppo.replays.verify import verify

FOLDER = Path(__file__).parents[2] / "replays"
FILES = sorted(FOLDER.glob(f"*{SUFFIX}"))

VERIFY = """
import sys
from marl_ppo.replays.files import read_replay
from marl_ppo.replays.verify import verify
for path in sys.argv[1:]:
    print(verify(read_replay(path)).text)
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_match_is_what_it_was(file: Path) -> None:
    assert verify(read_replay(file)).text == "exact"


def test_every_world_has_one() -> None:
    assert {read_replay(file).world for file in FILES} == {entry.id for entry in registered_worlds()}


@pytest.mark.parametrize("switches", [{}, {"NUMBA_DISABLE_JIT": "1"}], ids=["compiled", "not compiled"])
def test_golden_matches_come_out_in_another_process(switches: dict[str, str]) -> None:
    told = subprocess.run(
        [sys.executable, "-c", VERIFY, *map(str, FILES)],
        env={**os.environ, **switches},
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")

    assert told == ["exact"] * len(FILES) + [""]


if __name__ == "__main__":
    for entry in registered_worlds():
        names = ("scripted", "scripted:medium", "random")
        print(write_replay(matches.recorded(entry.id, names=names, seed=1), FOLDER / f"{entry.id}{SUFFIX}"))
