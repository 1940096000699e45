"""One level of a hierarchy learns, and the other one plays as it was trained before."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from marl_ppo.errors import ConfigError
from marl_ppo.training.checkpoint import list_checkpoints, load_checkpoint, read_meta
from marl_ppo.training.config import HierarchyConfig, TrainConfig
from marl_ppo.training.players import find_player
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import resume, train
from marl_ppo.training.setup import spec_of
from marl_ppo.training.start import load_start
from marl_ppo.training.trainer import Trainer

LEVELS = {"manager": "worker", "worker": "manager"}
"""frozen → the one that learns"""
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"world": "spread"},
    "two threads": {"world": "spread", "threads": 2},
    "memory, standardised obs": {"world": "key_doors", "network": {"memory": "gru", "normalize_obs": "always"}},
    "a team's manager": {"world": "plates", "levels": {"manages": "team"}},
    "skills": {"world": "spread", "levels": {"subgoals": "skill"}},
    "looking beyond options": {"world": "spread", "levels": {"cut": False}},
}


@pytest.fixture(scope="module")
def earlier(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, TrainConfig]]:
    """(folder, config) of a run of one of KINDS, trained where it is first asked for."""
    base, made = tmp_path_factory.mktemp("earlier"), {}

    def get(kind: str) -> tuple[Path, TrainConfig]:
        if kind not in made:
            settings = {**KINDS[kind]}
            hierarchy = HierarchyConfig(**{"subgoals": "thing", "subgoal_steps": 4, **settings.pop("levels", {})})
            config = small(policy="hierarchical", hierarchy=hierarchy, num_steps=12, replay_updates=0, **settings)
            made[kind] = train(config, base / f"run-{len(made)}").folder, config
        return made[kind]

    return get


def freezing(earlier: tuple[Path, TrainConfig], level: str, **over: Any) -> TrainConfig:
    """A training that goes on from a run with one level frozen."""
    folder, config = earlier
    frozen = replace(config.hierarchy, frozen=level)  # type: ignore[arg-type]
    return replace(config, seed=1, start_from=str(folder), hierarchy=frozen, **over)


def weights(folder: Path, level: str) -> dict[str, Tensor]:
    """Of a run's newest checkpoint, statistics of obs included."""
    file = f"policies/agents.{level}/weights.safetensors"
    return dict(load_checkpoint(list_checkpoints(folder / "checkpoints")[-1], only=file).files[file])


