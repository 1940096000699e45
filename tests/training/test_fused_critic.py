"""The fused critic values and learns as the plain module does: the same loss, torch's autograd."""

import numpy as np
import pytest
import torch
from fused_twins import ODD, as_tensor, assert_same_gradient, critic_batch, mlp, parameters
from torch import Tensor, nn

from marl_ppo.training.fused.critic import CriticBatch, FusedCritic
from marl_ppo.training.fused.inputs import Inputs


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
