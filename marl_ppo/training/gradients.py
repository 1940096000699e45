"""The gradient of the PPO loss on one minibatch, by autograd. This plain form is the specification.

A gradient source is asked for parts of a minibatch, maybe from several threads at once, and gives flat gradients whose
sum over the parts is the minibatch's: every mean is a sum divided by the whole minibatch's number of decisions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.ppo.kl import kl_k3
from marl_ppo.ppo.losses import clipped_surrogate, is_clipped, value_loss
from marl_ppo.training.batch import Batch, Minibatch

Surrogate = Callable[..., Tensor]
"""called as `marl_ppo.ppo.losses.clipped_surrogate` is"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """The coefficients of one update; see PPOConfig."""

    surrogate: Surrogate = clipped_surrogate
    """of the policy; any other than the clipped one is served by autograd alone"""
    clip_coef: float
    dual_clip: float | None
    ent_coef: float
    vf_coef: float
    value_clip: float | None
    huber_delta: float | None
    negative_weight: float = 1.0
    """of the value loss where the return is below the value: under 1 the critic hopes for the best"""


class Targets(NamedTuple):
    """What the networks are pulled towards, by flat index."""

    advantages: Tensor
    returns: Tensor
    """in the units in which the critic predicts"""
    values: Tensor
    """the old ones, in the same units"""


STATS = ("surrogate", "entropy", "approx_kl", "clipfrac", "value_loss")
"""sums over a part's decisions, in this order; after them the lowest and highest ratio"""


class Gradient(NamedTuple):
    """Of one part of a minibatch."""

    actor: Tensor
    """flat, in the order of the parameters"""
    critic: Tensor
    stats: Tensor
    """float32 [len(STATS) + 2]"""


class GradientSource(Protocol):
    """Where the learner gets gradients from."""

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        """A new rollout, or new targets for the same one."""

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        """Of one part, on `thread`, in a minibatch of `size` decisions."""
        ...


class PlainGradients:
    """Autograd on the plain modules; serves every kind of policy on every device."""

    def __init__(self, policy: ActorCritic) -> None:
        self._policy = policy
        self._actor = list(policy.actor.parameters())
        self._critic = list(policy.critic.parameters())

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        self._device = self._actor[0].device
        self._batch, self._loss = batch.to(self._device), loss
        self._targets = Targets(*(target.to(self._device) for target in targets))

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        part = part.to(self._device)
        actor_loss, stats = self._actor_loss(part, size)
        actor = torch.autograd.grad(actor_loss, self._actor)
        critic_loss = self._critic_loss(part) / size
        critic = torch.autograd.grad(self._loss.vf_coef * critic_loss, self._critic)
        stats[STATS.index("value_loss")] = critic_loss.detach() * size
        return Gradient(_flat(actor), _flat(critic), stats)

    def _actor_loss(self, part: Minibatch, size: int) -> tuple[Tensor, Tensor]:
        batch, loss, rows = self._batch, self._loss, part.rows
        logprob, entropy = self._policy.actor.evaluate(
            batch.obs[rows],
            None if batch.action_mask is None else batch.action_mask[rows],
            batch.agent_index[rows % batch.num_seats],
            batch.is_start[rows],
            batch.actor_memory[first_rows(rows)],
            batch.actions[rows],
        )
        logratio = logprob - batch.logprob[rows]
        logratio, entropy, advantages = chosen(part, logratio, entropy, self._targets.advantages[rows])
        ratio = logratio.exp()
        surrogate = loss.surrogate(ratio, advantages, clip_coef=loss.clip_coef, dual_clip=loss.dual_clip)
        with torch.no_grad():
            clipped = is_clipped(ratio, clip_coef=loss.clip_coef)
            sums = [surrogate.sum(), entropy.sum(), kl_k3(logratio).sum(), clipped.sum(), surrogate.new_zeros(())]
            stats = torch.stack([*sums, ratio.min(), ratio.max()])
        return -(surrogate + loss.ent_coef * entropy).sum() / size, stats

    def _critic_loss(self, part: Minibatch) -> Tensor:
        batch, critic, rows = self._batch, self._policy.critic, part.rows
        column = rows % batch.num_agents
        if part.units is not None:
            assert batch.shared is not None
            values, _ = critic(batch.shared[part.units], batch.is_start, batch.critic_memory)
            values = values.flatten() if part.positions is None else values[part.positions, column]
        else:
            shared = None if batch.shared is None else batch.shared[batch.unit_of(rows)]
            inputs = critic.seat_inputs(shared, batch.obs[rows], column)
            values, _ = critic(inputs, batch.is_start[rows], batch.critic_memory[first_rows(rows)])
        returns = self._targets.returns[rows]
        losses = value_loss(
            values,
            returns,
            self._targets.values[rows],
            value_clip=self._loss.value_clip,
            huber_delta=self._loss.huber_delta,
        )
        if self._loss.negative_weight != 1.0:
            losses = torch.where(returns < values, self._loss.negative_weight * losses, losses)
        return chosen(part, losses)[0].sum()


class CriticGradients(PlainGradients):
    """Those of the value loss alone, for an actor that learns in another way: its gradient is empty, its statistics 0."""

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        loss = self._critic_loss(part.to(self._device)) / size
        gradient = _flat(torch.autograd.grad(self._loss.vf_coef * loss, self._critic))
        stats = gradient.new_zeros(len(STATS) + 2)
        stats[STATS.index("value_loss")] = loss.detach() * size
        return Gradient(gradient[:0], gradient, stats)


def first_rows(rows: Tensor) -> Tensor:
    """The decisions whose memory-in a forward pass needs: those that begin a chunk."""
    return rows[0] if rows.dim() == 2 else rows


def chosen(part: Minibatch, *terms: Tensor) -> list[Tensor]:
    """The terms of decisions only, without padding."""
    return list(terms) if part.valid is None else [term[part.valid] for term in terms]


def _flat(gradients: Sequence[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])
