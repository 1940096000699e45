"""Between a run in memory and a checkpoint: what is captured, and how it is put back.

Native worlds go on in the middle of their episodes; a world without snapshots starts new ones, and open decisions of
the old ones are dropped.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from marl_ppo.envs.registry import world_plugin
from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError
from marl_ppo.training.checkpoint import Checkpoint, into_arrays, to_tensors
from marl_ppo.training.setup import Setup
from marl_ppo.training.student import Student

PLAY = "play.safetensors"


def capture(setup: Setup, *, update: int, seconds: float) -> Checkpoint:
    """Copies of everything; to be called between updates."""
    files = {**capture_learners(setup), PLAY: _play_state(setup)}
    return Checkpoint(counters=counters(setup, update=update, seconds=seconds), files=files)


def counters(setup: Setup, *, update: int, seconds: float) -> dict[str, Any]:
    """What a checkpoint's meta.json tells."""
    plugin = world_plugin(setup.config.world)
    return {
        "world": _rules(setup),
        "package": None if plugin is None else plugin.package,
        "update": update,
        "steps": update * setup.config.steps_per_update,
        "seconds": seconds,
        "skipped_steps": {name: learner.skipped_steps for name, learner in setup.learners.items()},
        "bank": None if setup.bank is None else {"residents": setup.bank.residents, "slots": setup.bank.slot_names},
    }


def capture_learners(setup: Setup) -> dict[str, Mapping[str, Tensor]]:
    """What the policies have learned, frozen ones once: weights, optimisers, value normalisers, by file."""
    files: dict[str, Mapping[str, Tensor]] = {}
    for name, learner in setup.learners.items():
        folder = f"policies/{name}"
        files[f"{folder}/weights.safetensors"] = {k: v.clone() for k, v in learner.policy.state_dict().items()}
        files[f"{folder}/optimizer.safetensors"] = {k: v.clone() for k, v in learner.optimizer_state().items()}
        files[f"{folder}/normalizer.safetensors"] = {k: v.clone() for k, v in learner.value_norm.state().items()}
        for what, learned in setup.besides.get(name, {}).items():
            files[f"{folder}/{what}.safetensors"] = {k: v.clone() for k, v in learned.state().items()}
    return files


def restore_learners(setup: Setup, files: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Put back what `capture_learners` gave."""
    for name, learner in setup.learners.items():
        folder = f"policies/{name}"
        if f"{folder}/weights.safetensors" not in files:
            raise FileFormatError(f"the checkpoint has no policy {name!r}: was the run's config.toml changed?")
        own = learner.policy.state_dict()
        saved = files[f"{folder}/weights.safetensors"]
        if own.keys() != saved.keys() or any(own[key].shape != saved[key].shape for key in own):
            raise FileFormatError(f"the weights of {name!r} are of another shape: was the run's config.toml changed?")
        learner.policy.load_state_dict(dict(saved))
        learner.load_optimizer_state(files[f"{folder}/optimizer.safetensors"])
        learner.value_norm.load(files[f"{folder}/normalizer.safetensors"])
        for what, learned in setup.besides.get(name, {}).items():
            if f"{folder}/{what}.safetensors" not in files:
                raise FileFormatError(f"the checkpoint has no {what} of {name!r}: was the run's config.toml changed?")
            learned.load(files[f"{folder}/{what}.safetensors"])


def restore(setup: Setup, checkpoint: Checkpoint) -> bool:
    """Put everything back; returns whether the episodes go on, else they have to be started.

    Raises FileFormatError where the checkpoint is of other rules or other networks.
    """
    if (rules := checkpoint.counters.get("world", _rules(setup))) != _rules(setup):
        raise FileFormatError(f"the checkpoint is of {rules}, and this is {_rules(setup)}: the same run cannot go on")
    restore_learners(setup, checkpoint.files)
    for name, learner in setup.learners.items():
        learner.skipped_steps = checkpoint.counters["skipped_steps"][name]
    play = checkpoint.files[PLAY]
    if "snapshot" not in setup.spec.capabilities:
        for p, one in enumerate(setup.plays):
            into_arrays(_part(play, f"play.{p}."), {"episode": one.episode})
            one.episode += 1
        return False
    for shard, one in enumerate(setup.plays):
        one.world.bind(setup.store.outputs[shard][-1])
        snapshot = one.world.snapshot()
        into_arrays(_part(play, f"world.{shard}."), snapshot)
        one.world.restore(snapshot)
        into_arrays(_part(play, f"play.{shard}."), one.arrays())
        into_arrays(_part(play, f"log.{shard}."), setup.logs[shard].arrays())
        if setup.bank is not None:
            into_arrays(_part(play, f"bank.{shard}."), setup.bank.shards[shard].arrays())
    for name, student in setup.students.items():
        into_arrays(_part(play, f"open.{name}."), _open_arrays(student))
    return True


def _rules(setup: Setup) -> str:
    """The world and its version, which is raised by every change that can move an episode."""
    return f"world {setup.spec.id!r} version {setup.spec.version}"


def _play_state(setup: Setup) -> dict[str, Tensor]:
    found: dict[str, Array] = {}
    for shard, play in enumerate(setup.plays):
        if "snapshot" in setup.spec.capabilities:
            found |= _prefixed(f"world.{shard}.", play.world.snapshot())
        found |= _prefixed(f"play.{shard}.", play.arrays())
        found |= _prefixed(f"log.{shard}.", setup.logs[shard].arrays())
        if setup.bank is not None:
            found |= _prefixed(f"bank.{shard}.", setup.bank.shards[shard].arrays())
    for name, student in setup.students.items():
        found |= _prefixed(f"open.{name}.", _open_arrays(student))
    return to_tensors(found)


def _open_arrays(student: Student) -> dict[str, Array]:
    """The decisions that are carried on, and the critic's memory."""
    experience = student.experience
    seats = experience.num_seats
    carried = {name: field[:seats].numpy() for name, field in experience.decision_fields().items()}
    carried |= {name: shown.numpy() for name, shown in experience.open_shown.items()}
    carried |= {f"decision.{name}": np.asarray(field) for name, field in experience.open._asdict().items()}
    return carried | {"shared": experience.open_shared.numpy(), "critic_memory_now": student.memory.numpy()}


def _prefixed(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {prefix + name: array for name, array in arrays.items()}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
