"""Leduc poker (Southey et al. 2005, arXiv:1207.1411), by the rules of OpenSpiel's `leduc_poker`.

Six cards, J Q K in two suits. Each of two players antes 1 and gets one card; they bet; a public card is dealt for both; they
bet again. A pair with the public card wins, else the higher rank, and equal ranks share the pot.

action  name   legal                      what it does
0       fold   against a raise            gives up what one has put in
1       call   always                     puts in what the other has (check, where that is nothing more)
2       raise  twice a round, at most     calls, and puts in 2 more (4 more in the second round)

player_0 begins both rounds. A round is over when a raise is called, or both have checked. `tree.py` says the same as a
game tree, for exact values.
"""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numba import njit

from marl_ppo.envs.controls import Choice, Choosing
from marl_ppo.envs.leduc.scene import draw_table
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec

FOLD, CALL, RAISE, NO_MOVE = 0, 1, 2, -1
CARDS = 6
"""0 and 1 are jacks, 2 and 3 queens, 4 and 5 kings"""
ROUNDS, LONGEST = 2, 4
"""moves of the longest round: call, raise, raise, call"""
ANTE = 1
MAX_RAISES = 2
"""in a round"""
BETS = ROUNDS * LONGEST * 2
OBS_SIZE = 2 + 2 * CARDS + BETS
STATE_SIZE = 3 * CARDS + BETS
MOST = ANTE + MAX_RAISES * (2 + 4)
"""that one player can put in"""


class Leduc(World):
    """N tables of Leduc poker; both players terminate when the hand is over.

    obs    [this is player_0, player_1 | own card | public card | each of 2 x 4 moves: call, raise]
    state  [card of player_0 | card of player_1 | public card | each of 2 x 4 moves: call, raise]

    Cards are one-hot among six; the public one is zeros before it is dealt, and so are moves before they are made.
    """

    def __init__(self, num_envs: int) -> None:
        group = Group(
            name="players",
            agents=("player_0", "player_1"),
            team=(0, 1),
            obs={"vector": spaces.Box(0.0, 1.0, (OBS_SIZE,), np.float32)},
            action=spaces.Discrete(3),
            masked=True,
        )
        spec = WorldSpec(
            id="leduc",
            version=1,
            groups=(group,),
            teams=("player_0", "player_1"),
            max_steps=None,
            state_size=STATE_SIZE,
            zero_sum=True,
            on_death="ends",
            metrics={
                "pot": Metric(description="chips that both have put in, antes included", low=0.0, high=2.0 * MOST),
                "showdown": Metric(description="1 if the cards were compared, 0 if a player folded", low=0.0, high=1.0),
            },
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
        )
        super().__init__(spec, num_envs)
        self._cards = np.zeros((num_envs, 3), np.int64)  # of player_0, of player_1, public
        self._moves = np.full((num_envs, ROUNDS, LONGEST), NO_MOVE, np.int64)
        self._round = np.zeros(num_envs, np.int64)
        self._made = np.zeros(num_envs, np.int64)  # moves of this round
        self._paid = np.zeros((num_envs, 2), np.int64)
        self._folded = np.zeros(num_envs, bool)  # who was on turn then has lost
        self._over = np.zeros(num_envs, bool)

    def _reset(self, where: Array) -> None:
        deal(self._cards, self._moves, self._round, self._made, self._paid, self._folded, self._over, self.seeds, where)
        self._write(where, begun=False)

    def _step(self, actions: Sequence[Array]) -> None:
        on_turn = self._made % 2
        acting = on_turn[:, None] == np.arange(2)
        self._refuse_outside(actions, [acting])
        legal = np.ones((self.num_envs, 2, 3), bool)
        write_masks(self._moves, self._round, self._made, self._paid, self._over, np.ones(self.num_envs, bool), legal)
        self._refuse_illegal(actions, [legal])
        moves = actions[0][np.arange(self.num_envs), on_turn]
        advance(self._moves, self._round, self._made, self._paid, self._folded, self._over, moves)
        self._write(np.ones(self.num_envs, bool), begun=True)

    def _write(self, where: Array, begun: bool) -> None:
        out = self.outputs
        mask = out.action_mask[0]
        assert mask is not None  # the group is masked
        out.truncations[0][where] = False
        out.faulted[where] = False
        write_masks(self._moves, self._round, self._made, self._paid, self._over, where, mask)
        tell(
            self._cards,
            self._moves,
            self._round,
            self._made,
            self._paid,
            self._folded,
            self._over,
            begun,
            where,
            out.obs[0]["vector"],
            out.state,
            out.rewards[0],
            out.alive[0],
            out.acting[0],
            out.terminations[0],
            out.outcomes,
            out.metrics["pot"],
            out.metrics["showdown"],
            out.ended,
        )

    def scene(self, copy: int) -> Scene:
        return self._table(copy)

    def scene_for(self, copy: int, agent: str) -> Scene:
        """The other's card is shown in a showdown only."""
        shown = self._over[copy] and not self._folded[copy]
        return self._table(copy, -1 if shown else 1 - self.spec.agents.index(agent))

    def controls(self, agent: str) -> Choosing:
        names = (("f", "fold", FOLD), ("c", "check or call", CALL), ("r", "raise", RAISE))
        choices = tuple(Choice(key=key, name=name, action=action) for key, name, action in names)
        return Choosing(choices=choices, body=f"card_{self.spec.agents.index(agent)}")

    def _table(self, copy: int, hidden: int = -1) -> Scene:
        moves = [[int(move) for move in played if move != NO_MOVE] for played in self._moves[copy]]
        shown = 3 if self._round[copy] else 2
        return draw_table(self._cards[copy, :shown].tolist(), self._paid[copy].tolist(), moves, hidden)

    def _arrays(self) -> dict[str, Array]:
        return {
            "cards": self._cards,
            "moves": self._moves,
            "round": self._round,
            "made": self._made,
            "paid": self._paid,
            "folded": self._folded,
            "over": self._over,
        }


