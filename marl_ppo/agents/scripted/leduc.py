"""A plain player of Leduc poker: it bets its rank and never bluffs."""

import torch
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn

FOLD, CALL, RAISE = range(3)
JACK, QUEEN, KING = range(3)


class LeducByRank(Script):
    """Raises a king before the public card and a pair after it, folds a jack, and a queen that stands against no pair."""

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        _, own, public, _ = turn.obs.split([2, 6, 6, 16], dim=-1)
        rank, is_second = own.argmax(-1) // 2, public.any(-1)
        pair = is_second & (rank == public.argmax(-1) // 2)
        strong = pair | (~is_second & (rank == KING))
        weak = ~pair & ((rank == JACK) | (is_second & (rank == QUEEN)))
        assert turn.action_mask is not None  # the group is masked
        may_fold, _, may_raise = turn.action_mask.unbind(-1)
        action = torch.full_like(rank, CALL)
        action[strong & may_raise] = RAISE
        action[weak & may_fold] = FOLD
        return action, turn.memory
