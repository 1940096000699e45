"""A bonus for what is new, beside the world's rewards."""

from typing import Any

import pytest
import torch

from marl_ppo.errors import ConfigError
from marl_ppo.training.novelty import CuriousStudent, Novelty
from marl_ppo.training.trainer import Trainer


def test_a_curious_policy_is_paid_for_what_is_new_and_resumes(small: Any) -> None:
    """Beside the world's rewards, which stay what they were."""
    config = small("four_rooms", num_steps=20, novelty=0.5)
    with Trainer(config) as trainer:
        trainer.train_once()
        saved = trainer.checkpoint()
        metrics = trainer.train_once().metrics
        (student,) = trainer.setup.students.values()
        assert isinstance(student, CuriousStudent)
        bonus = student.store.rewards[0] - trainer.setup.store.rewards[0]
        whole = {name: tensor.clone() for name, tensor in student.policy.state_dict().items()}
        novelty = {name: tensor.clone() for name, tensor in student.novelty.state().items()}
    with Trainer(config) as resumed:
        resumed.restore(saved)
        resumed.train_once()
        (student,) = resumed.setup.students.values()
        assert isinstance(student, CuriousStudent)
        again = student.policy.state_dict()

    assert (bonus[2:] > 0).all()
    assert metrics["agents/novelty"] == pytest.approx(float(bonus[2:].mean() / 0.5), rel=1e-5)
    assert all(torch.equal(again[name], whole[name]) for name in whole)
    assert all(torch.equal(tensor, novelty[name]) for name, tensor in student.novelty.state().items())
    with pytest.raises(ConfigError, match="novelty is paid to a flat policy"):
        small("four_rooms", policy="hierarchical", novelty=0.5)


def test_what_was_seen_often_is_not_new() -> None:
    novelty = Novelty(4, seed=0)
    often, never = torch.randn(64, 4, generator=torch.Generator().manual_seed(0)), 3 * torch.ones(1, 4)
    before = float(novelty.bonus(never))
    for _ in range(300):
        novelty.learn(often)

    assert float(novelty.bonus(often).mean()) < 0.5 * float(novelty.bonus(never))
    assert before > 0