@njit(cache=True, nogil=True)
def deal(
    cards: Array,
    moves: Array,
    round_: Array,
    made: Array,
    paid: Array,
    folded: Array,
    over: Array,
    seeds: Array,
    where: Array,
) -> None:
    """Three of the six cards in order, in one of 120 equally likely ways, and both antes."""
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        # The k-th of the cards that are left, counted among all: one up for each card at or under it that has been dealt.
        way = int(uniform(seeds[n], np.uint64(0)) * 120.0)
        first, second, third = way // 20, way // 4 % 5, way % 4
        second += second >= first
        low, high = min(first, second), max(first, second)
        third += third >= low
        third += third >= high
        cards[n, 0], cards[n, 1], cards[n, 2] = first, second, third
        moves[n] = NO_MOVE
        round_[n] = made[n] = 0
        paid[n] = ANTE
        folded[n] = over[n] = False


@njit(cache=True, nogil=True)
def raises_of(moves: Array, made: int) -> int:
    """Among the first `made` moves of a round."""
    count = 0
    for i in range(made):
        count += moves[i] == RAISE
    return count


@njit(cache=True, nogil=True)
def write_masks(moves: Array, round_: Array, made: Array, paid: Array, over: Array, where: Array, mask: Array) -> None:
    """What is legal for who is on turn; all True for the other."""
    for n in range(where.shape[0]):
        if where[n]:
            mask[n] = True
            if not over[n]:
                p = made[n] % 2
                mask[n, p, FOLD] = paid[n, p] < paid[n, 1 - p]
                mask[n, p, RAISE] = raises_of(moves[n, round_[n]], made[n]) < MAX_RAISES


@njit(cache=True, nogil=True)
def advance(moves: Array, round_: Array, made: Array, paid: Array, folded: Array, over: Array, chosen: Array) -> None:
    """One move at every table."""
    for n in range(chosen.shape[0]):
        p, move = made[n] % 2, chosen[n]
        moves[n, round_[n], made[n]] = move
        if move == FOLD:
            folded[n] = over[n] = True
            continue
        paid[n, p] = paid[n, 1 - p]
        made[n] += 1
        if move == RAISE:
            paid[n, p] += 2 if round_[n] == 0 else 4
        elif made[n] > 1:  # a call ends the round, but for the check that begins it
            if round_[n] == ROUNDS - 1:
                over[n] = True
            else:
                round_[n] += 1
                made[n] = 0


@njit(cache=True, nogil=True)
def won_by_first(cards: Array, made: int, paid: Array, folded: bool) -> int:
    """What player_0 wins of a hand that is over, negative for a loss."""
    if folded:
        loser = made % 2
        return -paid[0] if loser == 0 else paid[1]
    first, second, public = cards[0] // 2, cards[1] // 2, cards[2] // 2
    if first == second:
        return 0
    # Both have put in the same.
    return paid[0] if first == public or (second != public and first > second) else -paid[0]


@njit(cache=True, nogil=True)
def tell(
    cards: Array,
    moves: Array,
    round_: Array,
    made: Array,
    paid: Array,
    folded: Array,
    over: Array,
    begun: bool,
    where: Array,
    obs: Array,
    state: Array,
    rewards: Array,
    alive: Array,
    acting: Array,
    terminations: Array,
    outcomes: Array,
    pot: Array,
    showdown: Array,
    ended: Array,
) -> None:
    """Everything that follows from cards and moves, written to the rows `where`."""
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        done = over[n]
        won = won_by_first(cards[n], made[n], paid[n], folded[n]) if done else 0
        obs[n] = 0.0
        state[n] = 0.0
        for r in range(ROUNDS):
            for i in range(LONGEST):
                if moves[n, r, i] >= CALL:
                    state[n, 3 * CARDS + 2 * (LONGEST * r + i) + moves[n, r, i] - CALL] = 1.0
        if round_[n] > 0:
            state[n, 2 * CARDS + cards[n, 2]] = 1.0
        pot[n] = paid[n, 0] + paid[n, 1] if begun else 0
        showdown[n] = done and not folded[n]
        ended[n] = done
        for p in range(2):
            state[n, p * CARDS + cards[n, p]] = 1.0
            gain = won if p == 0 else -won
            rewards[n, p] = gain
            outcomes[n, p] = gain
            alive[n, p] = not done
            acting[n, p] = not done and made[n] % 2 == p
            terminations[n, p] = done
            if not done:
                obs[n, p, p] = 1.0
                obs[n, p, 2 + cards[n, p]] = 1.0
                for i in range(CARDS + BETS):
                    obs[n, p, 2 + CARDS + i] = state[n, 2 * CARDS + i]
