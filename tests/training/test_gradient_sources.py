"""Two sources of one gradient, by hand and by autograd, on what real runs collected.

Each run is stopped in the middle of an update: its policy has moved away from the rollout that it learns from, so that
ratios are clipped, and entropy, KL and value loss are all at work.
"""

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.envs.probes.common import one_hot
from marl_ppo.envs.probes.waits import CUES, Waits
from marl_ppo.envs.world import Array, Outputs, World
from marl_ppo.training import setup
from marl_ppo.training.batch import Batch, Minibatch, chunks, copy_steps, decisions, halves
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.fused.source import FusedGradients
from marl_ppo.training.gradients import STATS, Gradient, GradientSource, LossConfig, PlainGradients, Targets
from marl_ppo.training.trainer import Trainer

UPDATES = 2
MINIBATCHES = 3


class Forbidding(Waits):
    """Waits in which the choice after the right one is illegal; no registered world has carried decisions and masks."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        (group,) = self.spec.groups
        self.spec = replace(self.spec, groups=(replace(group, masked=True),))
        self.outputs = Outputs.allocate(self.spec, num_envs)

    def _write(self, where: Array, paid: Array) -> None:
        super()._write(where, paid)
        mask = self.outputs.action_mask[0]
        assert mask is not None
        forbids = one_hot((self._cue + 1) % CUES, CUES).astype(bool) & self.outputs.acting[0][..., None]
        mask[where] = ~forbids[where]


pytestmark = pytest.mark.usefixtures("shown")


@pytest.fixture(autouse=True)
def forbidding_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = setup.make_world

    def make_world(world: str, *, num_envs: int, **config: Any) -> World:
        return Forbidding(num_envs) if world == "forbidding" else registered(world, num_envs=num_envs, **config)

    monkeypatch.setattr(setup, "make_world", make_world)


class Lesson(NamedTuple):
    """What a learner was given at its last update, and its policy some steps later."""

    config: TrainConfig
    policy: ActorCritic
    batch: Batch
    targets: Targets
    loss: LossConfig

    def minibatches(self) -> list[Minibatch]:
        shuffle = torch.Generator().manual_seed(0)
        if self.policy.actor.memory_size:
            return list(chunks(self.batch, shuffle, MINIBATCHES, self.config.ppo.sequence_length))
        split = decisions if self.policy.critic.per_seat else copy_steps
        return list(split(self.batch, shuffle, MINIBATCHES))

    def traits(self) -> set[str]:
        found = {"dense" if self.batch.dense else "sparse"}
        counts = [tensor for name, tensor in self.policy.named_buffers() if name.endswith("statistics.count")]
        found |= {"standardised"} if counts and all(counts) else set()
        found |= {"carried"} if (self.batch.valid_rows < self.batch.num_seats).any() else set()
        mask = self.batch.action_mask
        return found if mask is None or mask[self.batch.valid_rows].all() else found | {"masked"}


class Noting:
    """A gradient source that keeps what it was begun with, safe from the rollouts to come."""

    def __init__(self, source: GradientSource) -> None:
        self._source = source

    def begin(self, batch: Batch, targets: Targets, loss: LossConfig) -> None:
        self.begun = copy.deepcopy((batch, targets, loss))
        self._source.begin(batch, targets, loss)

    def gradient(self, part: Minibatch, thread: int, size: int) -> Gradient:
        return self._source.gradient(part, thread, size)


def lessons(config: TrainConfig) -> list[Lesson]:
    """One of each policy."""
    with Trainer(config) as trainer:
        learners: Any = trainer.setup.learners.values()
        for learner in learners:
            learner._gradients = Noting(learner._gradients)
        for _ in range(UPDATES):
            trainer.train_once()
        return [Lesson(config, learner.policy, *learner._gradients.begun) for learner in learners]


def summed(source: GradientSource, minibatch: Minibatch, threads: int) -> Gradient:
    """Of a whole minibatch, in a part for each thread; the ratios are the lowest and highest of all parts."""
    parts = [source.gradient(part, thread, minibatch.size) for thread, part in enumerate(halves(minibatch, threads))]
    actor, critic, stats = (torch.stack(field) for field in zip(*parts, strict=True))
    ratios = torch.stack([stats[:, -2].amin(), stats[:, -1].amax()])
    return Gradient(actor.sum(0), critic.sum(0), torch.cat([stats[:, : len(STATS)].sum(0), ratios]))


def assert_same(found: Gradient, wanted: Gradient) -> None:
    """Up to 1e-5: of a gradient's largest number, and of a statistic; what is near 0 is a sum of rounding errors."""
    for name in ("actor", "critic"):
        expected = getattr(wanted, name)
        largest = float(expected.abs().max())
        assert largest > 0
        torch.testing.assert_close(getattr(found, name), expected, rtol=1e-5, atol=1e-5 * largest + 1e-7)
    torch.testing.assert_close(found.stats, wanted.stats, rtol=1e-5, atol=2e-5)


