"""The PPO update of one policy: rollout in, metrics out. Schulman et al. 2017; Yu et al. 2022 for many agents."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from marl_ppo import plugins
from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.errors import FileFormatError
from marl_ppo.ppo.advantages import explained_variance
from marl_ppo.ppo.kl import should_stop
from marl_ppo.ppo.losses import normalize_advantages
from marl_ppo.ppo.normalization import ValueNorm
from marl_ppo.ppo.schedules import Schedule
from marl_ppo.training import batch as batches
from marl_ppo.training.batch import Batch, Minibatch
from marl_ppo.training.config import PPOConfig
from marl_ppo.training.gradients import STATS, Gradient, GradientSource, LossConfig, Targets
from marl_ppo.training.parameters import FlatParameters
from marl_ppo.training.parts import find_part


class Epochs(NamedTuple):
    """What an update's gradient steps told, in their order."""

    stats: Tensor
    """float32 [steps, len(STATS) + 2]: of each minibatch"""
    last: Tensor
    """those of the last epoch"""
    norms: dict[str, list[Tensor]]
    """of the gradient before clipping, by network"""
    passes: int
    """epochs done"""


class Learner:
    """Owns a policy's optimiser and value normaliser."""

    networks: ClassVar[tuple[str, ...]] = ("actor", "critic")
    """those that learn by gradient steps on minibatches"""

    def __init__(
        self,
        policy: ActorCritic,
        config: PPOConfig,
        gradients: GradientSource,
        *,
        begins: float = 0.0,
        threads: int = 1,
        executor: Executor | None = None,
    ) -> None:
        self.begins = begins
        """share of the budget before which only the critic learns"""
        self.policy = policy
        self.config = config
        self.value_norm = ValueNorm()
        self.skipped_steps = 0
        """gradient steps left out because the gradient was not finite"""
        self._gradients = gradients
        self._threads = threads
        self._executor = executor
        self._flat = {name: FlatParameters(getattr(policy, name)) for name in self.networks}
        critic_lr = config.learning_rate if config.critic_learning_rate is None else config.critic_learning_rate
        rates = {"actor": config.learning_rate, "critic": critic_lr}
        self._rates = {name: Schedule(config.lr_schedule, rates[name]) for name in self.networks}
        self._ent_coef = Schedule(
            "constant" if config.ent_coef_final is None else "linear", config.ent_coef, config.ent_coef_final or 0.0
        )
        on_cpu = self._flat["critic"].values.device.type == "cpu"
        self._adam = torch.optim.Adam(
            [{"params": [flat.values], "lr": self._rates[name](0.0)} for name, flat in self._flat.items()],
            eps=config.adam_eps,
            fused=on_cpu,
        )

    def update(self, batch: Batch, *, progress: float, shuffle: torch.Generator) -> dict[str, Tensor | float]:
        """Learn from one rollout at `progress` (0 to 1) of the budget; returns metrics by name.

        `shuffle` orders the minibatches. Metrics are tensors where they would cost a read. Nothing is learned from a
        rollout in which no decision closed, as where every seat was dead or waited all along.
        """
        config = self.config
        rows = batch.valid_rows
        if not len(rows):
            return {"decisions": 0.0}
        returns, values = batch.returns[rows], batch.values[rows]
        metrics: dict[str, Tensor | float] = {
            "explained_variance": explained_variance(values, returns),
            "value": values.mean(),
            "return_target": returns.mean(),
            "advantage_max": batch.advantages[rows].abs().max(),
            "decisions": float(len(rows)),
            "max_entropy": self.policy.actor.head.max_entropy(None if batch.action_mask is None else batch.action_mask[rows]),
        }
        for group, rate in zip(self._adam.param_groups, self._rates.values(), strict=True):
            group["lr"] = rate(progress)
        if progress < self.begins:
            self._adam.param_groups[0]["lr"] = 0.0
        surrogate = find_part(plugins.SURROGATES, config.surrogate)
        is_lenient = config.surrogate == "lenient"
        loss = LossConfig(
            surrogate=partial(surrogate, negative_weight=config.negative_weight) if is_lenient else surrogate,
            clip_coef=config.clip_coef,
            dual_clip=config.dual_clip,
            ent_coef=self._ent_coef(progress),
            vf_coef=config.vf_coef,
            value_clip=config.value_clip,
            huber_delta=config.huber_delta,
            negative_weight=config.negative_weight if is_lenient else 1.0,
        )
        optimised = self._optimise(batch, self._targets(batch, rows), loss, shuffle)
        return metrics | optimised | {"learning_rate": self._rates[self.networks[0]](progress)}

    def optimizer_state(self) -> dict[str, Tensor]:
        """Adam's moments and step counts, by name."""
        return {
            f"{name}.{key}": tensor
            for name, flat in self._flat.items()
            for key, tensor in self._adam.state[flat.values].items()
        }

    def load_optimizer_state(self, state: Mapping[str, Tensor]) -> None:
        """The way back."""
        for name, flat in self._flat.items():
            own = {key.removeprefix(f"{name}."): tensor for key, tensor in state.items() if key.startswith(f"{name}.")}
            if own and own["exp_avg"].shape != flat.values.shape:
                raise FileFormatError(
                    f"the saved optimiser is for {len(own['exp_avg'])} {name} weights, not {len(flat.values)}"
                )
            self._adam.state.pop(flat.values, None)
            if own:
                self._adam.state[flat.values] = {
                    key: tensor.clone() if key == "step" else tensor.to(flat.values.device, copy=True)
                    for key, tensor in own.items()
                }

    def _targets(self, batch: Batch, rows: Tensor) -> Targets:
        config = self.config
        values, returns = batch.values, batch.returns
        if config.normalize_values:
            # Before the update: value clipping wants the old values as the critic gave them.
            values = self.value_norm.normalize(values)
            self.value_norm.update(returns[rows])
            returns = self.value_norm.normalize(returns)
        advantages = batch.advantages
        if config.normalize_advantages == "rollout":
            advantages = normalize_advantages(advantages, batch.is_decision)
        return Targets(advantages, returns, values)

    def _optimise(
        self, batch: Batch, targets: Targets, loss: LossConfig, shuffle: torch.Generator
    ) -> dict[str, Tensor | float]:
        epochs = self._epochs(batch, targets, loss, shuffle)
        stats = epochs.stats
        means: dict[str, Tensor | float] = {name: stats[:, i].mean() for i, name in enumerate(STATS)}
        return means | {
            "approx_kl": epochs.last[:, STATS.index("approx_kl")].mean(),
            "ratio_min": stats[:, -2].min(),
            "ratio_max": stats[:, -1].max(),
            **{f"{name}_grad_norm": torch.stack(norms).mean() for name, norms in epochs.norms.items()},
            "first_ratio_error": (stats[0, -2:] - 1).abs().max(),
            "update_epochs": float(epochs.passes),
            "skipped_steps": float(self.skipped_steps),
        }

    def _epochs(self, batch: Batch, targets: Targets, loss: LossConfig, shuffle: torch.Generator) -> Epochs:
        config = self.config
        self._gradients.begin(batch, targets, loss)
        stats: list[Tensor] = []
        norms: dict[str, list[Tensor]] = {name: [] for name in self.networks}
        before = epochs = 0
        for _ in range(config.update_epochs):
            before = len(stats)
            # Empty ones, where there are fewer decisions than minibatches, have no mean.
            minibatches = [minibatch for minibatch in self._minibatches(batch, shuffle) if minibatch.size]
            if config.normalize_advantages == "minibatch":
                apart = normalized_apart(targets.advantages, minibatches)
                self._gradients.begin(batch, targets._replace(advantages=apart), loss)
            stats += [self._step(minibatch, norms) for minibatch in minibatches]
            epochs += 1
            if config.target_kl is not None:
                kl = torch.stack(stats[before:])[:, STATS.index("approx_kl")].mean()
                if should_stop(float(kl), config.target_kl):
                    break
        seen = torch.stack(stats)
        return Epochs(seen, seen[before:], norms, epochs)

    def _minibatches(self, batch: Batch, shuffle: torch.Generator) -> Iterator[Minibatch]:
        count = self.config.num_minibatches
        if self.policy.actor.memory_size:
            return batches.chunks(batch, shuffle, count, self.config.sequence_length)
        if self.policy.critic.per_seat:
            return batches.decisions(batch, shuffle, count)
        return batches.copy_steps(batch, shuffle, count)

    def _step(self, minibatch: Minibatch, norms: dict[str, list[Tensor]]) -> Tensor:
        """One gradient step; returns the minibatch's mean statistics."""
        size = minibatch.size
        parts = batches.halves(minibatch, self._threads)
        if self._executor is None or len(parts) == 1:
            found = [self._gradients.gradient(part, thread, size) for thread, part in enumerate(parts)]
        else:
            # The last part is done here, since this thread would otherwise only wait.
            futures = [
                self._executor.submit(self._gradients.gradient, part, thread, size) for thread, part in enumerate(parts[:-1])
            ]
            mine = self._gradients.gradient(parts[-1], len(parts) - 1, size)
            found = [*(future.result() for future in futures), mine]
        stats = self._add_up(found, size)
        finite = True
        for name, flat in self._flat.items():
            norm = flat.clip(self.config.max_grad_norm)
            norms[name].append(norm)
            finite = finite and bool(torch.isfinite(norm))
        if finite:
            self._adam.step()
        else:
            self.skipped_steps += 1
        return stats

    def _add_up(self, parts: list[Gradient], size: int) -> Tensor:
        """Sum the parts into the flat gradients, always in the same order."""
        for name, flat in self._flat.items():
            flat.gradient.copy_(getattr(parts[0], name))
            for part in parts[1:]:
                flat.gradient.add_(getattr(part, name))
        stacked = torch.stack([part.stats for part in parts])
        sums = stacked[:, : len(STATS)].sum(0) / size
        return torch.cat([sums, stacked[:, -2].min().view(1), stacked[:, -1].max().view(1)])


def normalized_apart(advantages: Tensor, minibatches: list[Minibatch]) -> Tensor:
    """With mean 0 and deviation 1 within each minibatch of an epoch, which share no decision."""
    normalized = advantages.clone()
    for minibatch in minibatches:
        rows = minibatch.rows if minibatch.valid is None else minibatch.rows[minibatch.valid]
        normalized[rows] = normalize_advantages(advantages[rows])
    return normalized
