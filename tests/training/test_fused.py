"""The fused learner equals the plain one: the same module, the same loss, torch's autograd."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from marl_ppo.agents.actor_critic import ActorCritic
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.registry import make_world
from marl_ppo.errors import ConfigError
from marl_ppo.training.fused.actor import ActorBatch, ActorStats, FusedActor
from marl_ppo.training.fused.critic import CriticBatch, FusedCritic
from marl_ppo.training.fused.inputs import Inputs
from marl_ppo.training.fused.math32 import exp, log, tanh
from marl_ppo.training.fused.playing import FusedActing, FusedValues

ODD = [(7,), (5, 33), (64, 64), (17, 20, 9)]
"""hidden widths; most are multiples of nothing"""


def mlp(widths: tuple[int, ...], activation: str = "tanh", seed: int = 0) -> nn.Sequential:
    """Linear layers of the given widths with weights of about unit gain and biases that are not zero."""
    generator = torch.Generator().manual_seed(seed)
    modules: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = nn.Linear(inputs, outputs)
        nn.init.normal_(layer.weight, 0.0, inputs**-0.5, generator=generator)
        nn.init.normal_(layer.bias, 0.0, 0.1, generator=generator)
        modules += [layer, nn.Tanh() if activation == "tanh" else nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def parameters(module: nn.Sequential) -> np.ndarray:
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in module.parameters()])


def assert_same_gradient(gradient: np.ndarray, module: nn.Sequential) -> None:
    """Up to 1e-5 of the largest number of each weight's or bias's gradient."""
    ends = np.cumsum([parameter.numel() for parameter in module.parameters()])[:-1]
    for fused, parameter in zip(np.split(gradient, ends), module.parameters(), strict=True):
        expected = parameter.grad
        assert expected is not None
        np.testing.assert_allclose(fused, expected.numpy().ravel(), rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def seat_inputs(obs: np.ndarray, num_agents: int = 1) -> Inputs:
    """Rows of obs whose seats are told their number if they are more than one."""
    return Inputs(
        shared=np.zeros((len(obs) // num_agents, 0), np.float32),
        own=obs,
        index=np.arange(num_agents),
        num_indices=num_agents if num_agents > 1 else 0,
    )


def as_tensor(inputs: Inputs) -> Tensor:
    """What `inputs` says of every row, by its definition."""
    rows = np.arange(len(inputs.own))
    num_agents = len(inputs.index)
    one_hot = np.eye(inputs.num_indices, dtype=np.float32)[inputs.index[rows % num_agents]] if inputs.num_indices else None
    parts = [inputs.shared[rows // num_agents], inputs.own] + ([] if one_hot is None else [one_hot])
    return torch.from_numpy(np.concatenate(parts, axis=1))


def actor_batch(num_rows: int, obs_size: int, choices: int, *, num_agents: int = 1, masked: bool = False) -> ActorBatch:
    """Decisions of a policy unlike the one that learns, so that many ratios are clipped on either side."""
    rng = np.random.default_rng(num_rows)
    mask = rng.random((num_rows, choices)) < 0.6
    mask[np.arange(num_rows), rng.integers(choices, size=num_rows)] = True
    if not masked:
        mask = np.ones_like(mask)
    actions = (rng.random((num_rows, choices)) * mask).argmax(1)
    return ActorBatch(
        inputs=seat_inputs(rng.normal(size=(num_rows, obs_size)).astype(np.float32), num_agents),
        actions=actions,
        logprob=np.log(rng.uniform(0.05, 0.9, num_rows)).astype(np.float32),
        advantages=rng.normal(size=num_rows).astype(np.float32),
        mask=mask if masked else np.zeros((0, choices), bool),
    )


def logprobs_of(module: nn.Sequential, batch: ActorBatch, rows: np.ndarray) -> Tensor:
    """Log-probabilities [B, K] of all choices, by the plain module."""
    logits = module(as_tensor(batch.inputs)[rows])
    if len(batch.mask):
        logits = torch.where(torch.from_numpy(batch.mask[rows]), logits, -1e10)
    return torch.log_softmax(logits, -1)


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


def critic_batch(num_rows: int, size: int, agents: int, *, clipped: bool = False, some_valid: bool = False) -> CriticBatch:
    rng = np.random.default_rng(num_rows)
    obs = rng.normal(size=(num_rows, size)).astype(np.float32)
    outputs = (num_rows, agents)
    return CriticBatch(
        inputs=seat_inputs(obs),
        returns=rng.normal(size=outputs).astype(np.float32),
        old_values=rng.normal(size=outputs if clipped else (0, agents)).astype(np.float32),
        valid=rng.random(outputs if some_valid else (0, agents)) < 0.7,
    )


def plain_critic_gradient(
    module: nn.Sequential, batch: CriticBatch, rows: np.ndarray, *, weight: float, clip_coef: float, huber_delta: float
) -> float:
    """Leave the gradient of `weight` times the summed loss in the module; returns the sum."""
    values, returns = module(as_tensor(batch.inputs)[rows]), torch.from_numpy(batch.returns[rows])

    def loss_of(values: Tensor) -> Tensor:
        if np.isinf(huber_delta):
            return 0.5 * (values - returns).square()
        return nn.functional.huber_loss(values, returns, reduction="none", delta=huber_delta)

    loss = loss_of(values)
    if len(batch.old_values):
        old = torch.from_numpy(batch.old_values[rows])
        loss = torch.max(loss, loss_of(old + (values - old).clamp(-clip_coef, clip_coef)))
    if len(batch.valid):
        loss = loss * torch.from_numpy(batch.valid[rows])
    (weight * loss.sum()).backward()
    return loss.sum().item()


@pytest.mark.parametrize(
    ("fused", "exact", "low", "high"), [(exp, np.exp, -87, 88), (log, np.log, 1e-3, 1e3), (tanh, np.tanh, -20, 20)]
)
def test_functions_of_float32_are_exact_to_a_few_units(
    fused: Callable[[Any], Any], exact: Callable[[Any], Any], low: float, high: float
) -> None:
    """Within 1e-6 of the larger of 1 and the result (of the result itself for exp)."""
    points = np.linspace(low, high, 4001, dtype=np.float32)
    results = np.array([fused(x) for x in points])

    np.testing.assert_allclose(results, exact(points.astype(np.float64)), rtol=1e-6, atol=0 if fused is exp else 1e-6)


def test_functions_of_float32_keep_nan_and_vanish_far_below() -> None:
    """A forbidden choice has probability exactly 0, and a broken network shows."""
    assert exp(np.float32(-1e10)) == 0.0
    assert np.isnan(exp(np.float32(np.nan)))
    assert np.isnan(tanh(np.float32(np.nan)))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", ODD)
def test_values_equal_the_modules(hidden: tuple[int, ...], activation: str) -> None:
    """300 rows are two blocks and a part of one."""
    module = mlp((11, *hidden, 3), activation)
    critic = FusedCritic((11, *hidden, 3), activation)
    critic.load(parameters(module))
    inputs = critic_batch(300, 11, 3).inputs
    values = np.zeros((300, 3), np.float32)

    critic.values(inputs, values)

    np.testing.assert_allclose(values, module(as_tensor(inputs)).detach().numpy(), rtol=1e-5, atol=1e-5)


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


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("huber_delta", [np.inf, 0.8])
@pytest.mark.parametrize(("agents", "some_valid"), [(3, True), (1, False)])
def test_critic_gradient_equals_autograd(clipped: bool, huber_delta: float, agents: int, some_valid: bool) -> None:
    module = mlp((13, 24, 16, agents))
    batch = critic_batch(600, 13, agents, clipped=clipped, some_valid=some_valid)
    rows = np.random.default_rng(1).integers(600, size=333)
    coefs = {"weight": 0.5 / 333, "clip_coef": 0.3, "huber_delta": huber_delta}
    expected = plain_critic_gradient(module, batch, rows, **coefs)

    critic, gradient = FusedCritic((13, 24, 16, agents), "tanh"), np.empty_like(parameters(module))
    critic.load(parameters(module))
    loss = critic.gradient(batch, rows, gradient, **coefs)

    assert_same_gradient(gradient, module)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_a_seat_can_see_what_its_copy_shares_its_own_obs_and_its_number() -> None:
    """Two agents: rows 0 and 1 share the first state, rows 2 and 3 the second; the indices 1, 0 repeat."""
    rng = np.random.default_rng(0)
    inputs = Inputs(
        rng.normal(size=(40, 4)).astype(np.float32), rng.normal(size=(80, 3)).astype(np.float32), np.array([1, 0]), 2
    )
    module = mlp((9, 16, 1))
    critic = FusedCritic((9, 16, 1), "tanh")
    critic.load(parameters(module))
    values = np.zeros((80, 1), np.float32)

    critic.values(inputs, values)

    np.testing.assert_allclose(values, module(as_tensor(inputs)).detach().numpy(), rtol=1e-5, atol=1e-5)


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


def test_gradients_of_a_minibatchs_parts_add_up() -> None:
    """With the weight of the whole minibatch, and nothing left over from the call before."""
    module = mlp((10, 24, 2))
    batch = critic_batch(300, 10, 2)
    critic = FusedCritic((10, 24, 2), "tanh")
    critic.load(parameters(module))

    def gradient(rows: np.ndarray) -> np.ndarray:
        found = np.empty_like(parameters(module))
        critic.gradient(batch, rows, found, weight=1 / 300)
        return found

    parts = gradient(np.arange(150)) + gradient(np.arange(150, 300))

    np.testing.assert_allclose(parts, gradient(np.arange(300)), rtol=1e-4, atol=1e-6)


def test_a_network_that_cannot_be_fused_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no activation 'silu'; use 'tanh' or 'relu'"):
        FusedActor((3, 4, 2), "silu")
    with pytest.raises(ConfigError, match=r"at least two positive numbers, got \[3, 0, 2\]"):
        FusedActor((3, 0, 2), "tanh")


def spread_policy(kind: str) -> tuple[ActorCritic, NetworkConfig]:
    spec = make_world("spread", num_envs=1).spec
    network = NetworkConfig(hidden=(20, 16))
    return ActorCritic(spec, spec.groups[0], kind, network, torch.Generator().manual_seed(0)), network  # type: ignore[arg-type]


@pytest.mark.parametrize("greedy", [False, True])
def test_a_fused_policy_decides_as_its_actor_does_after_every_change_of_weights(greedy: bool) -> None:
    policy, network = spread_policy("joint")
    fused = FusedActing(policy.actor, network)
    generator = torch.Generator().manual_seed(1)
    for _ in range(2):
        with torch.no_grad():
            policy.actor.output.weight.normal_(generator=generator)
            situation = {
                "obs": {"vector": torch.randn(90, 18, generator=generator)},
                "action_mask": torch.rand(90, 5, generator=generator) < torch.tensor([0.5, 0.5, 0.5, 0.5, 1.0]),
                "agent_index": torch.arange(3).repeat(30),
                "is_start": torch.zeros(90, dtype=torch.bool),
                "memory": torch.zeros(90, 0),
                "noise": torch.rand(90, 1, generator=generator),
                "greedy": greedy,
            }
            plain, found = policy.actor.act(**situation), fused.act(**situation)

        assert (plain.actions == found.actions).float().mean() > 0.98  # rounding can move a noise across a border
        same = plain.actions == found.actions
        torch.testing.assert_close(found.logprob[same], plain.logprob[same], rtol=1e-5, atol=1e-5)
        assert found.memory.shape == (90, 0)


@pytest.mark.parametrize("kind", ["joint", "own"])
def test_fused_values_equal_the_critics(kind: str) -> None:
    """Once per copy with a value for each agent, or once per seat."""
    policy, network = spread_policy(kind)
    inputs = torch.randn(40, policy.critic.trunk.layers[0].in_features, generator=torch.Generator().manual_seed(1))
    situation = (inputs, torch.zeros(40, dtype=torch.bool), torch.zeros(40, 0))

    values, memory = FusedValues(policy.critic, network)(*situation)

    torch.testing.assert_close(values, policy.critic(*situation)[0].detach(), rtol=1e-5, atol=1e-5)
    assert memory.shape == (40, 0)
