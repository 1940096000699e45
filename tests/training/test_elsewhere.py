"""Networks on another device than the worlds.

There is no GPU where these tests run. torch's lazy backend stands in: a device of its own, which refuses tensors of
another one as a GPU does, and computes the same numbers. It lacks some operations (unbinding, as memory needs it; the
chunks of continuous actions; the float64 statistics of obs) and the aliasing of the optimiser's flat parameters, so
networks and gradients are compared where it has what they need, not whole trainings.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch._lazy.ts_backend

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.errors import ConfigError
from marl_ppo.training.batch import Batch, copy_steps, decisions, make_batch
from marl_ppo.training.elsewhere import ActingElsewhere, ValuesElsewhere
from marl_ppo.training.gradients import LossConfig, PlainGradients, Targets
from marl_ppo.training.student import Student
from marl_ppo.training.trainer import Trainer

LAZY = torch.device("lazy")
LOSS = LossConfig(clip_coef=0.2, dual_clip=None, ent_coef=0.01, vf_coef=0.5, value_clip=0.2, huber_delta=None)
PLAIN = {"normalize_obs": "never"}
SETUPS: dict[str, dict[str, Any]] = {
    "one value per agent": {"world": "spread", "network": PLAIN},
    "one value per seat": {"world": "spread", "critic_input": "both", "network": PLAIN},
    "masks and turns": {"world": "kuhn", "critic_input": "own"},
    "deaths": {"world": "staggered"},
}


@pytest.fixture(scope="module", autouse=True)
def lazy_device() -> None:
    torch._lazy.ts_backend.init()


@pytest.fixture(params=SETUPS.values(), ids=SETUPS.keys())
def trainer(request: pytest.FixtureRequest, small: Any) -> Iterator[Trainer]:
    """After one update: networks that are not new, and a rollout to learn from."""
    with Trainer(small(**request.param, fused=False)) as trainer:
        trainer.train_once()
        trainer.setup.collector.collect(0.0)
        yield trainer


def first_student(trainer: Trainer) -> Student:
    return next(iter(trainer.setup.students.values()))


def batch_of(trainer: Trainer, student: Student) -> Batch:
    closed, _ = student.close(trainer.setup.plays, 0.9)
    shared = student.policy.critic.shared
    return make_batch(trainer.setup.store, student.experience, closed, shared, gamma=0.9, gae_lambda=0.95)


def on_lazy(policy: ActorCritic) -> ActorCritic:
    """A copy of the policy with the same weights, there."""
    there = copy.deepcopy(policy)
    for module in there.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, torch.nn.Parameter(parameter.detach().clone().to(LAZY)))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, buffer.to(LAZY))
    return there


def test_a_policy_elsewhere_decides_what_it_decides_here(trainer: Trainer) -> None:
    student = first_student(trainer)
    (play, *_) = trainer.setup.plays
    g, outputs = student.experience.group, play.world.outputs
    seats, mask = play.seats[g].size, outputs.action_mask[g]
    obs = {leaf: torch.from_numpy(array).flatten(0, 1) for leaf, array in outputs.obs[g].items()}
    given = (
        obs,
        None if mask is None else torch.from_numpy(mask).flatten(0, 1),
        torch.tensor(play.world.spec.groups[g].agent_index).repeat(play.world.num_envs),
        torch.zeros(seats, dtype=torch.bool),
        play.memory[g],
        torch.full((seats, student.actor.noise_size), 0.3),
        False,
    )

    here = student.policy.actor.act(*given)
    there = ActingElsewhere(on_lazy(student.policy).actor, LAZY).act(*given)

    for ours, theirs in zip(here, there, strict=True):
        assert theirs.device.type == "cpu"
        torch.testing.assert_close(theirs, ours)


def test_a_critic_elsewhere_values_what_it_values_here(trainer: Trainer) -> None:
    student = first_student(trainer)
    critic = student.policy.critic
    inputs = torch.linspace(-1, 1, 5 * critic.trunk.layers[0].in_features).view(5, -1)
    given = (inputs, torch.zeros(5, dtype=torch.bool), torch.ones(5, critic.memory_size))

    here = critic(*given)
    there = ValuesElsewhere(on_lazy(student.policy).critic, LAZY)(*given)

    for ours, theirs in zip(here, there, strict=True):
        assert theirs.device.type == "cpu"
        torch.testing.assert_close(theirs, ours)


def test_gradients_elsewhere_are_those_here(trainer: Trainer) -> None:
    """For every minibatch of an epoch; batch and minibatches come from the CPU."""
    student = first_student(trainer)
    batch = batch_of(trainer, student)
    targets = Targets(batch.advantages, batch.returns, batch.values)
    here, there = PlainGradients(student.policy), PlainGradients(on_lazy(student.policy))
    here.begin(batch, targets, LOSS)
    there.begin(batch, targets, LOSS)
    shuffle = torch.Generator().manual_seed(0)
    split = decisions if student.policy.critic.per_seat else copy_steps

    for part in split(batch, shuffle, 2):
        ours, theirs = here.gradient(part, 0, part.size), there.gradient(part, 0, part.size)
        for mine, other in zip(ours, theirs, strict=True):
            assert other.device.type == "lazy"
            torch.testing.assert_close(other.cpu(), mine, rtol=1e-4, atol=1e-6)


def test_a_device_that_is_not_there_is_named(small: Any) -> None:
    with pytest.raises(ConfigError, match=r"device 'cuda:7'.*leave --device out"):
        Trainer(small("spread", device="cuda:7"))
