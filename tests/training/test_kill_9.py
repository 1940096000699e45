"""A run that is killed, at whatever moment, and resumed ends with the bytes of one that never was.

Every run saves at updates 2, 4, 6 and 8, and keeps only the newest checkpoint. A child process dies while it saves
update 4, or in the two updates after it. Each moment is the call of a function that runs there.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.training.checkpoint import list_checkpoints, read_meta
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import save_config
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import resume, train

SCRIPT = Path(__file__).with_name("training_process.py")
ARMED_AT = 4
CHECKPOINT = "marl_ppo.training.checkpoint"

RUNS: dict[str, dict[str, Any]] = {
    "memory": {"world": "staggered", "world_config": {"on_death": "team"}, "network": {"memory": "gru"}},
    "deaths": {"world": "staggered"},
    "waits": {"world": "waits"},
    "threads": {"world": "spread", "threads": 2},
}


@dataclass(frozen=True)
class Moment:
    """Right before the `call`-th call of `place`, in a run of that kind."""

    run: str
    place: str
    call: int
    saved: int
    """update of the newest whole checkpoint at that moment"""


MOMENTS = {
    # While a rollout is collected.
    "before the first step": Moment("memory", "marl_ppo.play.play.Play.advance", 1, 4),
    "while decisions are open": Moment("waits", "marl_ppo.play.play.Play.advance", 6, 4),
    "in one of two threads": Moment("threads", "marl_ppo.play.play.Play.decide", 7, 4),
    # In an update.
    "after some gradient steps": Moment("memory", "torch.optim.Adam.step", 5, 4),
    "between clipping the actor and the critic": Moment("threads", "marl_ppo.training.parameters.FlatParameters.clip", 4, 4),
    "before open decisions are carried on": Moment("waits", "marl_ppo.training.rollout.Experience.carry", 2, 4),
    # While a checkpoint is written.
    "before the record reaches the disk": Moment("waits", "os.fsync", 1, 2),
    "between two files": Moment("deaths", f"{CHECKPOINT}.save_file", 3, 2),
    "before the temporary folder is renamed": Moment("memory", "pathlib.Path.rename", 1, 2),
    "before older ones are removed": Moment("deaths", f"{CHECKPOINT}.list_checkpoints", 1, 4),
    "while an older one is being removed": Moment("memory", "os.unlink", 2, 4),
}


@pytest.fixture(scope="module")
def configs(small: Any) -> dict[str, TrainConfig]:
    settings = {"total_steps": 8 * 9 * 8, "checkpoint_updates": 2, "keep_checkpoints": 1}
    return {name: small(**kind, **settings) for name, kind in RUNS.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, configs: dict[str, TrainConfig]) -> dict[str, Path]:
    """Runs that nobody disturbed."""
    return {name: train(config, tmp_path_factory.mktemp("whole") / name).folder for name, config in configs.items()}


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, configs: dict[str, TrainConfig]
) -> Iterator[dict[str, Future[tuple[Path, int]]]]:
    """By moment, the folder and exit code of a run that died there; two at once, since a process takes seconds to start."""
    base = tmp_path_factory.mktemp("killed")

    def die(name: str, moment: Moment) -> tuple[Path, int]:
        config, folder = base / f"{name}.toml", base / name
        save_config(configs[moment.run], config)
        death = [str(ARMED_AT), moment.place, str(moment.call)]
        return folder, subprocess.run([sys.executable, SCRIPT, config, folder, *death], timeout=120).returncode

    with ThreadPoolExecutor(2) as executor:
        yield {name: executor.submit(die, name, moment) for name, moment in MOMENTS.items()}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_run_killed_at_any_moment_ends_as_if_nothing_had_happened(
    name: str, whole: dict[str, Path], killed: dict[str, Future[tuple[Path, int]]]
) -> None:
    """Weights, optimiser, normalisers, worlds and open decisions byte for byte; and the record, but for times."""
    moment = MOMENTS[name]
    folder, exit_code = killed[name].result()
    assert exit_code == -signal.SIGKILL
    assert list_checkpoints(folder / "checkpoints")[-1].name == f"{moment.saved:06d}"

    resume(folder)

    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["000008"]
    assert last_saved(folder) == last_saved(whole[moment.run])
    assert record(folder) == record(whole[moment.run])


def last_saved(folder: Path) -> dict[str, str]:
    """sha256 of every file of the newest checkpoint."""
    hashes: dict[str, str] = read_meta(list_checkpoints(folder / "checkpoints")[-1])["sha256"]
    return hashes


def record(folder: Path) -> list[str]:
    """The lines of metrics.jsonl without what was measured with a clock."""
    clock = ("seconds", "SPS", "collect_share")
    return [json.dumps({name: value for name, value in line.items() if name not in clock}) for line in read_metrics(folder)]
