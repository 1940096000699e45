"""The hand-derived gradients as a source for the learner: the twin of PlainGradients for standard networks on the CPU."""

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.world import Group
from marl_ppo.training.batch import Batch, Minibatch
from marl_ppo.training.fused.actor import ActorBatch, FusedActor
from marl_ppo.training.fused.critic import CriticBatch, FusedCritic
from marl_ppo.training.fused.inputs import Inputs
from marl_ppo.training.fused.nets import flat_views, widths
from marl_ppo.training.gradients import Gradient, LossConfig, Targets


def why_not_played(policy: ActorCritic, group: Group, network: NetworkConfig, device: str) -> str | None:
    """What keeps the compiled twins from playing and valuing for this policy; None if they do."""
    reasons = {
        "obs that need a learned encoder": policy.actor.encoder.is_learned or policy.critic.shared_encoder.is_learned,
        "actions that are not discrete": not isinstance(group.action, spaces.Discrete),
        "bf16": network.precision != "float32",
        f"the activation {network.activation!r}": network.activation not in ("tanh", "relu"),
        f"the device {device!r}": device != "cpu",
    }
    return next((reason for reason, met in reasons.items() if met), None)


def why_not_fused(policy: ActorCritic, group: Group, network: NetworkConfig, device: str) -> str | None:
    """What keeps the hand-derived update from serving this policy; None if it does serve."""
    reasons = {"memory": network.memory != "none", "critic_input 'both'": policy.critic.kind == "both"}
    of_update = next((reason for reason, met in reasons.items() if met), None)
    return why_not_played(policy, group, network, device) or of_update


class FusedGradients:
    """One FusedActor and FusedCritic per thread, reading the module's parameters and the rollout where they lie."""

    def __init__(self, policy: ActorCritic, network: NetworkConfig, threads: int) -> None:
        self._policy = policy
        actor, critic = (widths(module.parameters()) for module in (policy.actor, policy.critic))
        activation = network.activation
        self._actors = [FusedActor(actor, activation) for _ in range(threads)]
        self._critics = [FusedCritic(critic, activation) for _ in range(threads)]

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        self._loss = loss
        # Anew, since whoever optimises may have moved the parameters.
        self._parameters = [flat_views(module.parameters()) for module in (self._policy.actor, self._policy.critic)]
        agents = batch.num_agents
        nothing = np.zeros((0, agents), np.float32)
        self._actor_batch = ActorBatch(
            inputs=Inputs(
                shared=np.zeros((0, 0), np.float32),
                own=self._policy.actor.encoder(batch.obs).numpy(),
                index=batch.agent_index[:agents].numpy(),
                num_indices=self._policy.actor.num_indices,
            ),
            actions=batch.actions.numpy(),
            logprob=batch.logprob.numpy(),
            advantages=targets.advantages.numpy(),
            mask=np.zeros((0, 1), bool) if batch.action_mask is None else batch.action_mask.numpy(),
        )
        if self._policy.critic.per_seat:
            inputs = Inputs(
                shared=np.zeros((0, 0), np.float32),
                own=self._policy.critic.own_encoder(batch.obs).numpy(),
                index=np.arange(agents),
                num_indices=self._policy.critic.num_indices,
            )
            returns, values, valid = (
                targets.returns.view(-1, 1),
                targets.values.view(-1, 1),
                nothing[:, :1].astype(bool),
            )
        else:
            assert batch.shared is not None
            inputs = Inputs(
                shared=self._policy.critic.encode(batch.shared).numpy(),
                own=np.zeros((0, 0), np.float32),
                index=np.zeros(1, np.int64),
                num_indices=0,
            )
            returns, values = _by_unit(targets.returns, batch), _by_unit(targets.values, batch)
            valid = nothing.astype(bool)
            if not batch.dense:
                valid = _by_unit(batch.is_decision, batch).numpy()
        clips = loss.value_clip is not None
        self._critic_batch = CriticBatch(
            inputs=inputs, returns=returns.numpy(), old_values=values.numpy() if clips else nothing, valid=valid
        )

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        loss = self._loss
        rows = part.rows.numpy()
        actor, critic = self._actors[thread], self._critics[thread]
        actor_parameters, critic_parameters = (np.concatenate(views) for views in self._parameters)
        actor_gradient, critic_gradient = np.empty_like(actor_parameters), np.empty_like(critic_parameters)
        actor.load(actor_parameters)
        stats = actor.gradient(
            self._actor_batch,
            rows,
            actor_gradient,
            weight=1 / size,
            clip_coef=loss.clip_coef,
            ent_coef=loss.ent_coef,
            dual_clip=np.inf if loss.dual_clip is None else loss.dual_clip,
        )
        critic.load(critic_parameters)
        value_loss = critic.gradient(
            self._critic_batch,
            rows if part.units is None else part.units.numpy(),
            critic_gradient,
            weight=loss.vf_coef / size,
            clip_coef=np.inf if loss.value_clip is None else loss.value_clip,
            huber_delta=np.inf if loss.huber_delta is None else loss.huber_delta,
        )
        sums = (-stats.policy_loss, stats.entropy, stats.approx_kl, stats.clipped, value_loss)
        return Gradient(
            torch.from_numpy(actor_gradient),
            torch.from_numpy(critic_gradient),
            torch.tensor([*sums, stats.ratio_min, stats.ratio_max]),
        )


def _by_unit(field: Tensor, batch: Batch) -> Tensor:
    """A field by flat index as [units, A]: a carried decision's unit, behind the others, holds it in its own column."""
    by_step = field.view(-1, batch.num_agents)
    if batch.dense:
        return by_step
    carried = torch.zeros(batch.num_seats, batch.num_agents, dtype=field.dtype)
    seats = torch.arange(batch.num_seats)
    carried[seats, seats % batch.num_agents] = field[: batch.num_seats]
    return torch.cat([by_step, carried])
