"""The TRPO update on what real runs collected: where the actor goes, how far, and when it stays.

Its step on a tiny policy is held against the same algebra on the explicit Fisher matrix.
"""

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.errors import ConfigError
from marl_ppo.ppo.losses import normalize_advantages
from marl_ppo.training.batch import Batch
from marl_ppo.training.config import TrainConfig, TRPOConfig
from marl_ppo.training.fused.playing import FusedActing
from marl_ppo.training.trainer import Trainer
from marl_ppo.training.trpo import TRPOLearner

TEAM = {"world": "staggered", "world_config": {"on_death": "team"}}
CASES: dict[str, dict[str, Any]] = {
    "choices": {"world": "spread"},
    "pairs of choices": {"world": "bandit", "world_config": {"action": "multi_discrete"}},
    "continuous actions": {"world": "spread", "world_config": {"action": "continuous"}},
    "masks": {"world": "bandit", "world_config": {"masked": True}},
    "turns": {"world": "kuhn"},
    "the dead are paid": TEAM,
    "memory": {"world": "staggered", "network": {"memory": "gru"}},
    "separate policies": {"world": "two_kinds", "sharing": "separate"},
}


class Lesson(NamedTuple):
    """A policy as it collected, and what it collected."""

    config: TrainConfig
    policy: ActorCritic
    batch: Batch

    def learn(self, *, batch: Batch | None = None, ppo: dict[str, Any] | None = None, **trpo: Any) -> "Taught":
        """One update of a copy of the policy."""
        policy = copy.deepcopy(self.policy)
        learner = TRPOLearner(policy, replace(self.config.ppo, **(ppo or {})), replace(self.config.trpo, **trpo))
        shuffle = torch.Generator().manual_seed(0)
        metrics = learner.update(self.batch if batch is None else batch, progress=0.0, shuffle=shuffle)
        moved = {name: weights(policy, name) - weights(self.policy, name) for name in ("actor", "critic")}
        return Taught(learner, {name: float(value) for name, value in metrics.items()}, moved)

    def params(self, policy: ActorCritic) -> Tensor:
        """Of the actor's distribution at every decision, for policies without memory. [B, P]"""
        batch, rows = self.batch, self.batch.valid_rows
        index = batch.agent_index[rows % batch.num_seats]
        params, _ = policy.actor(batch.obs[rows], index, batch.is_start[rows], batch.actor_memory[rows])
        return params


class Taught(NamedTuple):
    """What an update did."""

    learner: TRPOLearner
    metrics: dict[str, float]
    moved: dict[str, Tensor]
    """by network: how far each weight went"""


def weights(policy: ActorCritic, network: str) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in getattr(policy, network).parameters()])


def lessons(config: TrainConfig) -> list[Lesson]:
    """One of each policy, at its second update."""
    found = []
    with Trainer(config) as trainer:
        trainer.train_once()
        for learner in trainer.setup.learners.values():
            policy = copy.deepcopy(learner.policy)

            def update(batch: Batch, policy: ActorCritic = policy, **_: Any) -> dict[str, float]:
                found.append(Lesson(config, policy, copy.deepcopy(batch)))
                return {}

            learner.update = update  # type: ignore[method-assign]
        trainer.train_once()
    return found


@pytest.fixture
def bandit(small: Any) -> Lesson:
    """288 decisions of a policy with 44 weights: as many as fit an explicit matrix."""
    (lesson,) = lessons(small("bandit", algorithm="trpo", num_envs=32, network={"hidden": (4,)}))
    return lesson


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES.keys())
def test_the_actor_improves_inside_the_trust_region_and_the_critic_learns(small: Any, settings: dict[str, Any]) -> None:
    """By at least half of what its gradient promises, at most .02 away from where it was, and not much less."""
    for lesson in lessons(small(**settings, algorithm="trpo")):
        done = lesson.learn(max_kl=0.02)

        assert done.metrics["line_search_failed"] == 0
        assert 0.005 < done.metrics["approx_kl"] <= 0.02
        assert done.metrics["improvement"] > 0
        assert done.moved["critic"].any()
        assert done.metrics["critic_grad_norm"] > 0


