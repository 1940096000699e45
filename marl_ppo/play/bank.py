"""Who a learner meets: a bank of players, filled between rollouts, from which every episode draws its lineup.

slot      one of K places of the bank, each with the name of a player; SELF is the learner. A name may fill several
part      which agents the learner plays in an episode; the drawn player plays the others
resident  a player of a slot, or one that a running episode was drawn before the bank was filled anew

Draws depend on (seed, copy, episode) and the slots alone; the parts take turns, so that each comes up equally often.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations

import numpy as np

from marl_ppo.agents.actor_critic import Actor
from marl_ppo.agents.stacked import Stack, StackedActors
from marl_ppo.envs.seeds import stream
from marl_ppo.envs.world import Array, WorldSpec
from marl_ppo.errors import ConfigError
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_all

SELF = ""
ALL_SPLITS = 6
"""agents of one team up to which a learner plays every part of it: 62 of them"""
LearnerPart = frozenset[str]
"""the agents that the learner plays"""


def team_parts(spec: WorldSpec, teams: Iterable[str]) -> list[LearnerPart]:
    """The learner plays one whole team, of `teams` in turn."""
    numbers = [spec.teams.index(team) for team in teams]
    return [frozenset(agent for agent, team in _seats(spec) if team == number) for number in numbers]


def partner_parts(spec: WorldSpec) -> list[LearnerPart]:
    """The learner plays some agents of the world and a partner the others: every split, those of each size in turn.

    Of more agents than ALL_SPLITS, one agent or all but one: the number of splits doubles with every agent.
    """
    agents = spec.agents
    if len(agents) < 2:
        raise ConfigError(f"world {spec.id!r} has one agent, so there is no partner to play with")
    return list(_splits(agents))


@cache
def _splits(agents: tuple[str, ...]) -> tuple[LearnerPart, ...]:
    sizes = range(1, len(agents)) if len(agents) <= ALL_SPLITS else (1, len(agents) - 1)
    return tuple(frozenset(some) for size in sizes for some in combinations(agents, size))


class Bank:
    """The slots, and the cast of all residents."""

    def __init__(
        self,
        spec: WorldSpec,
        parts: Sequence[LearnerPart],
        *,
        seed: int,
        make_stack: Callable[[Sequence[Actor]], Stack] = StackedActors,
    ) -> None:
        self._spec, self._seed, self._make_stack = spec, seed, make_stack
        everyone = frozenset(spec.agents)
        self.parts = (*parts, everyone)
        """the last one is for self-play, where the learner plays every agent it can"""
        self._masks = tuple(
            np.array([[agent in part for agent in group.agents] for part in self.parts]) for group in spec.groups
        )
        self.residents: list[str] = [SELF]
        self.slots = np.zeros(1, np.int64)
        """int64 [K]: residents"""
        self._players: dict[str, Player] = {}
        self.shards: list[BankShard] = []
        self._build()

    def seat_learner(self, learner: Player) -> None:
        """Give the learner's policies, once, before anything is played."""
        self._players[SELF] = learner
        self._build()

    def shard(self, first_copy: int, num_envs: int) -> "BankShard":
        """The lineups of some copies."""
        self.shards.append(BankShard(self, first_copy, num_envs))
        return self.shards[-1]

    @property
    def learner(self) -> Player:
        """Who was seated."""
        return self._players[SELF]

    @property
    def in_play(self) -> list[str]:
        """The residents that running episodes were drawn with."""
        numbers = {number for shard in self.shards for number in np.unique(shard.opponent).tolist()}
        return [self.residents[number] for number in sorted(numbers)]

    def fill(self, slots: Sequence[str], players: Mapping[str, Player]) -> None:
        """Fill the slots, by name; `players` has everyone in `slots` and `in_play`, the learner aside.

        Running episodes go on with whom they were drawn with; a live player's policies may be others than before.
        """
        self._settle(list(dict.fromkeys([SELF, *self.in_play, *slots])), slots, players)

    def restore(self, residents: Sequence[str], slots: Sequence[str], players: Mapping[str, Player]) -> None:
        """Put back what `residents` and the shards' arrays were; the latter are written by whoever restores the plays."""
        self.residents = list(residents)
        self._settle(list(residents), slots, players)

    @property
    def slot_names(self) -> list[str]:
        """Who is in each slot."""
        return [self.residents[number] for number in self.slots]

    def draw(self, copies: Array, episodes: Array) -> tuple[Array, Array]:
        """(residents, parts) int64 [C] for the episodes that copies start."""
        bits = stream(self._seed, "lineup", copies, episodes)
        opponents = self.slots[(bits % np.uint64(len(self.slots))).astype(np.int64)]
        own_parts = len(self.parts) - 1
        # With an odd number of parts the copies are already spread; with an even one the episode shifts them.
        parts = (copies + episodes) % own_parts if own_parts else np.zeros_like(copies)
        return opponents, np.where(opponents == 0, own_parts, parts)

    def seats(self, opponents: Array, parts: Array) -> tuple[Array, ...]:
        """Per group int64 [C, A]: the policies that play, as indices into those of `cast`."""
        return tuple(
            np.where(masks[parts], table[0], table[opponents])
            for table, masks in zip(self.cast.tables, self._masks, strict=True)
        )

    def _settle(self, residents: list[str], slots: Sequence[str], players: Mapping[str, Player]) -> None:
        place = {name: number for number, name in enumerate(residents)}
        moved = np.array([place.get(name, -1) for name in self.residents])
        self._players = {SELF: self._players[SELF], **{name: players[name] for name in residents if name != SELF}}
        self.residents = residents
        self.slots = np.array([place[name] for name in slots], np.int64)
        self._build()
        self._require_whole_lineups()
        for shard in self.shards:
            shard.opponent[...] = moved[shard.opponent]
            if shard.play is not None:
                shard.play.cast(self.cast.policies, self.cast.greedy, self.seats(shard.opponent, shard.part))

    def _build(self) -> None:
        nobody = Player(name=SELF, policies={})
        learner = self._players.get(SELF, nobody)
        players = [self._players.get(name, nobody) for name in self.residents]
        self.cast = seat_all(self._spec, players, learning=[learner], make_stack=self._make_stack)

    def _require_whole_lineups(self) -> None:
        """Every lineup that may be drawn has somebody for every agent."""
        own_parts = np.arange(max(len(self.parts) - 1, 1))
        for number in np.unique(self.slots):
            parts = own_parts if number else np.array([len(self.parts) - 1])
            for group, seats in zip(self._spec.groups, self.seats(np.full(len(parts), number), parts), strict=True):
                for _, agent in np.argwhere(seats < 0)[:1]:
                    name = self.residents[number] or "the learner alone"
                    raise ConfigError(f"with {name!r}, nobody plays {group.agents[agent]!r} of world {self._spec.id!r}")


class BankShard:
    """The lineups that some copies play now. A `SeatingSource`."""

    def __init__(self, bank: Bank, first_copy: int, num_envs: int) -> None:
        self._bank, self._first_copy = bank, first_copy
        self.opponent = np.zeros(num_envs, np.int64)
        """int64 [N]: the resident in the episode each copy plays"""
        self.part = np.full(num_envs, len(bank.parts) - 1)
        """int64 [N]: the learner's part in it"""
        self.play: Play | None = None

    def __call__(self, copies: Array, episodes: Array) -> tuple[Array, ...]:
        """See `SeatingSource`."""
        self.opponent[copies], self.part[copies] = self._bank.draw(copies + self._first_copy, episodes)
        return self._bank.seats(self.opponent[copies], self.part[copies])

    def arrays(self) -> dict[str, Array]:
        """What checkpoints keep; the arrays themselves."""
        return {"opponent": self.opponent, "part": self.part}


def _seats(spec: WorldSpec) -> list[tuple[str, int]]:
    return [(agent, team) for group in spec.groups for agent, team in zip(group.agents, group.team, strict=True)]
