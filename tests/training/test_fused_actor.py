"""The fused actor acts and learns as the plain module does: the same loss, torch's autograd."""

import threading

import numpy as np
import pytest
import torch
from fused_twins import ODD, actor_batch, assert_same_gradient, logprobs_of, mlp, parameters, seat_inputs
from torch import nn

from marl_ppo.errors import ConfigError
from marl_ppo.training.fused.actor import ActorBatch, ActorStats, FusedActor


def plain_actor_gradient(
    module: nn.Sequential, batch: ActorBatch, rows: np.ndarray, *, clip_coef: float, ent_coef: float, dual_clip: float
) -> ActorStats:
    """Leave the gradient of the mean loss in the module; the sums that the fused path reports."""
    logprobs = logprobs_of(module, batch, rows)
    logprob = logprobs.gather(1, torch.from_numpy(batch.actions[rows])[:, None])[:, 0]
    advantages = torch.from_numpy(batch.advantages[rows])
    logratio = logprob - torch.from_numpy(batch.logprob[rows])
    ratio = logratio.exp()
    gain = torch.min(ratio * advantages, ratio.clamp(1 - clip_coef, 1 + clip_coef) * advantages)
    if np.isfinite(dual_clip):
        gain = torch.where(advantages < 0, torch.max(gain, dual_clip * advantages), gain)
    entropy = -(logprobs.exp() * logprobs).sum(1)
    (-gain - ent_coef * entropy).mean().backward()
    return ActorStats(
        policy_loss=-gain.sum().item(),
        entropy=entropy.sum().item(),
        approx_kl=(ratio - 1 - logratio).sum().item(),
        clipped=((ratio - 1).abs() > clip_coef).sum().item(),
        ratio_min=ratio.min().item(),
        ratio_max=ratio.max().item(),
    )


@pytest.mark.parametrize("num_rows", [1, 128, 500])
@pytest.mark.parametrize("hidden", ODD)
def test_actor_gradient_equals_autograd(hidden: tuple[int, ...], num_rows: int) -> None:
    """With agents told apart, on rows in any order, some twice."""
    check_actor(hidden, num_rows, num_agents=3)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_actor_gradient_equals_autograd_with_masks(activation: str) -> None:
    check_actor((24, 16), 400, masked=True, activation=activation)


def test_actor_gradient_equals_autograd_with_dual_clip() -> None:
    check_actor((24, 16), 400, dual_clip=1.5)


def test_actor_gradient_equals_autograd_with_many_choices() -> None:
    """More choices than one vector holds."""
    check_actor((24, 16), 400, choices=37, masked=True)


def check_actor(
    hidden: tuple[int, ...],
    num_rows: int,
    *,
    num_agents: int = 1,
    choices: int = 5,
    activation: str = "tanh",
    masked: bool = False,
    dual_clip: float = np.inf,
) -> None:
    widths = (10 + (num_agents if num_agents > 1 else 0), *hidden, choices)
    module = mlp(widths, activation)
    batch = actor_batch(600, 10, choices, num_agents=num_agents, masked=masked)
    rows = np.random.default_rng(1).integers(600, size=num_rows)
    coefs = {"clip_coef": 0.2, "ent_coef": 0.3, "dual_clip": dual_clip}
    expected = plain_actor_gradient(module, batch, rows, **coefs)

    actor, gradient = FusedActor(widths, activation), np.empty_like(parameters(module))
    actor.load(parameters(module))
    stats = actor.gradient(batch, rows, gradient, weight=1 / num_rows, **coefs)

    assert_same_gradient(gradient, module)
    np.testing.assert_allclose(stats, expected, rtol=1e-4, atol=1e-5 * num_rows)


