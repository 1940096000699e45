"""The GRU that goes through whole sequences at once does what the cell does step by step, and so does its gradient."""

import pytest
import torch
from torch import Tensor

from marl_ppo.agents.networks import NetworkConfig, Trunk
from marl_ppo.agents.recurrence import BLOCK, remember, serves

STEPS, INPUTS = 7, 5


def trunk(hidden: tuple[int, ...] = (32, 48)) -> Trunk:
    return Trunk(INPUTS, NetworkConfig(memory="gru", hidden=hidden), torch.Generator().manual_seed(0))


def sequence(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs [L, B, I], starts [L, B] and memory [B, M]."""
    generator = torch.Generator().manual_seed(1)
    x, memory = torch.randn(STEPS, rows, INPUTS, generator=generator), torch.randn(rows, 48, generator=generator)
    return x, torch.rand(STEPS, rows, generator=generator) < 0.2, memory


def step_by_step(trunk: Trunk, x: Tensor, starts: Tensor, memory: Tensor) -> Tensor:
    assert trunk.cell is not None
    after = []
    for seen, start in zip(trunk.layers(x), starts, strict=True):
        memory = trunk.cell(seen, memory.masked_fill(start.unsqueeze(-1), 0.0))
        after.append(memory)
    return torch.stack(after)


@pytest.mark.parametrize("rows", [1, 8, 61, BLOCK, BLOCK + 3])
def test_it_gives_the_features_and_the_gradient_of_the_cell_step_by_step(rows: int) -> None:
    """Also where rows fill no block and no tile."""
    net = trunk()
    x, starts, memory = sequence(rows)
    x.requires_grad_(), memory.requires_grad_()
    wanted = [x, memory, *net.parameters()]
    towards = torch.randn(STEPS, rows, 48, generator=torch.Generator().manual_seed(2))
    plain, fast = step_by_step(net, x, starts, memory), net(x, starts, memory)[0]

    assert net.cell is not None
    assert serves(net.layers(x), net.cell)
    torch.testing.assert_close(fast, plain, rtol=0, atol=2e-6)
    for found, expected in zip(
        torch.autograd.grad((fast * towards).sum(), wanted), torch.autograd.grad((plain * towards).sum(), wanted), strict=True
    ):
        assert expected.abs().max() > 1e-3
        torch.testing.assert_close(found, expected, rtol=0, atol=3e-6 * float(expected.abs().max()) + 1e-6)


def test_nothing_goes_past_a_start() -> None:
    net = trunk()
    x, starts, memory = sequence(3)
    starts[4] = True
    after = net(x, starts, memory)[0]
    other = net(x, starts, memory + 1.0)[0]

    assert torch.equal(after[4:], other[4:])
    assert not torch.equal(after[:4], other[:4])


def test_a_step_of_play_is_a_sequence_of_one() -> None:
    """To the last bit, so that an update finds the probabilities with which it was played."""
    net = trunk()
    x, starts, memory = sequence(9)
    assert net.cell is not None
    seen = net.layers(x)
    whole = remember(seen, starts, memory, net.cell)
    for step in range(STEPS):
        (memory,) = remember(seen[step : step + 1], starts[step : step + 1], memory, net.cell)
        assert torch.equal(memory, whole[step])


def test_widths_that_fill_no_vectors_are_served_by_the_cell() -> None:
    net = Trunk(INPUTS, NetworkConfig(memory="gru", hidden=(10, 10)), torch.Generator().manual_seed(0))
    x, starts, _ = sequence(3)

    assert net.cell is not None
    assert not serves(net.layers(x), net.cell)
    assert net(x, starts, torch.zeros(3, 10))[0].shape == (STEPS, 3, 10)


def test_a_network_that_is_broken_shows() -> None:
    net = trunk()
    x, starts, memory = sequence(3)
    x[2, 1] = torch.nan

    after = net(x, starts, memory)[0]

    assert after[2, 1].isnan().all()
    assert after[:, 0].isfinite().all()
