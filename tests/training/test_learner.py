"""From a rollout to gradient steps: what the learner makes of its settings, whatever the gradients are.

The gradients are scripted where that makes a rule plain. Adam's first step moves every weight by the learning rate, as
long as its gradient is much larger than Adam's epsilon.
"""

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs import make_world
from marl_ppo.training.batch import Batch, Minibatch
from marl_ppo.training.config import PPOConfig
from marl_ppo.training.gradients import STATS, Gradient, LossConfig, PlainGradients, Targets
from marl_ppo.training.learner import Learner
from marl_ppo.training.parameters import FlatParameters

NETWORKS = ("actor", "critic")


def new_policy() -> ActorCritic:
    spec = make_world("bandit").spec
    return ActorCritic(spec, spec.groups[0], "joint", NetworkConfig(hidden=(4,)), torch.Generator().manual_seed(0))


def batch_of(decisions: int) -> Batch:
    """One copy of a bandit with four arms, as many steps of it as decisions."""
    random = torch.Generator().manual_seed(0)
    rows = 1 + decisions
    obs = torch.randn(rows, 4, generator=random)
    return Batch(
        num_envs=1,
        num_agents=1,
        obs=obs,
        shared=obs,
        agent_index=torch.zeros(1, dtype=torch.int64),
        action_mask=None,
        actions=torch.randint(4, (rows,), generator=random),
        logprob=torch.full((rows,), math.log(1 / 4)),
        values=torch.randn(rows, generator=random),
        is_start=torch.zeros(rows, dtype=torch.bool),
        actor_memory=torch.zeros(rows, 0),
        critic_memory=torch.zeros(rows, 0),
        advantages=torch.randn(rows, generator=random),
        returns=torch.randn(rows, generator=random),
        rows=torch.arange(1, rows).view(-1, 1),
        counts=torch.tensor([decisions]),
        dense=True,
    )


class Scripted:
    """A gradient source that says what it is told: each number of a gradient, and the KL, always or step by step."""

    def __init__(self, policy: ActorCritic, **script: Any) -> None:
        self._sizes = {name: sum(w.numel() for w in getattr(policy, name).parameters()) for name in NETWORKS}
        steps = {"actor": 1.0, "critic": 1.0, "kl": 0.0, **script}
        self._script = {k: itertools.repeat(v) if isinstance(v, float) else iter(v) for k, v in steps.items()}
        self.targets: list[Targets] = []
        self.losses: list[LossConfig] = []
        self.parts: list[tuple[int, int, int]] = []
        """(decisions, thread, decisions of the whole minibatch) of each gradient asked for"""

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        self.targets.append(targets)
        self.losses.append(loss)

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        self.parts.append((part.size, thread, size))
        now = {name: next(values) for name, values in self._script.items()}
        stats = torch.zeros(len(STATS) + 2)
        stats[STATS.index("approx_kl")] = now["kl"] * part.size
        return Gradient(*(torch.full((self._sizes[name],), now[name]) for name in NETWORKS), stats)


def learn(
    *, progress: float = 0.0, decisions: int = 12, updates: int = 1, ppo: dict[str, Any] | None = None, **script: Any
) -> tuple[Learner, Scripted, dict[str, Any]]:
    """A new learner after some updates by scripted gradients, and the last one's metrics."""
    policy = new_policy()
    source = Scripted(policy, **script)
    learner = Learner(policy, PPOConfig(**{"num_minibatches": 1, "update_epochs": 1, **(ppo or {})}), source)
    for _ in range(updates):
        metrics = learner.update(batch_of(decisions), progress=progress, shuffle=torch.Generator().manual_seed(0))
    return learner, source, {name: float(value) for name, value in metrics.items()}


def weights(policy: ActorCritic, network: str) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in getattr(policy, network).parameters()])


def way(learner: Learner, network: str) -> float:
    """How far the weights of a network have moved, which is the same for all of them."""
    moved = weights(new_policy(), network) - weights(learner.policy, network)
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), rtol=1e-3, atol=1e-7)
    return float(moved.mean())


