"""The critic's update sees what the critic saw in play: until the first gradient step its values are those noted there.

A critic that is asked to predict what it noted has nothing to learn, whichever source its gradients come from: the loss
of a minibatch is half the sum of squared errors, so no error is larger than the root of twice the loss.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from marl_ppo.training.batch import Batch, halves
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.gradients import STATS, LossConfig, Targets
from marl_ppo.training.learner import Learner
from marl_ppo.training.trainer import Trainer

Settings = dict[str, Any]

BOUND = 1e-5
"""of the errors, in units of reward: matrix products of other shapes may be summed in another order than in play"""
UPDATES = 3
SQUARED = LossConfig(clip_coef=0.2, dual_clip=None, ent_coef=0.0, vf_coef=1.0, value_clip=None, huber_delta=None)

MEMORY: Settings = {"network": {"memory": "gru"}}
TEAM: Settings = {"world": "staggered", "world_config": {"on_death": "team"}}
CRITICS: dict[str, Settings] = {
    **{kind: {"world": "spread", "critic_input": kind} for kind in ("own", "joint", "state", "both")},
    **{f"{kind}, plain": {"world": "spread", "critic_input": kind, "fused": False} for kind in ("own", "joint", "state")},
    **{f"{kind}, memory": {"world": "spread", "critic_input": kind, **MEMORY} for kind in ("own", "joint", "state", "both")},
    "in two threads": {"world": "spread", "threads": 2},
    "in two threads, waiting": {"world": "waits", "threads": 2},
    "in two threads, memory": {"world": "waits", "threads": 2, **MEMORY},
    "continuous actions": {"world": "spread", "world_config": {"action": "continuous"}},
    "two kinds of agents": {"world": "two_kinds"},
    "separate policies": {"world": "two_kinds", "sharing": "separate"},
    "separate policies, own": {"world": "two_kinds", "sharing": "separate", "critic_input": "own"},
    "separate policies, memory": {"world": "waits", "sharing": "separate", "critic_input": "both", **MEMORY},
    "action masks": {"world": "bandit", "world_config": {"masked": True}},
    "recall, memory": {"world": "recall", **MEMORY},
    "deaths": {"world": "staggered"},
    "deaths, own": {"world": "staggered", "critic_input": "own"},
    "deaths, memory": {"world": "staggered", **MEMORY},
    "deaths in a team": TEAM,
    "deaths in a team, both": {**TEAM, "critic_input": "both"},
    "deaths in a team, memory": {**TEAM, **MEMORY},
    "turns": {"world": "kuhn"},
    "turns, own": {"world": "kuhn", "critic_input": "own"},
    "turns, memory": {"world": "kuhn", **MEMORY},
    "waiting": {"world": "waits"},
    "waiting, plain": {"world": "waits", "fused": False},
    "waiting, memory": {"world": "waits", **MEMORY},
    "values as they are": {"world": "spread", "ppo": {"normalize_values": False}},
}

Spoil = Callable[[Batch, Learner], Batch]
"""between play and update: what the update is given instead"""


def value_errors(config: TrainConfig, spoil: Spoil | None = None, updates: int = UPDATES) -> list[float]:
    """A bound on the largest error of the values of each minibatch of each update, of all policies."""
    found: list[float] = []
    with Trainer(config) as trainer:
        for learner in trainer.setup.learners.values():
            learner.update = measuring(learner, found, spoil)  # type: ignore[method-assign]
        for _ in range(updates):
            trainer.train_once()
    return found


def measuring(learner: Learner, found: list[float], spoil: Spoil | None) -> Any:
    """The learner's own `update`, which first notes the errors."""
    update = learner.update

    def measured(batch: Batch, **more: Any) -> Any:
        shown = of_this_rollout(batch) if spoil is None else spoil(of_this_rollout(batch), learner)
        noted = learner.value_norm.normalize(batch.values)
        learner._gradients.begin(shown, Targets(batch.advantages, noted, noted), SQUARED)
        for minibatch in learner._minibatches(shown, torch.Generator().manual_seed(0)):
            parts = enumerate(halves(minibatch, learner._threads))
            stats = [learner._gradients.gradient(part, thread, minibatch.size).stats for thread, part in parts]
            loss = sum(float(part[STATS.index("value_loss")]) for part in stats)
            found.append((2 * loss) ** 0.5 * float(learner.value_norm.std))
        return update(batch, **more)

    return measured


def of_this_rollout(batch: Batch) -> Batch:
    """The batch without its carried decisions, which an older critic valued: each is the first of its seat."""
    carried = (batch.rows[0] < batch.num_seats) & (batch.counts > 0)
    rows = torch.where(carried, batch.rows.roll(-1, 0), batch.rows)
    return replace(batch, rows=rows, counts=batch.counts - carried.long())


def with_a_sharp_critic(small: Any, settings: Settings) -> TrainConfig:
    """One that moves far with every update, for rewards far from mean 0 and deviation 1."""
    config: TrainConfig = small(**{**settings, "ppo": {"learning_rate": 1e-2, **settings.get("ppo", {})}})
    return config


@pytest.mark.parametrize("settings", CRITICS.values(), ids=CRITICS.keys())
def test_before_the_first_gradient_step_values_are_those_noted_in_play(small: Any, settings: Settings) -> None:
    errors = value_errors(with_a_sharp_critic(small, settings))

    assert len(errors) >= 3 * UPDATES
    assert max(errors) < BOUND


def other_weights(batch: Batch, learner: Learner) -> Batch:
    for weights in learner.policy.critic.parameters():
        weights.data += 0.01
    return batch


def other_statistics(batch: Batch, learner: Learner) -> Batch:
    learner.value_norm.update(batch.returns[batch.valid_rows] + 1.0)
    return batch


def forgotten_memory(batch: Batch, learner: Learner) -> Batch:
    return replace(batch, critic_memory=torch.zeros_like(batch.critic_memory))


def unseen_starts(batch: Batch, learner: Learner) -> Batch:
    return replace(batch, is_start=torch.zeros_like(batch.is_start))


def others_agents(batch: Batch, learner: Learner) -> Batch:
    """The obs of the agent before."""
    assert batch.shared is None
    return replace(batch, obs=batch.obs.roll(1, 0))


def the_copy_before(batch: Batch, learner: Learner) -> Batch:
    assert batch.shared is not None
    return replace(batch, shared=batch.shared.roll(1, 0))


SPOILED: dict[str, tuple[str, Spoil]] = {
    **{f"{name}: other weights": (name, other_weights) for name in CRITICS},
    "joint: other statistics": ("joint", other_statistics),
    "waiting, memory: no memory": ("waiting, memory", forgotten_memory),
    "turns, memory: no memory": ("turns, memory", forgotten_memory),
    "deaths, memory: no starts": ("deaths, memory", unseen_starts),
    "own: another's obs": ("own", others_agents),
    "joint: another copy": ("joint", the_copy_before),
    "waiting: another copy": ("waiting", the_copy_before),
}


@pytest.mark.parametrize(("critic", "spoil"), SPOILED.values(), ids=SPOILED.keys())
def test_values_show_when_the_update_is_not_about_what_was_played(small: Any, critic: str, spoil: Spoil) -> None:
    """The control of the test above."""
    errors = value_errors(with_a_sharp_critic(small, CRITICS[critic]), spoil, updates=1)

    assert max(errors) > 10 * BOUND
