"""A training that begins with the weights of an earlier player."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from marl_ppo.errors import ConfigError, FileFormatError, UnknownNameError
from marl_ppo.training.bots import save_bot
from marl_ppo.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint
from marl_ppo.training.config import HierarchyConfig, TrainConfig
from marl_ppo.training.run import RunListener, resume, train
from marl_ppo.training.start import load_start
from marl_ppo.training.trainer import Trainer

Small = Callable[..., TrainConfig]


class Warned(RunListener):
    """Writes down of what it was warned."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []

    def on_warning(self, source: str, name: str, text: str) -> None:
        self.warnings.append((source, text))


def newest(run: Path) -> Checkpoint:
    return load_checkpoint(list_checkpoints(run / "checkpoints")[-1])


def same(first: Checkpoint, second: Checkpoint, file: str) -> bool:
    """Whether a file of two checkpoints holds the same, to the bit."""
    one, other = (checkpoint.files[f"policies/{file}.safetensors"] for checkpoint in (first, second))
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def begun(config: TrainConfig) -> Checkpoint:
    """What a training knows before its first update."""
    with Trainer(config, start=load_start(config)) as trainer:
        return trainer.checkpoint()


@pytest.fixture(scope="module")
def hierarchical(small: Small) -> Callable[..., TrainConfig]:
    """A factory of small hierarchies in spread, whose levels' settings are `levels`."""

    def make(world: str = "spread", *, levels: dict[str, Any] | None = None, **over: Any) -> TrainConfig:
        hierarchy = HierarchyConfig(**{"subgoals": "thing", "subgoal_steps": 4, **(levels or {})})
        return small(world, policy="hierarchical", hierarchy=hierarchy, replay_updates=0, **over)

    return make


