"""Whatever form obs have, the training is the same training: bytes stay bytes, play and update see the same thing."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from shown import FORMS
from torch import Tensor

from marl_ppo.envs import make_world
from marl_ppo.envs.conformance import check_world
from marl_ppo.errors import ConfigError, FileFormatError
from marl_ppo.training.batch import Batch, make_batch
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, save_config
from marl_ppo.training.fused.playing import FusedActing
from marl_ppo.training.gradients import PlainGradients
from marl_ppo.training.players import find_trained, load_player
from marl_ppo.training.policies import make_policies
from marl_ppo.training.run import train
from marl_ppo.training.setup import spec_of
from marl_ppo.training.student import Student
from marl_ppo.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("shown")

MIXED = "far+picture+entities+tokens"
UPDATES = 3


def form(forms: str, **over: Any) -> dict[str, Any]:
    return {"world": "shown", "world_config": {"forms": forms}, **over}


@contextmanager
def trained(config: TrainConfig, updates: int = UPDATES) -> Iterator[tuple[Trainer, Student]]:
    """A run after some updates, and its only student."""
    with Trainer(config) as trainer:
        for _ in range(updates):
            trainer.train_once()
        (student,) = trainer.setup.students.values()
        yield trainer, student


def next_batch(trainer: Trainer, student: Student) -> Batch:
    """Of another rollout."""
    trainer.setup.collector.collect(0.0)
    closed, _ = student.close(trainer.setup.plays, 0.9)
    shared = student.policy.critic.shared
    return make_batch(trainer.setup.store, student.experience, closed, shared, gamma=0.9, gae_lambda=0.95)


def weights_hash(student: Student) -> str:
    content = b"".join(tensor.numpy().tobytes() for tensor in student.policy.state_dict().values())
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("forms", ["bytes", MIXED])
def test_the_world_of_these_tests_keeps_the_contract(forms: str) -> None:
    check_world(lambda num_envs: make_world("shown", num_envs=num_envs, forms=forms))


@pytest.mark.parametrize(("memory", "critic_input"), [("none", "own"), ("none", "joint"), ("gru", "both")])
@pytest.mark.parametrize("forms", [*FORMS, MIXED])
def test_before_the_first_gradient_step_every_ratio_is_one_in_every_form(
    small: Any, forms: str, memory: str, critic_input: str
) -> None:
    """And a step is then taken."""
    config = small(**form(forms, critic_input=critic_input), network={"memory": memory}, ppo={"num_minibatches": 1})
    with trained(config, 0) as (trainer, _):
        metrics = trainer.train_once().metrics

    assert metrics["players/first_ratio_error"] < 1e-5
    assert metrics["players/skipped_steps"] == 0
    assert metrics["players/approx_kl"] > 0


@pytest.mark.parametrize("critic_input", ["own", "joint"])
@pytest.mark.parametrize("fused", [True, False])
def test_bytes_and_floats_of_the_same_numbers_give_the_same_bits(small: Any, fused: bool, critic_input: str) -> None:
    hashes = []
    for name in ("bytes", "floats"):
        with trained(small(**form(name, fused=fused, critic_input=critic_input))) as (_, student):
            hashes.append(weights_hash(student))

    assert hashes[0] == hashes[1]


def test_pictures_of_bytes_and_floats_give_the_same_bits(small: Any) -> None:
    hashes = []
    for name in ("picture", "floating picture"):
        with trained(small(**form(name))) as (_, student):
            hashes.append(weights_hash(student))

    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("forms", ["bytes", "picture", "screen"])
def test_a_rollout_of_bytes_is_never_copied_as_floats(small: Any, forms: str) -> None:
    """Obs are read where the world wrote them; what the critic was shown stays in bytes also beside carried decisions."""
    with trained(small(**form(forms, critic_input="joint"))) as (trainer, student):
        assert student.experience.open.open.any()
        batch = next_batch(trainer, student)
        (written,) = trainer.setup.store.obs[0].values()

        assert batch.obs.dtype == torch.uint8
        assert batch.obs.data_ptr() == written.data_ptr()
        assert batch.shared is not None
        assert batch.shared.dtype == torch.uint8
        assert (batch.valid_rows < batch.num_seats).any()


def test_a_carried_decision_keeps_what_the_critic_saw(small: Any) -> None:
    """Its joint obs hold its own obs, in the place of its agent."""
    with trained(small(**form("picture", critic_input="joint"))) as (trainer, student):
        batch = next_batch(trainer, student)
        rows = batch.valid_rows[batch.valid_rows < batch.num_seats]
        assert batch.shared is not None
        seen = batch.shared[batch.unit_of(rows)].view(len(rows), batch.num_agents, -1)

        assert batch.obs[rows].any()
        assert torch.equal(seen[torch.arange(len(rows)), rows % batch.num_agents], batch.obs[rows])


def statistics(student: Student) -> dict[str, Tensor]:
    """A copy of all that was taken in."""
    return {name: tensor.clone() for name, tensor in student.policy.state_dict().items() if ".statistics." in name}


@pytest.mark.parametrize("critic_input", ["own", "joint", "state", "both"])
def test_statistics_are_of_the_decisions_learned_from_and_change_only_between_rollouts(small: Any, critic_input: str) -> None:
    """Two rollouts' worth after two updates; collecting a third changes nothing."""
    decisions = []
    with trained(small(**form("far", critic_input=critic_input)), 0) as (trainer, student):
        (learner,) = trainer.setup.learners.values()
        update = learner.update

        def noting(batch: Batch, **rest: Any) -> Any:
            decisions.append(batch.obs[batch.valid_rows].clone())
            return update(batch, **rest)

        learner.update = noting  # type: ignore[method-assign]
        for _ in range(2):
            trainer.train_once()
        after = statistics(student)
        trainer.setup.collector.collect(0.0)
        seen = torch.cat(decisions).double()

        assert after["actor.encoder.leaves.0.statistics.count"] == len(seen)
        torch.testing.assert_close(after["actor.encoder.leaves.0.statistics.mean"], seen.mean(0))
        torch.testing.assert_close(after["actor.encoder.leaves.0.statistics.var"], seen.var(0, correction=0))
        assert any(name.startswith("critic.") for name in after)
        assert all(tensor.all() for name, tensor in after.items() if name.endswith("count"))
        torch.testing.assert_close(statistics(student), after, rtol=0.0, atol=0.0)


