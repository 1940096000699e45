"""How a memory tells of an option."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from marl_ppo.agents.options import Option, OptionColumns
from marl_ppo.envs.world import ActionSpace

NUMBERS = torch.tensor([0.0, 3.0]), torch.tensor([-0.5, -1.5]), torch.tensor([True, False])


@pytest.mark.parametrize(
    ("action", "chosen", "size"),
    [(spaces.Discrete(9), [7, 8], 4), (spaces.MultiDiscrete(np.array([3, 4])), [[2, 3], [0, 1]], 5)],
)
def test_what_was_written_is_read(action: ActionSpace, chosen: list[int] | list[list[int]], size: int) -> None:
    columns = OptionColumns(action)
    option = Option(torch.tensor(chosen), *NUMBERS)
    behind = torch.tensor([[0.1], [0.2]])
    memory = columns.write(option, (torch.zeros(2, 0), behind))

    assert columns.size == size
    assert memory.shape == (2, size + 1)
    assert torch.equal(memory[:, size:], behind)
    assert all(torch.equal(read, wrote) for read, wrote in zip(columns.read(memory), option, strict=True))
    assert columns.is_new(memory).tolist() == [True, False]


def test_what_is_silent_tells_nothing() -> None:
    columns = OptionColumns(spaces.Discrete(9))
    memory = torch.tensor([[torch.nan, 1e30, 7.0, 1.0], [8.0, 3.0, -1.5, 0.0]])
    option = columns.read(memory, torch.tensor([True, False]))

    assert [field.tolist() for field in option] == [[0, 8], [0.0, 3.0], [0.0, -1.5], [False, False]]


def test_a_memory_without_these_columns_is_refused() -> None:
    columns = OptionColumns(spaces.Discrete(9))

    with pytest.raises(IndexError):
        columns.read(torch.zeros(2, 3))
    with pytest.raises(IndexError):
        columns.read(torch.zeros(3, 4), torch.ones(1, dtype=torch.bool))
