"""Players of the matrix games that nobody plays better against: an equilibrium, or one half of a best pair of moves."""

import torch
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn
from marl_ppo.envs.world import Group, WorldSpec

#                player_0         player_1
MIXES = {
    "rps": ((1 / 3, 1 / 3, 1 / 3),) * 2,
    "weighted_rps": ((0.25, 0.5, 0.25),) * 2,
    "climbing": ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    "penalty": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "levers": ((1.0,), (1.0,)),
}  # fmt: skip
"""chance of each move, by world and agent_index, which is 0 for both players of a zero-sum game; further moves have none"""


class Equilibrium(Script):
    """Plays a fixed mix in every round, also where asked to be greedy: who never mixes can be beaten."""

    noise_size = 1

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        self._up_to = torch.tensor(MIXES[spec.id]).cumsum(-1)

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        up_to = self._up_to.to(turn.obs.device)[turn.agent_index]
        # Rounding may leave the last sum a little under 1.
        return (turn.noise > up_to[:, :-1]).sum(-1), turn.memory