@pytest.mark.parametrize(
    ("forms", "fused"),
    [("bytes", True), ("floats", True), ("far", True), ("picture", False), ("entities", False), ("tokens", False)],
)
def test_the_fused_update_serves_every_form_without_weights_of_its_own(small: Any, forms: str, fused: bool) -> None:
    with trained(small(**form(forms)), 0) as (trainer, student):
        (learner,) = trainer.setup.learners.values()

        assert isinstance(student.actor, FusedActing) == fused
        assert isinstance(learner._gradients, PlainGradients) != fused


def test_the_fused_update_says_why_it_does_not_serve_pictures(small: Any) -> None:
    with pytest.raises(ConfigError, match="fused=true does not serve obs that need a learned encoder; leave it out"):
        Trainer(small(**form("picture", fused=True)))


@pytest.mark.parametrize("forms", ["far", MIXED])
def test_a_frozen_player_sees_through_the_statistics_it_was_trained_with(small: Any, tmp_path: Path, forms: str) -> None:
    config = small(**form(forms))
    train(config, tmp_path / "run")
    checkpoint = find_trained(str(tmp_path / "run"))
    player = load_player(checkpoint, spec_of(config), greedy=True)
    (actor,) = {id(actor): actor for actor in player.policies.values()}.values()
    (new,) = make_policies(spec_of(config), config).values()
    with trained(config, config.num_updates) as (_, student):
        kept = student.policy.actor.state_dict()

        assert any("statistics" in name for name in kept)
        torch.testing.assert_close(actor.state_dict(), kept, rtol=0.0, atol=0.0)
        assert actor.encoder.leaves[0].statistics.count > new.actor.encoder.leaves[0].statistics.count == 0


def test_weights_without_the_statistics_that_the_config_asks_for_are_refused(small: Any, tmp_path: Path) -> None:
    config = small(**form("far"), network={"normalize_obs": "never"})
    train(config, tmp_path / "run")
    file = tmp_path / "run/config.toml"
    file.write_text(file.read_text().replace('normalize_obs = "never"', 'normalize_obs = "auto"'))
    assert load_config(file) != config

    with pytest.raises(FileFormatError, match=r"weights of 'players' in .* differ in encoder.*count.*needs it to be 'never'"):
        load_player(find_trained(str(tmp_path / "run")), spec_of(config), greedy=True)
    save_config(config, file)
    load_player(find_trained(str(tmp_path / "run")), spec_of(config), greedy=True)