SHARP: dict[str, Any] = {"learning_rate": 2e-2, "num_minibatches": MINIBATCHES}
"""so that a few steps move the policy far from the one that played"""

STANDARDISED, AS_THEY_ARE = {"normalize_obs": "always"}, {"normalize_obs": "never"}
TEAM = {"world": "staggered", "world_config": {"on_death": "team"}}
CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "every seat at every step": ({"world": "spread"}, {"dense", "standardised"}),
    "a critic of own obs": ({"world": "spread", "critic_input": "own"}, {"dense", "standardised"}),
    "a critic of the state": ({"world": "spread", "critic_input": "state"}, {"dense", "standardised"}),
    "relu": ({"world": "spread", "network": {"activation": "relu", "hidden": (20, 9)}}, {"dense", "standardised"}),
    "obs as they are": ({"world": "spread", "network": AS_THEY_ARE}, {"dense"}),
    "own obs as they are": ({"world": "spread", "critic_input": "own", "network": AS_THEY_ARE}, {"dense"}),
    "the state as it is": ({"world": "spread", "critic_input": "state", "network": AS_THEY_ARE}, {"dense"}),
    "groups of one and of three": ({"world": "two_kinds"}, {"dense"}),
    "separate policies": ({"world": "two_kinds", "sharing": "separate"}, {"dense", "sparse"}),
    "separate policies, own obs": (
        {"world": "spread", "sharing": "separate", "critic_input": "own"},
        {"sparse", "standardised"},
    ),
    "the dead are gone": ({"world": "staggered"}, {"sparse"}),
    "the dead are paid until the end": (TEAM, {"sparse", "carried"}),
    "the dead are paid, own obs": ({**TEAM, "critic_input": "own"}, {"sparse", "carried"}),
    "the dead are paid, the state": ({**TEAM, "critic_input": "state"}, {"sparse", "carried", "standardised"}),
    "the dead are paid, standardised": ({**TEAM, "network": STANDARDISED}, {"sparse", "carried", "standardised"}),
    "two kinds, standardised": ({"world": "two_kinds", "network": STANDARDISED}, {"dense", "standardised"}),
    "waiting, far from 0": ({"world": "shown", "world_config": {"forms": "far"}}, {"sparse", "carried", "standardised"}),
    "waiting, in bytes": ({"world": "shown", "world_config": {"forms": "bytes"}}, {"sparse", "carried"}),
    "waiting": ({"world": "waits"}, {"sparse", "carried"}),
    "waiting, separate policies": ({"world": "waits", "sharing": "separate"}, {"sparse", "carried"}),
    "turns": ({"world": "kuhn"}, {"sparse", "carried"}),
    "turns, own obs": ({"world": "kuhn", "critic_input": "own"}, {"sparse", "carried"}),
    "masks": ({"world": "bandit", "world_config": {"masked": True}}, {"dense", "masked"}),
    "masks and waiting": ({"world": "forbidding"}, {"sparse", "carried", "masked"}),
}
"""settings, and what the batches must show or the case would prove little"""