@pytest.mark.parametrize(("target_kl", "epochs"), [(None, 4), (0.0205, 4), (0.019, 3), (0.013, 2), (0.001, 1)])
def test_epochs_end_when_the_last_ones_kl_exceeds_the_target_by_half(target_kl: float | None, epochs: int) -> None:
    """KL .01, .02, .03, .04 in four epochs of two steps each, .03 also being the mean of .028 and .032."""
    kl = [0.01, 0.01, 0.02, 0.02, 0.028, 0.032, 0.04, 0.04]
    _, source, metrics = learn(kl=kl, ppo={"target_kl": target_kl, "update_epochs": 4, "num_minibatches": 2})

    assert metrics["update_epochs"] == epochs
    assert metrics["approx_kl"] == pytest.approx(epochs / 100)
    assert len(source.parts) == 2 * epochs


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted(network: str, bad: float) -> None:
    """The second of three updates: all is as if there had been but the first and the third."""
    skipping, _, metrics = learn(updates=3, **{network: [1.0, bad, -3.0]})
    without, _, _ = learn(updates=2, **{network: [1.0, -3.0]})
    stopped, _, _ = learn(updates=2, **{network: [1.0, bad]})
    before, _, _ = learn(updates=1, **{network: [1.0]})

    assert metrics["skipped_steps"] == skipping.skipped_steps == 1
    assert without.skipped_steps == 0
    for learner, twin in ((skipping, without), (stopped, before)):
        assert learner.optimizer_state().keys() == {f"{n}.{k}" for n in NETWORKS for k in ("step", "exp_avg", "exp_avg_sq")}
        torch.testing.assert_close(learner.optimizer_state(), twin.optimizer_state(), rtol=0.0, atol=0.0)
        for name in NETWORKS:
            assert torch.equal(weights(learner.policy, name), weights(twin.policy, name))


@pytest.mark.parametrize("large", NETWORKS)
def test_the_gradients_of_actor_and_critic_are_bounded_apart(large: str) -> None:
    """With bound .5: norm 10 becomes .5, norm .1 stays; the metrics are the norms before, here of two equal steps.

    After steps with the gradient g, Adam's mean of gradients is (1 - .9^steps) g.
    """
    (small,) = {*NETWORKS} - {large}
    norms = {large: 10.0, small: 0.1}
    numbers = {name: norms[name] / math.sqrt(len(weights(new_policy(), name))) for name in NETWORKS}
    learner, _, metrics = learn(updates=2, ppo={"max_grad_norm": 0.5}, **numbers)
    state = learner.optimizer_state()
    seen = {name: float(state[f"{name}.exp_avg"].norm()) / (1 - 0.9**2) for name in NETWORKS}

    assert seen == pytest.approx({large: 0.5, small: 0.1}, rel=1e-4)
    assert {name: metrics[f"{name}_grad_norm"] for name in NETWORKS} == pytest.approx(norms)


@pytest.mark.parametrize(("norm", "kept"), [(5.0, 2.0), (2.0, 2.0), (1.0, 1.0), (0.0, 0.0)])
def test_a_clipped_gradient_keeps_its_direction(norm: float, kept: float) -> None:
    """(3, -4) / 5 times the norm, bounded by 2; the norm before is returned."""
    flat = FlatParameters(torch.nn.Linear(2, 1, bias=False))
    flat.gradient.copy_(torch.tensor([0.6, -0.8]) * norm)

    assert float(flat.clip(2.0)) == pytest.approx(norm)
    torch.testing.assert_close(flat.gradient, torch.tensor([0.6, -0.8]) * kept)


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: (1.0 + math.cos(math.pi * progress)) / 2,
}


