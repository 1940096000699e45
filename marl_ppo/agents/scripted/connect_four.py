"""A player of Connect Four that looks two moves ahead: it wins, blocks, gives nothing away, and likes the middle.

Boards are float32 [..., 6, 7], 1 where a disc is, by row from the bottom.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn

ROWS, COLUMNS, LINE = 6, 7, 4
WIN, BLOCK, GIFT, FORK, THREAT = 1000.0, 500.0, -200.0, 50.0, 5.0
"""worth of winning, of taking the cell in which the other would win, of a move on top of which the other wins, of two ways
to win next, and of one"""
WHIM = 1.5
"""how much chance adds at most; a column nearer to the middle is worth 1"""


class LooksAhead(Script):
    """Varies its moves also where asked to be greedy: otherwise every game would be the same one."""

    noise_size = COLUMNS

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        own, other = (half.unflatten(-1, (ROWS, COLUMNS)) for half in turn.obs.chunk(2, dim=-1))
        filled = own + other
        first = dropped(filled)
        mine, theirs = own[:, None] + first, other[:, None] + first  # [B, 7, 6, 7]: after a move into each column
        second = dropped(filled[:, None] + first)  # [B, 7, 7, 6, 7]: the next disc, by first and second column
        ways = has_line(mine[:, :, None] + second).sum(-1)
        gift = has_line(other[:, None, None] + second).diagonal(dim1=1, dim2=2)  # on top of the first
        score = 3.0 - (torch.arange(COLUMNS, device=own.device) - 3.0).abs() + WHIM * turn.noise
        score = score + WIN * has_line(mine) + BLOCK * has_line(theirs) + GIFT * gift
        score = score + THREAT * (ways == 1) + FORK * (ways > 1)
        assert turn.action_mask is not None  # the group is masked
        return score.masked_fill(~turn.action_mask, -torch.inf).argmax(-1), turn.memory


def dropped(filled: Float[Tensor, "*B 6 7"]) -> Float[Tensor, "*B 7 6 7"]:
    """A board with the one cell that a disc falls into, for each column; an empty one for a column that is full."""
    below = torch.cat([torch.ones_like(filled[..., :1, :]), filled[..., :-1, :]], dim=-2)
    lands = below * (1.0 - filled)
    return lands[..., None, :, :] * torch.eye(COLUMNS, device=filled.device)[:, None, :]


def has_line(discs: Float[Tensor, "*B 6 7"]) -> Bool[Tensor, "*B"]:
    """Whether four discs are in a line."""
    found = torch.zeros(discs.shape[:-2], dtype=torch.bool, device=discs.device)
    for up, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        reach_up, reach_right = (LINE - 1) * up, (LINE - 1) * right
        line = torch.ones((), device=discs.device)
        for i in range(LINE):
            row, column = i * up, i * right - min(reach_right, 0)
            line = line * discs[..., row : row + ROWS - reach_up, column : column + COLUMNS - abs(reach_right)]
        found |= line.flatten(-2).any(-1)
    return found
