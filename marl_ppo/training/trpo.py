"""The TRPO update of one policy: the actor takes one step inside a trust region, the critic learns as under PPO.

The step climbs the objective of PPO without its clipping, mean(ratio * A) + ent_coef * mean(entropy), over all of a
rollout's decisions at once. Schulman et al. 2015 (arXiv:1502.05477); ent_coef = 0 is what they did.
"""

from concurrent.futures import Executor
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from marl_ppo.agents.actor_critic import Actor, ActorCritic
from marl_ppo.ppo.losses import is_clipped
from marl_ppo.ppo.trust_region import Accepted, conjugate_gradient, line_search, trust_region_step
from marl_ppo.training import batch as batches
from marl_ppo.training.batch import Batch, Minibatch
from marl_ppo.training.config import PPOConfig, TRPOConfig
from marl_ppo.training.gradients import STATS, CriticGradients, LossConfig, Targets, chosen, first_rows
from marl_ppo.training.learner import Learner, normalized_apart
from marl_ppo.training.parameters import FlatParameters


class TRPOLearner(Learner):
    """Owns what `Learner` does, and the actor's parameters, which no optimiser steps."""

    networks: ClassVar[tuple[str, ...]] = ("critic",)

    def __init__(
        self,
        policy: ActorCritic,
        config: PPOConfig,
        trpo: TRPOConfig,
        *,
        threads: int = 1,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(policy, config, CriticGradients(policy), threads=threads, executor=executor)
        self._trpo = trpo
        self._actor = FlatParameters(policy.actor)

    def _optimise(
        self, batch: Batch, targets: Targets, loss: LossConfig, shuffle: torch.Generator
    ) -> dict[str, Tensor | float]:
        moved = self._move_actor(batch, targets, loss, shuffle)
        epochs = self._epochs(batch, targets, loss, shuffle)
        return moved | {
            "value_loss": epochs.stats[:, STATS.index("value_loss")].mean(),
            "critic_grad_norm": torch.stack(epochs.norms["critic"]).mean(),
            "update_epochs": float(epochs.passes),
            "skipped_steps": float(self.skipped_steps),
        }

    def _move_actor(
        self, batch: Batch, targets: Targets, loss: LossConfig, shuffle: torch.Generator
    ) -> dict[str, Tensor | float]:
        whole = self._whole(batch, shuffle)
        advantages = targets.advantages
        if self.config.normalize_advantages == "minibatch":
            advantages = normalized_apart(advantages, [whole])
        rollout = _Rollout(self.policy.actor, batch, whole, advantages, loss.ent_coef)
        before = rollout.look()
        gradient = _flat_gradient(before.objective, self.policy.actor)
        if torch.isfinite(gradient).all():
            found, after = self._search(rollout, before, gradient)
        else:
            self.skipped_steps += 1
            found, after = Accepted(0.0, 0, 0.0, 0.0), before
        clipped = is_clipped(after.ratio, clip_coef=self.config.clip_coef)
        return {
            "surrogate": after.surrogate.detach(),
            "entropy": after.entropy.detach(),
            "approx_kl": found.kl,
            "clipfrac": clipped.float().mean(),
            "ratio_min": after.ratio.detach().min(),
            "ratio_max": after.ratio.detach().max(),
            "first_ratio_error": (before.ratio.detach() - 1).abs().max(),
            "actor_grad_norm": gradient.norm(),
            "improvement": found.improvement,
            "line_search_steps": float(found.tries),
            "line_search_failed": float(found.share == 0),
        }

    def _search(self, rollout: "_Rollout", before: "_Look", gradient: Tensor) -> tuple[Accepted, "_Look"]:
        """Take the step, or as much of it as is good; returns how much and the policy there."""
        trpo, actor, values = self._trpo, self.policy.actor, self._actor.values
        slope = _flat_gradient(before.kl, actor, create_graph=True)

        def product(v: Tensor) -> Tensor:
            return _flat_gradient(slope @ v, actor) + trpo.cg_damping * v

        direction = conjugate_gradient(product, gradient, iterations=trpo.cg_iterations)
        step = trust_region_step(direction, direction @ product(direction), max_kl=trpo.max_kl)
        old, after = values.detach().clone(), before

        @torch.no_grad()
        def measure(share: float) -> tuple[float, float]:
            nonlocal after
            values.copy_(old + share * step)
            after = rollout.look()
            return float(after.objective - before.objective), float(after.kl)

        found = line_search(
            measure,
            expected=float(gradient @ step),
            max_kl=trpo.max_kl,
            steps=trpo.line_search_steps,
            decay=trpo.line_search_decay,
            accept_ratio=trpo.accept_ratio,
        )
        if found.share:
            return found, after
        with torch.no_grad():
            values.copy_(old)
        return found, before

    def _whole(self, batch: Batch, shuffle: torch.Generator) -> Minibatch:
        """All decisions; in chunks where there is memory."""
        if self.policy.actor.memory_size:
            (whole,) = batches.chunks(batch, shuffle, 1, self.config.sequence_length)
            return whole
        return Minibatch(batch.valid_rows, None, None, None)


class _Look(NamedTuple):
    """The actor at some moment; means over the rollout's decisions but for the ratio."""

    objective: Tensor
    surrogate: Tensor
    entropy: Tensor
    kl: Tensor
    """from the actor as it was when the update began"""
    ratio: Tensor
    """[B]: to the policy that collected"""


class _Rollout:
    """What the actor did, to be asked how the present one would."""

    def __init__(self, actor: Actor, batch: Batch, part: Minibatch, advantages: Tensor, ent_coef: float) -> None:
        device = next(actor.parameters()).device
        batch, self._part = batch.to(device), part.to(device)
        rows = self._part.rows
        self._actor = actor
        self._inputs = (
            batch.obs[rows],
            batch.agent_index[rows % batch.num_seats],
            batch.is_start[rows],
            batch.actor_memory[first_rows(rows)],
        )
        self._mask = None if batch.action_mask is None else batch.action_mask[rows]
        self._actions, self._logprob = batch.actions[rows], batch.logprob[rows]
        self._advantages = advantages.to(device)[rows]
        self._ent_coef = ent_coef
        with torch.no_grad():
            self._old, _ = actor(*self._inputs)

    def look(self) -> _Look:
        with sdpa_kernel(SDPBackend.MATH):  # the fast kernels of attention have no second derivative
            params, _ = self._actor(*self._inputs)
        head = self._actor.head
        logprob, entropy = head.logprob_entropy(params, self._actions, self._mask)
        kl = head.kl(self._old, params, self._mask)
        logratio, entropy, kl, advantages = chosen(self._part, logprob - self._logprob, entropy, kl, self._advantages)
        ratio = logratio.exp()
        surrogate, entropy = (ratio * advantages).mean(), entropy.mean()
        return _Look(surrogate + self._ent_coef * entropy, surrogate, entropy, kl.mean(), ratio)


def _flat_gradient(scalar: Tensor, actor: Actor, *, create_graph: bool = False) -> Tensor:
    """Of a function of the actor's parameters, in their order. The function can be asked again."""
    gradients = torch.autograd.grad(scalar, list(actor.parameters()), retain_graph=True, create_graph=create_graph)
    return torch.cat([gradient.flatten() for gradient in gradients])
