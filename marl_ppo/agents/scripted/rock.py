"""Rock, paper, scissors: the player that is easiest to beat, once it has been seen."""

import torch
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn


class AlwaysRock(Script):
    """Plays choice 0, which PettingZoo's `rps_v2` calls rock."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(turn.obs), dtype=torch.int64), turn.memory
