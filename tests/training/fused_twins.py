"""Plain modules and made-up batches that the fused networks are compared with."""

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from marl_ppo.training.fused.actor import ActorBatch
from marl_ppo.training.fused.critic import CriticBatch
from marl_ppo.training.fused.inputs import Inputs

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


def logprobs_of(module: nn.Sequential, batch: ActorBatch, rows: np.ndarray) -> Tensor:
    """Log-probabilities [B, K] of all choices, by the plain module."""
    logits = module(as_tensor(batch.inputs)[rows])
    if len(batch.mask):
        logits = torch.where(torch.from_numpy(batch.mask[rows]), logits, -1e10)
    return torch.log_softmax(logits, -1)