@pytest.mark.parametrize("name", ["choices", "pairs of choices", "continuous actions", "masks"])
def test_what_is_told_is_what_the_policy_does(small: Any, name: str) -> None:
    """KL, improvement, entropy and ratios by the policies before and after, of every decision."""
    (lesson,) = lessons(small(**CASES[name], algorithm="trpo"))
    done = lesson.learn(ppo={"ent_coef": 0.05})
    head, rows = lesson.policy.actor.head, lesson.batch.valid_rows
    mask = None if lesson.batch.action_mask is None else lesson.batch.action_mask[rows]
    with torch.no_grad():
        old, new = lesson.params(lesson.policy), lesson.params(done.learner.policy)
    (old_logprob, old_entropy), (logprob, entropy) = (
        head.logprob_entropy(params, lesson.batch.actions[rows], mask) for params in (old, new)
    )
    ratio = (logprob - old_logprob).exp()
    surrogate = (ratio * normalize_advantages(lesson.batch.advantages[rows])).mean()
    wanted = {
        "approx_kl": head.kl(old, new, mask).mean(),
        "surrogate": surrogate,
        "entropy": entropy.mean(),
        "improvement": surrogate + 0.05 * (entropy - old_entropy).mean(),
        "ratio_min": ratio.min(),
        "ratio_max": ratio.max(),
        "clipfrac": ((ratio - 1).abs() > 0.2).float().mean(),
    }

    assert {name: done.metrics[name] for name in wanted} == pytest.approx(
        {name: float(value) for name, value in wanted.items()}, rel=1e-3, abs=2e-5
    )
    assert done.metrics["first_ratio_error"] < 1e-5


def test_the_step_is_that_of_the_explicit_fisher_matrix(bandit: Lesson) -> None:
    """sqrt(2 δ / xᵀHx) x with H x = g: H the mean of Jᵀ (diag p - p pᵀ) J over decisions, plus damping."""
    rows = bandit.batch.valid_rows
    named = dict(bandit.policy.actor.named_parameters())
    inputs = (bandit.batch.obs[rows], bandit.batch.agent_index[rows % bandit.batch.num_seats])
    rest = (bandit.batch.is_start[rows], bandit.batch.actor_memory[rows])

    def logits(*values: Tensor) -> Tensor:
        params, _ = torch.func.functional_call(bandit.policy.actor, dict(zip(named, values, strict=True)), (*inputs, *rest))
        return params

    parts = torch.autograd.functional.jacobian(logits, tuple(named.values()))
    jacobian = torch.cat([part.flatten(2) for part in parts], -1).double()
    p = logits(*named.values()).double().softmax(-1).detach()
    taken = torch.nn.functional.one_hot(bandit.batch.actions[rows], p.shape[-1])
    advantages = normalize_advantages(bandit.batch.advantages[rows].double())
    gradient = torch.einsum("bkp,bk,b->p", jacobian, taken - p, advantages) / len(rows)
    spread = torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)
    fisher = torch.einsum("bkp,bkl,blq->pq", jacobian, spread, jacobian) / len(rows) + 0.1 * torch.eye(len(gradient))
    direction = torch.linalg.solve(fisher, gradient)
    step = (2 * 1e-4 / (direction @ fisher @ direction)).sqrt() * direction

    done = bandit.learn(ppo={"ent_coef": 0.0}, max_kl=1e-4, cg_iterations=60)

    assert done.metrics["line_search_steps"] == 1
    assert done.metrics["actor_grad_norm"] == pytest.approx(float(gradient.norm()), rel=1e-4)
    torch.testing.assert_close(done.moved["actor"].double(), step, rtol=1e-2, atol=1e-5)


def test_a_step_that_leads_too_far_is_shortened(bandit: Lesson) -> None:
    """Without damping, and so large that the quadratic model of the KL is wrong; shorter lengths are on the same line."""
    long, short = (bandit.learn(max_kl=kl, cg_damping=0.0, cg_iterations=3) for kl in (1.0, 1e-3))

    assert long.metrics["line_search_steps"] > 1
    assert long.metrics["approx_kl"] <= 1.0
    assert float(torch.cosine_similarity(long.moved["actor"], short.moved["actor"], dim=0)) == pytest.approx(1.0, abs=1e-4)


