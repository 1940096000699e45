"""A run is a function of its config: twice the same bytes, and the same bytes after any interruption."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.errors import FileFormatError
from marl_ppo.training.checkpoint import list_checkpoints, load_checkpoint
from marl_ppo.training.run import resume, train
from marl_ppo.training.trainer import Trainer

KINDS = [
    ("spread", {"threads": 2}, {}),
    ("spread", {"world_config": {"action": "continuous"}}, {}),
    ("staggered", {}, {"memory": "gru"}),
    ("staggered", {"world_config": {"on_death": "team"}}, {}),
    ("waits", {}, {}),
    ("kuhn", {}, {"memory": "gru"}),
    ("two_kinds", {"sharing": "separate"}, {}),
]


def fingerprint(trainer: Trainer) -> str:
    """Of everything a checkpoint holds, but for the time it took."""
    digest = hashlib.sha256()
    for path, tensors in sorted(trainer.checkpoint().files.items()):
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{path}:{name}".encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def saved_bytes(folder: Path) -> dict[str, str]:
    meta = json.loads((list_checkpoints(folder / "checkpoints")[-1] / "meta.json").read_text())
    hashes: dict[str, str] = meta["sha256"]
    return hashes


@pytest.mark.parametrize(("world", "settings", "network"), KINDS)
def test_equal_config_and_seed_give_equal_bytes(small: Any, world: str, settings: dict, network: dict) -> None:
    config = small(world, network=network, **settings)
    prints = []
    for _ in range(2):
        with Trainer(config) as trainer:
            while not trainer.finished:
                trainer.train_once()
            prints.append(fingerprint(trainer))

    assert prints[0] == prints[1]


def test_another_seed_gives_other_bytes(small: Any) -> None:
    prints = []
    for seed in (0, 1):
        with Trainer(small("waits", seed=seed)) as trainer:
            trainer.train_once()
            prints.append(fingerprint(trainer))

    assert prints[0] != prints[1]


@pytest.mark.parametrize(("world", "settings", "network"), KINDS)
def test_a_run_that_goes_on_from_a_checkpoint_ends_with_the_bytes_of_one_never_stopped(
    small: Any, tmp_path: Path, world: str, settings: dict, network: dict
) -> None:
    config = small(world, network=network, checkpoint_updates=3, keep_checkpoints=10, **settings)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "cut")
    resume(tmp_path / "cut", checkpoint=tmp_path / "cut/checkpoints/000003")

    assert saved_bytes(tmp_path / "whole") == saved_bytes(tmp_path / "cut")
    whole, cut = ((tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "cut"))
    assert len(whole) == len(cut) == 8


@pytest.mark.parametrize("world", ["staggered", "spread"])
def test_kill_9_at_five_moments_loses_nothing(small: Any, tmp_path: Path, world: str) -> None:
    """The run is killed again and again, after ever other times, and resumed until it ends."""
    memory = "gru" if world == "staggered" else "none"
    script = (
        "import sys; from pathlib import Path\n"
        "from marl_ppo.agents.networks import NetworkConfig\n"
        "from marl_ppo.training.config import TrainConfig, PPOConfig\n"
        "from marl_ppo.training.run import train, resume\n"
        "from marl_ppo.training.checkpoint import list_checkpoints\n"
        f"config = TrainConfig(world={world!r}, num_envs=16, num_steps=10, total_steps=160 * 100, threads=1,\n"
        f"    checkpoint_updates=1, network=NetworkConfig(hidden=(16, 16), memory={memory!r}), ppo=PPOConfig(gamma=0.9))\n"
        "folder = Path(sys.argv[1])\n"
        "resume(folder) if list_checkpoints(folder / 'checkpoints') else train(config, folder)\n"
    )

    def start(folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", script, str(folder)])

    assert start(tmp_path / "whole").wait(timeout=120) == 0
    saves = tmp_path / "killed/checkpoints"
    for kill in range(6):
        before = list_checkpoints(saves)[-1:]
        process = start(tmp_path / "killed")
        # Wait until this process has saved something, so that every round gets further; then a little longer.
        while list_checkpoints(saves)[-1:] == before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(0.013 * kill)
        if kill == 5:
            assert process.wait(timeout=120) == 0
        else:
            assert process.poll() is None, "the run was over before it could be killed: make it longer"
            os.kill(process.pid, signal.SIGKILL)
            process.wait(timeout=10)

    assert saved_bytes(tmp_path / "whole") == saved_bytes(tmp_path / "killed")


@pytest.fixture
def saved(small: Any, tmp_path: Path) -> Path:
    train(small("waits", checkpoint_updates=4), tmp_path / "run")
    return list_checkpoints(tmp_path / "run/checkpoints")[-1]


def test_a_flipped_byte_is_refused_and_the_checkpoint_before_is_named(saved: Path) -> None:
    file = saved / "policies/players/weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(FileFormatError, match=r"weights.safetensors is not what was written.*The one before it is .*000004"):
        load_checkpoint(saved)


def test_a_truncated_file_is_refused(saved: Path) -> None:
    file = saved / "play.safetensors"
    file.write_bytes(file.read_bytes()[:-10])

    with pytest.raises(FileFormatError, match=r"play\.safetensors is not what was written"):
        load_checkpoint(saved)


def test_a_pickle_is_refused_even_when_its_checksum_is_right(saved: Path) -> None:
    """The bytes of a pickle are data like any other here: nothing ever runs them."""
    file = saved / "play.safetensors"
    file.write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.")
    meta = json.loads((saved / "meta.json").read_text())
    meta["sha256"]["play.safetensors"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (saved / "meta.json").write_text(json.dumps(meta))

    with pytest.raises(FileFormatError, match=r"play\.safetensors is not a safetensors file"):
        load_checkpoint(saved)


def test_a_path_out_of_the_folder_is_refused(saved: Path) -> None:
    meta = json.loads((saved / "meta.json").read_text())
    meta["sha256"]["../../config.toml"] = "0"
    (saved / "meta.json").write_text(json.dumps(meta))

    with pytest.raises(FileFormatError, match="is missing"):
        load_checkpoint(saved)


def test_a_newer_format_is_refused_by_its_number(saved: Path) -> None:
    meta = json.loads((saved / "meta.json").read_text())
    (saved / "meta.json").write_text(json.dumps(meta | {"format": 99}))

    with pytest.raises(FileFormatError, match="has format 99; this version of marl_ppo reads 1"):
        load_checkpoint(saved)