@pytest.mark.parametrize(("settings", "must_show"), CASES.values(), ids=CASES.keys())
def test_gradients_by_hand_are_those_of_autograd(small: Any, settings: dict[str, Any], must_show: set[str]) -> None:
    """Of each minibatch as a whole; and for two threads, from either source, as parts that add up to it."""
    config = small(**settings, ppo=SHARP)
    shown, clipped = set(), 0.0
    for lesson in lessons(config):
        plain, fused = PlainGradients(lesson.policy), FusedGradients(lesson.policy, config.network, threads=2)
        for source in (plain, fused):
            source.begin(lesson.batch, lesson.targets, lesson.loss)
        for minibatch in lesson.minibatches():
            wanted = plain.gradient(minibatch, 0, minibatch.size)
            for source, threads in ((fused, 1), (fused, 2), (plain, 2)):
                assert_same(summed(source, minibatch, threads), wanted)
            clipped += float(wanted.stats[STATS.index("clipfrac")])
        shown |= lesson.traits()

    assert shown == must_show
    assert clipped > 0


COEFFICIENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "value_clip": ("critic", {"value_clip": 0.05}),
    "huber_delta": ("critic", {"huber_delta": 0.3}),
    "value_clip and huber_delta": ("critic", {"value_clip": 0.05, "huber_delta": 0.3}),
    "vf_coef": ("critic", {"vf_coef": 2.0}),
    "clip_coef": ("actor", {"clip_coef": 0.01}),
    "dual_clip": ("actor", {"dual_clip": 1.05}),
    "ent_coef": ("actor", {"ent_coef": 0.3}),
}


@pytest.mark.parametrize("world", ["spread", "staggered"])
@pytest.mark.parametrize(("network", "coefficients"), COEFFICIENTS.values(), ids=COEFFICIENTS.keys())
def test_both_sources_know_every_coefficient(small: Any, world: str, network: str, coefficients: dict[str, Any]) -> None:
    """Each one moves the gradient away from that of the default, and both move alike."""
    (lesson,) = lessons(small(world, ppo={**SHARP, **coefficients}))
    minibatch = lesson.minibatches()[0]
    usual = replace(lesson.loss, **{name: getattr(PPOConfig(), name) for name in coefficients})

    def gradient(source: GradientSource, loss: LossConfig) -> Gradient:
        source.begin(lesson.batch, lesson.targets, loss)
        return source.gradient(minibatch, 0, minibatch.size)

    plain, fused = PlainGradients(lesson.policy), FusedGradients(lesson.policy, lesson.config.network, threads=1)
    wanted, other = gradient(plain, lesson.loss), gradient(plain, usual)

    assert_same(gradient(fused, lesson.loss), wanted)
    assert not torch.allclose(getattr(wanted, network), getattr(other, network), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("world", ["staggered", "waits", "forbidding"])
def test_the_parts_of_a_minibatch_of_chunks_add_up_to_it(small: Any, world: str) -> None:
    """With memory, where only autograd serves; padding counts in no part."""
    (lesson,) = lessons(small(world, network={"memory": "gru"}, ppo=SHARP))
    plain = PlainGradients(lesson.policy)
    plain.begin(lesson.batch, lesson.targets, lesson.loss)

    for minibatch in lesson.minibatches():
        assert minibatch.valid is not None
        assert not minibatch.valid.all()
        assert_same(summed(plain, minibatch, 2), summed(plain, minibatch, 1))


def test_a_source_that_begins_anew_reads_the_weights_of_that_moment(small: Any) -> None:
    """They may lie elsewhere by then: whoever optimises moves them into one tensor."""
    (lesson,) = lessons(small("spread", ppo=SHARP))
    plain, fused = PlainGradients(lesson.policy), FusedGradients(lesson.policy, lesson.config.network, threads=1)
    for weights in lesson.policy.parameters():
        weights.data = 0.9 * weights.data
    for source in (plain, fused):
        source.begin(lesson.batch, lesson.targets, lesson.loss)

    for minibatch in lesson.minibatches():
        assert_same(summed(fused, minibatch, 1), summed(plain, minibatch, 1))


def test_a_carried_decision_keeps_the_mask_it_was_made_under(small: Any) -> None:
    """By the rule of the world, from the cue in the obs that it was made on."""
    (lesson,) = lessons(small("forbidding"))
    rows = lesson.batch.valid_rows
    cue = lesson.batch.obs[rows, :CUES].argmax(1)
    legal = torch.nn.functional.one_hot((cue + 1) % CUES, CUES) == 0

    assert lesson.traits() >= {"carried"}
    assert torch.equal(lesson.batch.action_mask[rows], legal)
