"""Over which decisions advantages get mean 0 and deviation 1: a rollout's, a minibatch's, or none."""

from typing import Any

import pytest
import torch
from torch import Tensor

from marl_ppo.training.batch import Batch, Minibatch
from marl_ppo.training.gradients import Gradient, GradientSource, LossConfig, Targets
from marl_ppo.training.trainer import Trainer

KINDS: dict[str, dict[str, Any]] = {
    "fused": {"world": "spread", "fused": True},
    "plain": {"world": "two_kinds", "fused": False},
    "chunks with padding": {"world": "waits", "network": {"memory": "gru"}},
}


class Spy:
    """A gradient source that notes the advantages which each gradient step pulls at."""

    def __init__(self, source: GradientSource) -> None:
        self._source = source
        self.raw: Tensor = torch.zeros(0)
        self.steps: list[Tensor] = []

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        self.raw = batch.advantages[batch.valid_rows]
        self._advantages = targets.advantages
        self._source.begin(batch, targets, loss)

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        rows = part.rows if part.valid is None else part.rows[part.valid]
        self.steps.append(self._advantages[rows])
        return self._source.gradient(part, thread, size)


def spied(small: Any, normalize: str, kind: dict[str, Any]) -> Spy:
    """Of the first policy's first update: one epoch of three minibatches."""
    ppo = {"normalize_advantages": normalize, "update_epochs": 1, "num_minibatches": 3}
    with Trainer(small(**kind, ppo=ppo)) as trainer:
        learner = next(iter(trainer.setup.learners.values()))
        spy = Spy(learner._gradients)
        learner._gradients = spy
        trainer.train_once()
    return spy


def spread_of(advantages: Tensor) -> tuple[float, float]:
    return float(advantages.mean()), float(advantages.std(correction=0))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_minibatch_has_mean_0_and_deviation_1_of_its_own(small: Any, kind: dict[str, Any]) -> None:
    spy = spied(small, "minibatch", kind)

    assert len(spy.steps) == 3
    for advantages in spy.steps:
        assert spread_of(advantages) == pytest.approx((0.0, 1.0), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_rollout_has_mean_0_and_deviation_1_and_its_minibatches_have_not(small: Any, kind: dict[str, Any]) -> None:
    spy = spied(small, "rollout", kind)

    assert spread_of(torch.cat(spy.steps)) == pytest.approx((0.0, 1.0), abs=1e-4)
    assert all(spread_of(advantages) != pytest.approx((0.0, 1.0), abs=1e-4) for advantages in spy.steps)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_not_to_be_normalised_is_left_as_it_is(small: Any, kind: dict[str, Any]) -> None:
    """The same numbers, shuffled."""
    spy = spied(small, "none", kind)

    assert torch.equal(torch.cat(spy.steps).sort().values, spy.raw.sort().values)
