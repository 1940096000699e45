"""A run is a function of its config: twice the same bytes, and the same bytes after any interruption."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.errors import FileFormatError
from marl_ppo.training.checkpoint import list_checkpoints, load_checkpoint, read_meta
from marl_ppo.training.config import HierarchyConfig
from marl_ppo.training.config_file import save_config
from marl_ppo.training.run import resume, train
from marl_ppo.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("shown")

SCRIPT = Path(__file__).with_name("training_process.py")

KINDS = [
    ("spread", {"threads": 2}, {}),
    ("spread", {"world_config": {"action": "continuous"}}, {}),
    ("staggered", {}, {"memory": "gru"}),
    ("staggered", {"world_config": {"on_death": "team"}}, {}),
    ("waits", {}, {}),
    ("kuhn", {}, {"memory": "gru"}),
    ("two_kinds", {"sharing": "separate"}, {}),
    ("staggered", {"algorithm": "trpo"}, {"memory": "gru"}),
    ("two_kinds", {"algorithm": "trpo", "sharing": "separate", "threads": 2}, {}),
    ("shown", {"world_config": {"forms": "far"}, "critic_input": "both"}, {}),
    ("shown", {"world_config": {"forms": "far+picture+entities+tokens"}, "threads": 2}, {"memory": "gru"}),
    ("shown", {"world_config": {"forms": "picture"}}, {}),
    ("key_doors", {"policy": "hierarchical", "hierarchy": HierarchyConfig(subgoals="command", held_out=0.2)}, {}),
    ("spread", {"policy": "hierarchical", "hierarchy": HierarchyConfig(subgoals="skill", subgoal_steps=3), "threads": 2}, {}),
    ("staggered", {"sharing": "separate", "num_envs": 1, "num_steps": 3, "total_steps": 3 * 8}, {}),
]


def fingerprint(trainer: Trainer) -> str:
    """Of everything a checkpoint holds, but for the time it took."""
    digest = hashlib.sha256()
    for path, tensors in sorted(trainer.checkpoint().files.items()):
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{path}:{name}".encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def saved_bytes(folder: Path) -> dict[str, str]:
    """sha256 of every file of the newest checkpoint."""
    hashes: dict[str, str] = read_meta(list_checkpoints(folder / "checkpoints")[-1])["sha256"]
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


@pytest.fixture
def busy_neighbour() -> Iterator[None]:
    """A process that takes all the time it can get, for as long as the test lasts."""
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    spinning.kill()
    spinning.wait()


@pytest.mark.parametrize(("world", "network"), [("spread", {}), ("staggered", {"memory": "gru"})])
@pytest.mark.usefixtures("busy_neighbour")
def test_two_threads_give_equal_bytes_in_a_fresh_process_beside_a_busy_one(
    small: Any, tmp_path: Path, world: str, network: dict
) -> None:
    """Neither this process and all it did before, nor who gets how much of the processor, reaches the weights."""
    config = small(world, threads=2, network=network)
    train(config, tmp_path / "here")
    save_config(config, tmp_path / "config.toml")
    subprocess.run([sys.executable, SCRIPT, tmp_path / "config.toml", tmp_path / "there"], check=True, timeout=120)

    assert saved_bytes(tmp_path / "here") == saved_bytes(tmp_path / "there")


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


def test_what_killed_saves_left_behind_is_cleaned_away(small: Any, tmp_path: Path) -> None:
    """Also where it lies in the way of a save of the same update."""
    saves = tmp_path / "run/checkpoints"
    for update in (3, 4):
        (saves / f".writing-{update:06d}").mkdir(parents=True)
        (saves / f".writing-{update:06d}" / "half.safetensors").touch()
    train(small("waits", checkpoint_updates=4), tmp_path / "run")

    assert sorted(path.name for path in saves.iterdir()) == ["000004", "000008"]
    assert not list(saves.rglob("half.safetensors"))


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
