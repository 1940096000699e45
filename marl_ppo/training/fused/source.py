"""The hand-derived gradients as a source for the learner: the twin of PlainGradients for standard networks on the CPU."""

from itertools import pairwise

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
from marl_ppo.training.fused.mlp import Array, Layers
from marl_ppo.training.gradients import Gradient, LossConfig, Targets


def why_not_fused(policy: ActorCritic, group: Group, network: NetworkConfig, device: str) -> str | None:
    """What keeps the hand-derived update from serving this policy; None if it does serve."""
    reasons = {
        "actions that are not discrete": not isinstance(group.action, spaces.Discrete),
        "memory": network.memory != "none",
        "bf16": network.precision != "float32",
        f"the activation {network.activation!r}": network.activation not in ("tanh", "relu"),
        "critic_input 'both'": policy.critic.kind == "both",
        f"the device {device!r}": device != "cpu",
    }
    return next((reason for reason, met in reasons.items() if met), None)


class FusedGradients:
    """One FusedActor and FusedCritic per thread, reading the module's parameters and the rollout where they lie."""

    def __init__(self, policy: ActorCritic, network: NetworkConfig, threads: int) -> None:
        self._policy = policy
        self._layers = self._own_layers()
        actor, critic = (_widths(layers) for layers in self._layers)
        activation = network.activation
        assert activation != "silu", "why_not_fused was not asked"
        self._actors = [FusedActor(actor, activation) for _ in range(threads)]
        self._critics = [FusedCritic(critic, activation) for _ in range(threads)]

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        self._loss = loss
        self._layers = self._own_layers()  # anew, since whoever optimises may have moved the parameters
        agents = batch.num_agents
        nothing = np.zeros((0, agents), np.float32)
        self._actor_batch = ActorBatch(
            inputs=Inputs(
                shared=np.zeros((0, 0), np.float32),
                own=batch.obs.numpy(),
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
                own=batch.obs.numpy(),
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
                shared=batch.shared.numpy(),
                own=np.zeros((0, 0), np.float32),
                index=np.zeros(1, np.int64),
                num_indices=0,
            )
            returns, values = _by_unit(targets.returns, batch), _by_unit(targets.values, batch)
            valid = nothing.astype(bool)
            if not batch.dense:
                is_valid = torch.zeros(len(batch.returns), dtype=torch.bool)
                is_valid[batch.valid_rows] = True
                valid = _by_unit(is_valid, batch).numpy()
        clips = loss.value_clip is not None
        self._critic_batch = CriticBatch(
            inputs=inputs, returns=returns.numpy(), old_values=values.numpy() if clips else nothing, valid=valid
        )

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        loss = self._loss
        rows = part.rows.numpy()
        actor_gradient, actor_views = _zeros_like(self._layers[0])
        actor = self._actors[thread]
        actor.load(self._layers[0])
        stats = actor.gradient(
            self._actor_batch,
            rows,
            actor_views,
            weight=1 / size,
            clip_coef=loss.clip_coef,
            ent_coef=loss.ent_coef,
            dual_clip=np.inf if loss.dual_clip is None else loss.dual_clip,
        )
        critic_gradient, critic_views = _zeros_like(self._layers[1])
        critic = self._critics[thread]
        critic.load(self._layers[1])
        value_loss = critic.gradient(
            self._critic_batch,
            rows if part.units is None else part.units.numpy(),
            critic_views,
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

    def _own_layers(self) -> tuple[Layers, Layers]:
        return _layers(self._policy.actor.parameters()), _layers(self._policy.critic.parameters())


def _by_unit(field: Tensor, batch: Batch) -> Tensor:
    """A field by flat index as [units, A]: a carried decision's unit, behind the others, holds it in its own column."""
    by_step = field.view(-1, batch.num_agents)
    if batch.dense:
        return by_step
    carried = torch.zeros(batch.num_seats, batch.num_agents, dtype=field.dtype)
    seats = torch.arange(batch.num_seats)
    carried[seats, seats % batch.num_agents] = field[: batch.num_seats]
    return torch.cat([by_step, carried])


def _layers(parameters: object) -> Layers:
    arrays = [parameter.detach().numpy() for parameter in parameters]  # type: ignore[attr-defined]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _widths(layers: Layers) -> list[int]:
    return [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]


def _zeros_like(layers: Layers) -> tuple[Array, Layers]:
    """A flat zero gradient, and views of it in the layers' shapes."""
    ends = np.cumsum([0, *(array.size for layer in layers for array in layer)])
    flat = np.zeros(ends[-1], np.float32)
    arrays = [array for layer in layers for array in layer]
    views = [flat[a:b].reshape(array.shape) for (a, b), array in zip(pairwise(ends), arrays, strict=True)]
    return flat, list(zip(views[::2], views[1::2], strict=True))