def test_a_failed_search_leaves_every_bit_of_the_actor(bandit: Lesson) -> None:
    """One try, of a step that cannot do what it promises; the critic learns all the same."""
    done = bandit.learn(line_search_steps=1, accept_ratio=0.999, max_kl=5.0)

    assert (done.metrics["line_search_failed"], done.metrics["line_search_steps"]) == (1, 1)
    assert (done.metrics["approx_kl"], done.metrics["improvement"]) == (0, 0)
    assert done.metrics["ratio_max"] == pytest.approx(1, abs=1e-5)
    assert not done.moved["actor"].any()
    assert done.moved["critic"].any()


def test_a_gradient_that_is_not_finite_is_no_step_and_is_counted(bandit: Lesson) -> None:
    advantages = bandit.batch.advantages.clone()
    advantages[bandit.batch.valid_rows[3]] = torch.nan
    done = bandit.learn(batch=replace(bandit.batch, advantages=advantages))

    assert (done.metrics["skipped_steps"], done.metrics["line_search_failed"], done.metrics["line_search_steps"]) == (1, 1, 0)
    assert not done.moved["actor"].any()
    assert done.moved["critic"].any()


@pytest.mark.parametrize(("ent_coef", "goes"), [(0.0, False), (0.01, True)])
def test_where_every_action_is_as_good_only_the_entropy_bonus_moves_the_policy(
    bandit: Lesson, ent_coef: float, goes: bool
) -> None:
    equal = replace(bandit.batch, advantages=torch.zeros_like(bandit.batch.advantages))
    done = bandit.learn(batch=equal, ppo={"ent_coef": ent_coef})

    assert bool(done.moved["actor"].any()) is goes
    assert (done.metrics["improvement"] > 0) is goes


def test_the_one_minibatch_of_the_actor_is_the_rollout(bandit: Lesson) -> None:
    """So that advantages normalised in either are the same; those that are not lead elsewhere."""
    rollout, minibatch, none = (bandit.learn(ppo={"normalize_advantages": way}) for way in ("rollout", "minibatch", "none"))

    torch.testing.assert_close(rollout.moved["actor"], minibatch.moved["actor"], rtol=1e-3, atol=1e-6)
    assert rollout.metrics["surrogate"] == pytest.approx(minibatch.metrics["surrogate"], rel=1e-3)
    assert rollout.metrics["surrogate"] != pytest.approx(none.metrics["surrogate"], rel=1e-3)


def test_the_optimiser_is_the_critics_alone(bandit: Lesson) -> None:
    done = bandit.learn(ppo={"learning_rate": 1.0, "critic_learning_rate": 1e-3})

    assert done.learner.optimizer_state().keys() == {f"critic.{key}" for key in ("step", "exp_avg", "exp_avg_sq")}
    assert done.metrics["learning_rate"] == 1e-3


def test_its_policy_plays_by_hand_derived_code_as_that_of_ppo_does(small: Any) -> None:
    """Whose log-probabilities differ by rounding, so that ratios begin at 1 all the same."""
    with Trainer(small("spread", algorithm="trpo")) as trainer:
        (student,) = trainer.setup.students.values()
        metrics = trainer.train_once().metrics

        assert isinstance(student.actor, FusedActing)
        assert metrics["agents/first_ratio_error"] < 1e-5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_kl": 0.0}, "max_kl must be positive, got 0.0"),
        ({"cg_iterations": 0}, "cg_iterations must be at least 1, got 0"),
        ({"cg_damping": -0.1}, "cg_damping must be at least 0, got -0.1"),
        ({"line_search_steps": 0}, "line_search_steps must be at least 1, got 0"),
        ({"line_search_decay": 1.0}, "line_search_decay must be between 0 and 1, got 1.0"),
        ({"accept_ratio": 1.0}, r"accept_ratio must be within \[0, 1\), got 1.0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TRPOConfig(**settings)


def test_hand_derived_code_does_not_take_its_step(small: Any) -> None:
    with pytest.raises(ConfigError, match="fused=true does not serve the algorithm 'trpo'; leave it out to use autograd there"):
        Trainer(small("spread", algorithm="trpo", fused=True))