@pytest.mark.parametrize("critic_rate", [None, 3e-2])
@pytest.mark.parametrize("progress", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_steps_are_as_long_as_the_schedule_says(schedule: str, progress: float, critic_rate: float | None) -> None:
    """At this progress of the budget, from .01 for the actor, and from the same for the critic unless it has its own."""
    ppo = {"lr_schedule": schedule, "learning_rate": 1e-2, "critic_learning_rate": critic_rate}
    learner, _, metrics = learn(progress=progress, ppo=ppo)
    share = SCHEDULES[schedule](progress)

    assert way(learner, "actor") == pytest.approx(1e-2 * share, rel=1e-3)
    assert way(learner, "critic") == pytest.approx((critic_rate or 1e-2) * share, rel=1e-3)
    assert metrics["learning_rate"] == pytest.approx(1e-2 * share)


@pytest.mark.parametrize(
    ("final", "progress", "ent_coef"),
    [(None, 0.0, 0.04), (None, 0.75, 0.04), (0.0, 0.75, 0.01), (0.02, 0.0, 0.04), (0.02, 0.5, 0.03), (0.08, 1.0, 0.08)],
)
def test_the_entropy_weight_goes_in_a_line_to_its_final_one(final: float | None, progress: float, ent_coef: float) -> None:
    """Whatever the schedule of the learning rate; it stays .04 where no final one is given."""
    _, source, _ = learn(progress=progress, ppo={"ent_coef": 0.04, "ent_coef_final": final, "lr_schedule": "cosine"})

    assert [loss.ent_coef for loss in source.losses] == pytest.approx([ent_coef])


@pytest.mark.parametrize("over", [{}, {"dual_clip": 3.0}, {"huber_delta": 9.0}, {"value_clip": 0.3}, {"vf_coef": 2.0}])
def test_the_loss_has_the_coefficients_of_the_settings(over: dict[str, float]) -> None:
    _, source, _ = learn(ppo=over)
    default = {"clip_coef": 0.2, "dual_clip": None, "ent_coef": 0.01, "vf_coef": 0.5, "value_clip": None, "huber_delta": None}

    assert source.losses == [LossConfig(**{**default, **over})]


def test_returns_are_in_the_units_learned_now_and_old_values_in_those_of_play() -> None:
    """Two updates on the same rollout: nothing is normalised in the first play, and in the second as after the first."""
    learner, source, _ = learn(updates=2)
    batch, (first, second) = batch_of(12), source.targets
    mean, std = batch.returns[1:].mean(), batch.returns[1:].std(correction=0)

    for targets, values in ((first, batch.values), (second, (batch.values - mean) / std)):
        torch.testing.assert_close(targets.returns[1:], (batch.returns[1:] - mean) / std, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(targets.values[1:], values[1:], rtol=1e-4, atol=1e-5)
    assert float(learner.value_norm.mean) == pytest.approx(float(mean), abs=1e-5)


def test_values_are_left_as_they_are_where_they_are_not_to_be_normalised() -> None:
    learner, source, _ = learn(updates=2, ppo={"normalize_values": False})

    assert all(torch.equal(targets.returns, batch_of(12).returns) for targets in source.targets)
    assert all(torch.equal(targets.values, batch_of(12).values) for targets in source.targets)
    assert (float(learner.value_norm.mean), float(learner.value_norm.std)) == (0.0, 1.0)


@pytest.mark.parametrize("decisions", [1, 2, 3])
def test_fewer_decisions_than_minibatches_are_learned_from_one_by_one(decisions: int) -> None:
    """Minibatches of none are left out, of statistics too; returns of a single one do not vary, so none is explained."""
    policy = new_policy()
    before = {name: weights(policy, name) for name in NETWORKS}
    learner = Learner(policy, PPOConfig(num_minibatches=4, update_epochs=2), PlainGradients(policy))
    metrics = learner.update(batch_of(decisions), progress=0.0, shuffle=torch.Generator().manual_seed(0))
    _, source, _ = learn(decisions=decisions, ppo={"num_minibatches": 4, "update_epochs": 2})

    assert source.parts == [(1, 0, 1)] * (2 * decisions)
    assert {name for name, value in metrics.items() if not math.isfinite(value)} <= {"explained_variance"}
    assert not any(torch.equal(weights(policy, name), before[name]) for name in NETWORKS)


def test_a_minibatch_is_the_sum_of_its_parts_for_two_threads() -> None:
    """Five decisions in parts of three and two; each thread gives a gradient of .01, and the norm is that of .02."""
    policy = new_policy()
    source = Scripted(policy, actor=0.01, critic=0.01, kl=0.5)
    with ThreadPoolExecutor(2) as executor:
        learner = Learner(policy, PPOConfig(num_minibatches=1, update_epochs=1), source, threads=2, executor=executor)
        metrics = learner.update(batch_of(5), progress=0.0, shuffle=torch.Generator().manual_seed(0))

    assert sorted(source.parts) == [(2, 1, 5), (3, 0, 5)]
    assert float(metrics["approx_kl"]) == pytest.approx(0.5)
    for name in NETWORKS:
        assert float(metrics[f"{name}_grad_norm"]) == pytest.approx(0.02 * math.sqrt(len(weights(policy, name))))
