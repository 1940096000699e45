"""Kuhn poker (Kuhn 1950, "A simplified two-person poker"): three cards, one ante, one bet of the same size.

Each of two players antes 1 and gets one of J < Q < K. player_0 passes or bets 1; then the other answers:

history  ends  what happens
pp       yes   showdown, the higher card wins 1
pbp      yes   player_0 folds and loses 1
pbb      yes   showdown, the higher card wins 2
bp       yes   player_1 folds and loses 1
bb       yes   showdown, the higher card wins 2

Action 0 is pass (check, or fold against a bet), action 1 is bet (or call); both are legal at every turn. The value of
the game for player_0 is -1/18. `tree.py` says the same as a game tree, for exact values.
"""

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numba import njit

from marl_ppo.envs.controls import Choice, Choosing
from marl_ppo.envs.kuhn.scene import draw_table
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array, Group, Metric, World, WorldSpec

PASS, BET, NO_MOVE = 0, 1, -1
CARDS = 3
LONGEST = 3
"""moves of the longest history, pass bet pass or pass bet bet"""
OBS_SIZE = CARDS + 2 * 2 + 1
STATE_SIZE = 2 * CARDS + 2 * LONGEST


class Kuhn(World):
    """N tables of Kuhn poker. Player p acts at moves p, p + 2, ...; both terminate when the hand is over.

    obs    [own card J Q K | first move: pass, bet | second move: pass, bet | this is player_0]
    state  [card of player_0 | card of player_1 | each of three moves: pass, bet]
    """

    def __init__(self, num_envs: int) -> None:
        group = Group(
            name="players",
            agents=("player_0", "player_1"),
            team=(0, 1),
            obs={"vector": spaces.Box(0.0, 1.0, (OBS_SIZE,), np.float32)},
            action=spaces.Discrete(2),
            masked=True,
        )
        spec = WorldSpec(
            id="kuhn",
            version=1,
            groups=(group,),
            teams=("player_0", "player_1"),
            max_steps=None,
            state_size=STATE_SIZE,
            zero_sum=True,
            on_death="ends",
            metrics={
                "bets": Metric(description="bets and calls made in the hand", low=0.0, high=2.0),
                "showdown": Metric(description="1 if the cards were compared, 0 if a player folded", low=0.0, high=1.0),
            },
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
        )
        super().__init__(spec, num_envs)
        self._cards = np.zeros((num_envs, 2), np.int64)  # 0 jack, 1 queen, 2 king
        self._moves = np.full((num_envs, LONGEST), NO_MOVE, np.int64)
        self._length = np.zeros(num_envs, np.int64)  # moves made

    def _reset(self, where: Array) -> None:
        deal(self._cards, self._moves, self._length, self.seeds, where)
        self._write(where)

    def _step(self, actions: Sequence[Array]) -> None:
        on_turn = self._length % 2
        self._refuse_outside(actions, [on_turn[:, None] == np.arange(2)])
        moves = actions[0][np.arange(self.num_envs), on_turn]
        self._moves[np.arange(self.num_envs), self._length] = moves
        self._length += 1
        self._write(np.ones(self.num_envs, bool))

    def _write(self, where: Array) -> None:
        out = self.outputs
        mask = out.action_mask[0]
        assert mask is not None  # the group is masked
        mask[where] = True
        out.truncations[0][where] = False
        out.faulted[where] = False
        tell(
            self._cards,
            self._moves,
            self._length,
            where,
            out.obs[0]["vector"],
            out.state,
            out.rewards[0],
            out.alive[0],
            out.acting[0],
            out.terminations[0],
            out.outcomes,
            out.metrics["bets"],
            out.metrics["showdown"],
            out.ended,
        )

    def scene(self, copy: int) -> Scene:
        moves = self._moves[copy, : self._length[copy]]
        return draw_table(self._cards[copy].tolist(), moves.tolist())

    def scene_for(self, copy: int, agent: str) -> Scene:
        """The other's card is shown in a showdown only."""
        moves, length = self._moves[copy], int(self._length[copy])
        shown = won_by_first(self._cards[copy], moves, length) != 0 and not is_fold(moves, length)
        hidden = -1 if shown else 1 - self.spec.agents.index(agent)
        return draw_table(self._cards[copy].tolist(), moves[:length].tolist(), hidden)

    def controls(self, agent: str) -> Choosing:
        pass_, bet = Choice(key="p", name="pass: check or fold", action=PASS), Choice(key="b", name="bet or call", action=BET)
        return Choosing(choices=(pass_, bet), body=f"card_{self.spec.agents.index(agent)}")

    def _arrays(self) -> dict[str, Array]:
        return {"cards": self._cards, "moves": self._moves, "length": self._length}


@njit(cache=True, nogil=True)
def deal(cards: Array, moves: Array, length: Array, seeds: Array, where: Array) -> None:
    """Two of the three cards, in one of six equally likely ways, and an empty history."""
    for n in range(where.shape[0]):
        if where[n]:
            way = int(uniform(seeds[n], np.uint64(0)) * 6.0)
            first = way // 2
            cards[n, 0] = first
            cards[n, 1] = (first + 1 + way % 2) % CARDS
            moves[n, :] = NO_MOVE
            length[n] = 0


@njit(cache=True, nogil=True)
def is_fold(moves: Array, length: int) -> bool:
    """Whether the last of `length` moves passes against a bet."""
    return bool(length >= 2 and moves[length - 2] == BET and moves[length - 1] == PASS)


@njit(cache=True, nogil=True)
def won_by_first(cards: Array, moves: Array, length: int) -> int:
    """What player_0 wins: 1 or 2, negative for a loss; 0 while the hand goes on."""
    if is_fold(moves, length):
        return 1 if length == 2 else -1  # bp: player_1 folds; pbp: player_0 folds
    if length < 2 or moves[length - 1] != moves[length - 2]:
        return 0
    stake = 1 + int(moves[length - 1])
    return stake if cards[0] > cards[1] else -stake


@njit(cache=True, nogil=True)
def tell(
    cards: Array,
    moves: Array,
    length: Array,
    where: Array,
    obs: Array,
    state: Array,
    rewards: Array,
    alive: Array,
    acting: Array,
    terminations: Array,
    outcomes: Array,
    bets: Array,
    showdown: Array,
    ended: Array,
) -> None:
    """Everything that follows from cards and moves, written to the rows `where`."""
    for n in range(where.shape[0]):
        if not where[n]:
            continue
        won = won_by_first(cards[n], moves[n], length[n])
        over = won != 0
        obs[n] = 0.0
        state[n] = 0.0
        made = 0
        for i in range(length[n]):
            state[n, 2 * CARDS + 2 * i + moves[n, i]] = 1.0
            made += moves[n, i]
        bets[n] = made
        showdown[n] = over and not is_fold(moves[n], length[n])
        ended[n] = over
        for p in range(2):
            state[n, p * CARDS + cards[n, p]] = 1.0
            gain = won if p == 0 else -won
            rewards[n, p] = gain
            outcomes[n, p] = gain
            alive[n, p] = not over
            acting[n, p] = not over and length[n] % 2 == p
            terminations[n, p] = over
            if not over:
                obs[n, p, cards[n, p]] = 1.0
                obs[n, p, OBS_SIZE - 1] = p == 0
                for i in range(length[n]):
                    obs[n, p, CARDS + 2 * i + moves[n, i]] = 1.0