@pytest.mark.parametrize("masked", [False, True])
def test_actions_are_where_the_noise_meets_the_cumulated_probabilities(masked: bool) -> None:
    """The first choice whose cumulated probability exceeds the noise; its log-probability is the module's."""
    module = mlp((12, 24, 6))
    batch = actor_batch(500, 10, 6, num_agents=2, masked=masked)
    noise = np.random.default_rng(2).random(500, np.float32)
    actions, logprob = np.zeros(500, np.int64), np.zeros(500, np.float32)
    actor = FusedActor((12, 24, 6), "tanh")
    actor.load(parameters(module))

    actor.act(batch.inputs, batch.mask, noise, actions, logprob)

    expected = logprobs_of(module, batch, np.arange(500)).detach().double()
    cumulated = expected.exp().cumsum(1).numpy()
    clear = np.abs(cumulated - noise[:, None]).min(1) > 1e-6
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(actions[clear], (cumulated > noise[:, None]).argmax(1)[clear])
    np.testing.assert_allclose(logprob, expected.numpy()[np.arange(500), actions], rtol=1e-5, atol=1e-5)


def test_a_forbidden_action_is_never_taken_whatever_the_noise() -> None:
    """The largest float32 below 1 could round past the total; only choice 2 of 4 is legal."""
    inputs = seat_inputs(np.ones((3, 5), np.float32))
    mask = np.tile([False, False, True, False], (3, 1))
    noise = np.array([1e-30, 0.5, np.nextafter(np.float32(1), np.float32(0))], np.float32)
    actions, logprob = np.zeros(3, np.int64), np.ones(3, np.float32)
    actor = FusedActor((5, 8, 4), "tanh")
    actor.load(parameters(mlp((5, 8, 4))))

    actor.act(inputs, mask, noise, actions, logprob)

    assert actions.tolist() == [2, 2, 2]
    assert logprob.tolist() == [0.0, 0.0, 0.0]


def test_log_probabilities_of_acting_and_learning_are_the_same_floats() -> None:
    """Before the first update every ratio is exactly 1, so that no row is clipped and the divergence is 0."""
    batch = actor_batch(500, 10, 6)
    actor = FusedActor((10, 24, 6), "tanh")
    module = mlp((10, 24, 6))
    actor.load(parameters(module))
    actor.act(batch.inputs, batch.mask, np.random.default_rng(0).random(500, np.float32), batch.actions, batch.logprob)

    stats = actor.gradient(
        batch, np.arange(500)[::-1].copy(), np.empty_like(parameters(module)), weight=1.0, clip_coef=0.2, ent_coef=0.0
    )

    assert (stats.ratio_min, stats.ratio_max, stats.approx_kl, stats.clipped) == (1.0, 1.0, 0.0, 0.0)


def test_threads_do_not_disturb_one_another() -> None:
    """Two threads with a net each, many times over: the bytes of the calls one after the other."""
    module = mlp((10, 24, 6))
    batch = actor_batch(600, 10, 6)
    halves = np.split(np.random.default_rng(1).permutation(600), 2)

    def learn(rows: np.ndarray, times: int) -> list[bytes]:
        actor, results = FusedActor((10, 24, 6), "tanh"), []
        actor.load(parameters(module))
        for _ in range(times):
            gradient = np.empty_like(parameters(module))
            actor.gradient(batch, rows, gradient, weight=1 / 600, clip_coef=0.2, ent_coef=0.1)
            results.append(gradient.tobytes())
        return results

    alone = [learn(rows, times=1)[0] for rows in halves]
    beside: list[set[bytes]] = [set(), set()]
    threads = [threading.Thread(target=lambda i=i: beside[i].update(learn(halves[i], times=50))) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert beside == [{alone[0]}, {alone[1]}]


def test_a_network_that_cannot_be_fused_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no activation 'silu'; use 'tanh' or 'relu'"):
        FusedActor((3, 4, 2), "silu")
    with pytest.raises(ConfigError, match=r"at least two positive numbers, got \[3, 0, 2\]"):
        FusedActor((3, 0, 2), "tanh")


def test_a_broken_network_acts_within_the_space_and_shows_it() -> None:
    """NaN in, NaN out, and an action that a world takes all the same."""
    actor = FusedActor((4, 8, 3), "tanh")
    actor.load(np.full(4 * 8 + 8 + 8 * 3 + 3, np.nan, np.float32))
    actions, logprob = np.full(5, 99), np.zeros(5, np.float32)
    actor.act(seat_inputs(np.ones((5, 4), np.float32)), np.zeros((0, 3), bool), np.full(5, 0.5, np.float32), actions, logprob)

    assert ((actions >= 0) & (actions < 3)).all()
    assert np.isnan(logprob).all()
