"""An optimal player of Kuhn poker. Kuhn 1950 gives all equilibria of player_0 as a family in ALPHA, 0 to 1/3."""

import torch
from torch import Tensor

from marl_ppo.agents.scripted.script import Script, Turn

ALPHA = 1 / 3
"""how often player_0 opens with a bet on the jack, a bluff; at 1/3 it bets every king"""

#            jack   queen          king
BET_PROBABILITY = (
    ((1 / 3, 0.0, 1.0),  # player_1 after a pass
     (0.0, 1 / 3, 1.0)),  # player_1 after a bet
    ((ALPHA, 0.0, 3 * ALPHA),  # player_0 at the start
     (0.0, ALPHA + 1 / 3, 1.0)),  # player_0 after pass, bet
)  # fmt: skip
"""chance to bet or call, by [is player_0][faces a bet][own card]"""


class KuhnNash(Script):
    """Cannot be beaten on average: wins 1/18 per hand as player_1, and loses at most that as player_0."""

    noise_size = 1

    def play(self, turn: Turn) -> tuple[Tensor, Tensor]:
        card, first_move, second_move, is_first = turn.obs.split([3, 2, 2, 1], dim=-1)
        faces_bet = first_move[:, 1] + second_move[:, 1]
        table = torch.tensor(BET_PROBABILITY, device=turn.obs.device)
        bet = table[is_first[:, 0].long(), faces_bet.long(), card.argmax(-1)]
        # Mixed also where asked to be greedy: who never bluffs can be beaten.
        return (turn.noise[:, 0] < bet).long(), turn.memory