def now(trainer: Trainer, level: str) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in trainer.setup.learners[f"agents.{level}"].policy.state_dict().items()}


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("frozen", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_frozen_level_stays_what_it_was_while_the_other_learns(earlier: Any, kind: str, frozen: str) -> None:
    config, learns = freezing(earlier(kind), frozen), LEVELS[frozen]
    with Trainer(config, start=load_start(config)) as trainer:
        before = {level: now(trainer, level) for level in LEVELS}
        metrics = [trainer.train_once().metrics for _ in range(3)][-1]
        after = {level: now(trainer, level) for level in LEVELS}

    assert all(equal(before[level], weights(earlier(kind)[0], level)) for level in LEVELS)
    assert equal(after[frozen], before[frozen])
    assert not any(torch.equal(after[learns][key], before[learns][key]) for key in before[learns] if "trunk" in key)
    learned = {name.split("/")[0] for name in metrics if name.endswith(("approx_kl", "value", "learning_rate"))}
    assert learned == {f"agents.{learns}"}
    # How it plays is told all the same, but nothing of what it would learn from.
    assert metrics["agents.manager/option_length"] <= 4
    assert ("agents.worker/intrinsic_return" in metrics) == (learns == "worker")


def test_a_frozen_level_has_nothing_to_remember_what_it_decided_by(earlier: Any) -> None:
    """No experience, hence no values and no bootstraps of it, and no optimiser's moments."""
    for frozen, learns in LEVELS.items():
        config = freezing(earlier("plain"), frozen)
        with Trainer(config, start=load_start(config)) as trainer:
            trainer.train_once()
            saved = trainer.checkpoint()

            assert trainer.setup.students.keys() == {f"agents.{learns}"}
            assert not saved.files[f"policies/agents.{frozen}/optimizer.safetensors"]
            assert not [name for name in saved.files["play.safetensors"] if name.startswith(f"open.agents.{frozen}.")]


@pytest.mark.parametrize("frozen", LEVELS)
@pytest.mark.parametrize("kind", ["plain", "memory, standardised obs", "skills"])
def test_a_run_that_goes_on_ends_with_the_bytes_of_one_never_stopped(
    earlier: Any, tmp_path: Path, kind: str, frozen: str
) -> None:
    """Also when the run that it began with is gone. The checkpoint plays, and so did what was recorded in between."""
    source, config = earlier(kind)
    shutil.copytree(source, tmp_path / "first")
    config = freezing((tmp_path / "first", config), frozen, checkpoint_updates=3, keep_checkpoints=9, replay_updates=5)
    for name in ("whole", "cut"):
        train(config, tmp_path / name)
    shutil.rmtree(tmp_path / "first")
    resume(tmp_path / "cut", checkpoint=tmp_path / "cut/checkpoints/000003")
    digests = [read_meta(list_checkpoints(tmp_path / name / "checkpoints")[-1])["sha256"] for name in ("whole", "cut")]
    clock = ("seconds", "SPS", "collect_share")
    records = [
        [{key: value for key, value in line.items() if key not in clock} for line in read_metrics(tmp_path / name)]
        for name in ("whole", "cut")
    ]

    assert digests[0] == digests[1]
    assert equal(weights(tmp_path / "cut", frozen), weights(source, frozen))
    assert str(records[0]) == str(records[1])
    assert [file.stem for file in (tmp_path / "cut/replays").iterdir()] == ["update-000005"]
    assert find_player(str(tmp_path / "cut"), spec_of(config)).policies


@pytest.mark.parametrize("kind", ["plain", "skills"])
def test_the_levels_may_take_turns_to_learn(earlier: Any, tmp_path: Path, kind: str) -> None:
    """A value normaliser, and what was learned of skills, is kept while its level is frozen, and goes on with it."""
    whole, config = earlier(kind)
    first = freezing((whole, config), "manager")
    train(first, tmp_path / "worker")
    second = freezing((tmp_path / "worker", first), "worker")
    with Trainer(second, start=load_start(second)) as trainer:
        begun = trainer.checkpoint().files
    third = freezing((train(second, tmp_path / "manager").folder, second), "manager")
    with Trainer(third, start=load_start(third)) as trainer:
        again = trainer.checkpoint().files

    if kind == "skills":
        told = "policies/agents.worker/subgoals.safetensors"
        assert equal(dict(begun[told]), dict(again[told]))
        assert sum(float(counts.sum()) for counts in again[told].values()) > 0
    for level, folder in (("manager", whole), ("worker", tmp_path / "worker")):
        for file in (f"policies/agents.{level}/{what}.safetensors" for what in ("weights", "normalizer")):
            kept = load_checkpoint(list_checkpoints(folder / "checkpoints")[-1], only=file).files[file]
            assert equal(dict(begun[file]), dict(kept))


def test_a_manager_does_not_wait_for_a_worker_that_is_frozen(earlier: Any) -> None:
    """In the warm-up its actor would rest; under a frozen worker it learns from the first update on."""
    config = freezing(earlier("plain"), "worker")
    config = replace(config, hierarchy=replace(config.hierarchy, warm_up=0.9))
    with Trainer(config, start=load_start(config)) as trainer:
        before = now(trainer, "manager")
        trainer.train_once()
        after = now(trainer, "manager")

    assert not torch.equal(before["actor.output.weight"], after["actor.output.weight"])


@pytest.mark.parametrize("frozen", LEVELS)
def test_who_begins_as_somebody_else_keeps_what_is_frozen(earlier: Any, frozen: str) -> None:
    config, learns = freezing(earlier("plain"), frozen), LEVELS[frozen]
    with Trainer(replace(earlier("plain")[1], seed=2)) as other:
        model = other.learners()
    with Trainer(config, start=load_start(config)) as trainer:
        before = now(trainer, frozen)
        trainer.begin_anew(model)
        after = {level: now(trainer, level) for level in LEVELS}

    assert equal(after[frozen], before)
    assert equal(after[learns], dict(model.files[f"policies/agents.{learns}/weights.safetensors"]))


@pytest.mark.parametrize(
    ("hierarchy", "training", "message"),
    [
        ({"frozen": "manager", "managed_by": "random"}, {}, "frozen='manager' needs two levels, .* managed_by='random' leaves"),
        ({"frozen": "worker", "managed_by": "oracle"}, {}, "frozen='worker' needs two levels, .* managed_by='oracle' leaves"),
        ({"frozen": "manager", "subgoals": "action"}, {}, "frozen='manager' needs two levels, .* subgoals='action' leaves"),
        ({"frozen": "worker", "subgoals": "action"}, {}, "frozen='worker' needs two levels, .* subgoals='action' leaves"),
        (
            {"frozen": "manager", "mix": "advantages"},
            {},
            "no manager to learn, which mix='advantages' needs; use mix 'rewards'",
        ),
        ({"frozen": "worker"}, {"policy": "flat"}, "hierarchy.frozen='worker' is of policy 'hierarchical', got policy 'flat'"),
        ({"frozen": "worker"}, {"start_from": None}, "keeps a worker as it was trained; say which one, with start_from"),
    ],
    ids=str,
)
def test_what_cannot_be_frozen_is_refused(hierarchy: dict[str, Any], training: dict[str, Any], message: str) -> None:
    settings = {"policy": "hierarchical", "start_from": "somebody", **training}
    with pytest.raises(ConfigError, match=message):
        TrainConfig(world="spread", hierarchy=HierarchyConfig(**hierarchy), **settings)


def test_a_worker_that_minds_advantages_may_be_frozen(earlier: Any) -> None:
    """Only who learns asks the manager's critic."""
    config = freezing(earlier("plain"), "worker")
    config = replace(config, hierarchy=replace(config.hierarchy, mix="advantages"))
    with Trainer(config, start=load_start(config)) as trainer:
        before = {level: now(trainer, level) for level in LEVELS}
        trainer.train_once()
        after = {level: now(trainer, level) for level in LEVELS}

    assert equal(before["worker"], after["worker"])
    assert not equal(before["manager"], after["manager"])


def test_what_is_to_be_frozen_has_to_be_there(earlier: Any, tmp_path: Path) -> None:
    """A worker that learned under a manager at random has no manager to freeze; one that learns over it begins anew."""
    _, config = earlier("plain")
    alone = replace(config, hierarchy=replace(config.hierarchy, managed_by="random"))
    train(alone, tmp_path / "alone")
    with pytest.raises(ConfigError, match=r"has no weights of agents.manager to start from; it has agents.worker"):
        load_start(freezing((tmp_path / "alone", config), "manager"))

    found = load_start(freezing((tmp_path / "alone", config), "worker"))
    assert found is not None
    assert {file.split("/")[1] for file in found.files} == {"agents.worker"}