@pytest.fixture(scope="module")
def earlier(hierarchical: Callable[..., TrainConfig], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hierarchy that was trained."""
    return train(hierarchical(), tmp_path_factory.mktemp("earlier") / "run").folder


@pytest.mark.parametrize(
    ("world", "settings"),
    [
        ("waits", {}),
        ("two_kinds", {"sharing": "separate"}),
        ("four_rooms", {"novelty": 0.5}),
        ("spread", {"network": {"memory": "gru", "normalize_obs": "always"}}),
    ],
)
def test_it_begins_with_all_that_was_learned_but_the_optimiser(
    small: Small, tmp_path: Path, world: str, settings: dict[str, Any]
) -> None:
    """Weights, statistics of obs, value normalisers and what was seen before, to the bit."""
    train(small(world, replay_updates=0, **settings), tmp_path / "run")
    saved = newest(tmp_path / "run")
    start = begun(small(world, seed=1, start_from=str(tmp_path / "run"), **settings))
    learned = {file for file in saved.files if file.startswith("policies/") and not file.endswith("/optimizer.safetensors")}

    assert learned
    for file in learned:
        assert same(start, saved, file.removeprefix("policies/").removesuffix(".safetensors"))
    assert all(not tensors for file, tensors in start.files.items() if file.endswith("/optimizer.safetensors"))


def test_a_bot_has_its_weights_to_begin_with(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train(small("waits", replay_updates=0), Path("runs/run"))
    save_bot("run", "mine", command="the test", episodes=1)
    start = begun(small("waits", start_from="mine"))

    assert same(start, newest(Path("runs/run")), "players/weights")
    assert float(start.files["policies/players/normalizer.safetensors"]["weight"]) == 0

    with Path("agents/mine/config.toml").open("a") as config:
        config.write("\n")
    with pytest.raises(FileFormatError, match="is not the one its card is about"):
        begun(small("waits", start_from="mine"))


def test_managers_may_begin_with_one_player_and_workers_with_another(
    hierarchical: Callable[..., TrainConfig], earlier: Path, tmp_path: Path
) -> None:
    train(hierarchical(seed=1), tmp_path / "other")
    start = begun(hierarchical(start_from=f"{earlier}+{tmp_path / 'other'}"))
    first, second = newest(earlier), newest(tmp_path / "other")

    assert same(start, first, "agents.manager/weights")
    assert same(start, first, "agents.manager/normalizer")
    assert same(start, second, "agents.worker/weights")
    assert not same(first, second, "agents.worker/weights")


def test_a_policy_that_the_player_lacks_begins_with_initial_weights_and_that_is_told(
    hierarchical: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    """A worker learns under a manager at random first, say."""
    train(hierarchical(levels={"managed_by": "random"}), tmp_path / "worker")
    config = hierarchical(start_from=str(tmp_path / "worker"))
    listener = Warned()
    train(config, tmp_path / "both", listener)
    start = begun(config)

    assert same(start, newest(tmp_path / "worker"), "agents.worker/weights")
    assert same(start, begun(hierarchical()), "agents.manager/weights")
    assert listener.warnings[0] == (
        "agents.manager",
        f"{tmp_path / 'worker'} has no weights of it: it begins with initial ones",
    )


def test_a_run_goes_on_when_the_player_that_it_began_with_is_gone(small: Small, tmp_path: Path) -> None:
    train(small("waits", replay_updates=0), tmp_path / "first")
    config = small("waits", seed=1, start_from=str(tmp_path / "first"), checkpoint_updates=3, keep_checkpoints=9)
    for name in ("whole", "cut"):
        train(config, tmp_path / name)
    first = newest(tmp_path / "first")
    shutil.rmtree(tmp_path / "first")
    resume(tmp_path / "cut", checkpoint=tmp_path / "cut/checkpoints/000003")
    whole, cut = newest(tmp_path / "whole"), newest(tmp_path / "cut")

    assert same(whole, cut, "players/weights")
    assert same(whole, cut, "players/optimizer")
    assert same(load_checkpoint(tmp_path / "cut/start"), first, "players/weights")


def test_who_begins_anew_does_so_with_what_it_began_with(small: Small, tmp_path: Path) -> None:
    train(small("waits", replay_updates=0), tmp_path / "first")
    config = small("waits", seed=1, start_from=str(tmp_path / "first"))
    with Trainer(config, start=load_start(config)) as trainer:
        trainer.train_once()
        moved = trainer.checkpoint()
        trainer.begin_anew()
        back = trainer.checkpoint()

    for file in ("players/weights", "players/normalizer"):
        assert same(back, newest(tmp_path / "first"), file)
    assert not same(back, moved, "players/weights")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"network": {"hidden": (8, 16)}},
            r"'agents.manager' cannot start from .*000008: its weights have other shapes or names there, in actor.trunk",
        ),
        ({"critic_input": "own"}, "other shapes or names there, in critic.output.*; train it with the settings of that player"),
        (
            {"world_config": {"agents": 2}},
            r"agent_0: \"obs .*18.* in .*000008, to start from, and \"obs .*12.* here; give both",
        ),
        (
            {"levels": {"subgoals": "command"}},
            "subgoals: 'thing' in .*000008, to start from, and 'command' here; give both the same",
        ),
        ({"network": {"activation": "relu"}}, "network.activation: 'tanh' in .*, to start from, and 'relu' here"),
        ({"levels": {"subgoal_steps": 9, "frozen": "worker"}}, "subgoal_steps: 4 in .*, to start from, and 9 here"),
        ({"levels": {"held_out": 0.3}, "seed": 1}, r"held_out subgoals \(share, seed\): 'none' in .*, and \(0.3, 1\) here"),
        ({"sharing": "separate"}, r"has no weights of agent_0.manager, .* to start from; it has agents.manager, agents.worker"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(
    hierarchical: Callable[..., TrainConfig], earlier: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_start(hierarchical(start_from=str(earlier), **settings))


def test_who_has_no_weights_cannot_be_begun_with(small: Small, earlier: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"start_from='scripted' has no weights; name a run, a checkpoint or a bot"):
        load_start(small("spread", start_from="scripted"))
    with pytest.raises(ConfigError, match=r"has no weights of agents to start from; it has agents.manager, agents.worker"):
        load_start(small("spread", start_from=str(earlier)))
    with pytest.raises(ConfigError, match="joins two levels, and policy 'flat' has none; name one player"):
        load_start(small("spread", start_from=f"{earlier}+{earlier}"))
    with pytest.raises(UnknownNameError, match="No player is called 'nobody'"):
        train(replace(small("spread"), start_from="nobody"), tmp_path / "run")

    assert not (tmp_path / "run").exists()
