"""The fast twin of a trunk with a GRU, one step at a time: hidden layers and gates.

A GRU's gates are linear in what it sees and in what it held, so both are one more layer of a FusedMLP. The update goes
through `agents.recurrence`, and finds what was remembered here to the rounding of float32.
"""

import numpy as np
from torch import Tensor

from marl_ppo.agents.networks import NetworkConfig, Trunk
from marl_ppo.agents.recurrence import step_once
from marl_ppo.training.fused.critic import FusedCritic
from marl_ppo.training.fused.inputs import Inputs
from marl_ppo.training.fused.nets import PerThread, only_own


class FusedMemory:
    """The twin of a trunk that ends in a GRU, for rows."""

    def __init__(self, trunk: Trunk, network: NetworkConfig) -> None:
        cell = trunk.cell
        assert cell is not None
        into = [*trunk.layers.parameters(), cell.weight_ih, cell.bias_ih]
        self._seen = PerThread(into, lambda sizes: FusedCritic(sizes, network.activation))
        self._known = PerThread([cell.weight_hh, cell.bias_hh], lambda sizes: FusedCritic(sizes, network.activation))
        self._wide = 3 * trunk.memory_size

    def after(self, inputs: Inputs, is_start: Tensor, memory: Tensor) -> Tensor:
        """Memory [B, M] after a step; `is_start` zeroes it before."""
        held = memory.masked_fill(is_start.unsqueeze(-1), 0.0)
        seen, known = (np.empty((len(held), self._wide), np.float32) for _ in range(2))
        self._seen.loaded().values(inputs, seen)
        self._known.loaded().values(only_own(held), known)
        step_once(seen, known, held.numpy())
        return held
