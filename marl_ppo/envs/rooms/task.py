"""What sets one world of rooms apart from another, as data; and the arrays and the spec that follow from it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.rooms import observe
from marl_ppo.envs.rooms.board import (
    BARRIER,
    BASE,
    CAPTURE,
    FLAG,
    KEY,
    KIND_NAMES,
    LOCKED,
    NUM_ACTIONS,
    PARCEL,
    PLATE,
    PRIVATE,
    TARGET,
    VISIT,
    Kit,
    Rules,
)
from marl_ppo.envs.rooms.generate import FIXED, Template, template_of
from marl_ppo.envs.rooms.layout import Plan
from marl_ppo.envs.rooms.text import KEYS, PLATES, TextMap, Thing
from marl_ppo.envs.world import Group, Metric, Whereabouts, WorldSpec
from marl_ppo.envs.world import Thing as Told
from marl_ppo.errors import ConfigError
from marl_ppo.settings import require_within

Known = Literal["all", "seen"]
Maps = Literal["all", "train", "eval"]
TEAMS = ("blue", "orange")
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One world of rooms."""

    id: str
    goal: int
    config: Mapping[str, Any]
    """of the settings that all worlds have, `map`, `maps`, `known`, `view` and `max_steps` are read here"""
    style: int = FIXED
    things: tuple[Thing, ...] = ()
    num_agents: int = 1
    width: int = 0
    """cells inside the outer wall"""
    height: int = 0
    plan: Plan
    text: TextMap | None = None
    """the map, if it is a fixed one, or what an `OPPOSITE` one is made of"""
    flags_to_win: int = 1

    def __post_init__(self) -> None:
        maps, known = self.config["maps"], self.config["known"]
        if maps not in ("all", "train", "eval"):
            raise ConfigError(f"maps must be 'all', 'train' or 'eval', got {maps!r}")
        if known not in ("all", "seen"):
            raise ConfigError(f"known must be 'all' or 'seen', got {known!r}")
        if self.style == FIXED and maps != "all":
            raise ConfigError(f"there is one map only, so maps must be 'all', got {maps!r}")
        require_within(1, 2**31 - 1, max_steps=self.config["max_steps"])

    @property
    def half(self) -> int:
        """Which maps to start with, see `generate.start`."""
        return {"train": 0, "eval": 1, "all": -1}[self.config["maps"]]

    @property
    def stride(self) -> int:
        return self.width + 2 * self.plan.rim

    @property
    def num_cells(self) -> int:
        return self.stride * (self.height + 2 * self.plan.rim)

    @property
    def num_sides(self) -> int:
        return 2 if self.goal == CAPTURE else 1

    @property
    def num_targets(self) -> int:
        return sum(thing.kind == TARGET for thing in self.things)

    @property
    def side(self) -> tuple[int, ...]:
        """Of each agent: the first half is blue."""
        return tuple(int(self.num_sides == 2 and 2 * a >= self.num_agents) for a in range(self.num_agents))

    @property
    def pockets(self) -> tuple[tuple[str, int], ...]:
        """What can be carried, by name, as bits: keys by letter, the parcel, a flag."""
        found: dict[str, int] = {}
        for k, thing in enumerate(self.things):
            if thing.kind in (KEY, PARCEL, FLAG):
                name = "flag" if thing.kind == FLAG else _bare_name(thing)
                found[name] = found.get(name, 0) | 1 << k
        return tuple(found.items())

    def rules(self) -> Rules:
        """The plain numbers."""
        shut = any(thing.kind in (LOCKED, BARRIER, PRIVATE) for thing in self.things)
        return Rules(
            goal=self.goal,
            max_steps=self.config["max_steps"],
            flags_to_win=self.flags_to_win,
            stride=self.stride,
            radius=self.plan.rim,
            channels=1 + shut,
            hidden=self.config["known"] == "seen",
            has_plates=any(thing.kind == BARRIER for thing in self.things),
        )

    def template(self) -> Template:
        """The fixed map; of a procedural world an empty one."""
        if self.text is None:
            nothing = np.zeros(0, np.int64)
            return template_of(np.zeros(0, np.uint8), np.zeros(0, np.uint8), nothing, nothing)
        return template_of(self.text.cells.ravel(), self.text.room.ravel(), self.text.thing, self.text.agent)

    def kit(self) -> Kit:
        """What is the same in every episode."""
        stride, rim, sides = self.stride, self.plan.rim, range(self.num_sides)
        cell = np.arange(self.num_cells)
        row, column = cell // stride - rim, cell % stride - rim
        x = (2 * column + 1 - self.width) / self.width
        y = (self.height - 1 - 2 * row) / self.height
        reach = range(-rim, rim + 1)
        left = 2 * column - (self.width - 1)
        opened_by = [_opened_by(thing, self.things) for thing in self.things]
        others = [self._others(a) for a in range(self.num_agents)]
        return Kit(
            kind=np.array([thing.kind for thing in self.things], np.int64),
            mark=np.array([thing.mark for thing in self.things], np.int64),
            key_of=np.array(opened_by, np.int64),
            fades=np.array([thing.kind in (KEY, LOCKED, TARGET) for thing in self.things]),
            side=np.array(self.side, np.int64),
            way=np.array([[0, -stride, stride, -1 + 2 * s, 1 - 2 * s] for s in sides], np.int64),
            window=np.array([[r * stride + (1 - 2 * s) * c for r in reach for c in reach] for s in sides], np.int64),
            # Adding 0 makes 0 of -0, which would tell the sides apart.
            place=np.array([np.stack([(1 - 2 * s) * x + 0.0, y], axis=1) for s in sides], np.float32),
            told=np.array([_told(self.things, s) for s in sides], np.int64),
            pocket=np.array([bits for _, bits in self.pockets], np.int64),
            others=np.array(others, np.int64).reshape(self.num_agents, self.num_agents - 1),
            half=np.where(left == 0, -1, left > 0).astype(np.int64),
        )

    def spec(self) -> WorldSpec:
        """As the contract has it."""
        rules, pockets = self.rules(), len(self.pockets)
        counts = (self.goal, pockets, len(self.things), self.num_agents)
        window = rules.channels * (2 * rules.radius + 1) ** 2
        names, first = _names(self.things), observe.things_at(self.goal, pockets)
        known = {
            name: Told(place=first + observe.PER_THING * j, known=first + observe.PER_THING * j + 2)
            for j, name in enumerate(names)
        }
        teams = TEAMS if self.num_sides == 2 else ("agents",)
        per_team = self.num_agents // len(teams)
        group = Group(
            name="agents",
            agents=tuple(f"{team.removesuffix('s')}_{a}" for team in teams for a in range(per_team)),
            team=self.side,
            obs={"vector": spaces.Box(-2.0, 2.0, (observe.window_at(*counts) + window,), np.float32)},
            action=spaces.Discrete(NUM_ACTIONS),
            whereabouts=Whereabouts(own=observe.PLACE, cells=(self.width, self.height), things=known),
        )
        return WorldSpec(
            id=self.id,
            version=VERSION,
            groups=(group,),
            teams=teams,
            max_steps=rules.max_steps,
            state_size=observe.state_size(*counts),
            zero_sum=self.num_sides == 2,
            metrics=self._metrics(),
            capabilities=frozenset({"snapshot", "resimulate", "scene", "state", "outcomes"}),
            config=self.config,
        )

    def _others(self, agent: int) -> list[int]:
        """Mates, then opponents."""
        rest = [b for b in range(self.num_agents) if b != agent]
        return [b for b in rest if self.side[b] == self.side[agent]] + [b for b in rest if self.side[b] != self.side[agent]]

    def _metrics(self) -> dict[str, Metric]:
        if self.goal == CAPTURE:
            flags, tags = float(self.flags_to_win), float("inf")
            return {
                "flags_blue": Metric(description="brought home by blue", low=0.0, high=flags, event="flag", event_team=0),
                "flags_orange": Metric(
                    description="brought home by orange",
                    low=0.0,
                    high=flags,
                    higher_is_better=False,
                    event="flag",
                    event_team=1,
                ),
                "tags_blue": Metric(description="times blue tagged an opponent", low=0.0, high=tags, event="tag", event_team=0),
                "tags_orange": Metric(
                    description="times orange tagged an opponent",
                    low=0.0,
                    high=tags,
                    higher_is_better=False,
                    event="tag",
                    event_team=1,
                ),
            }
        whose = "the targets left to be visited, each to its nearest agent, added up" if self.goal == VISIT else "the target"
        rooms = self.text.room.max() if self.text is not None else self.plan.rows * self.plan.columns
        return {
            "success": Metric(description="whether the task is done", low=0.0, high=1.0, event="success"),
            "rooms_reached": Metric(
                description="rooms in which somebody was", low=0.0, high=float(max(rooms, 1)), event="room"
            ),
            "doors_opened": Metric(
                description="locked doors and gates that were opened, each once", low=0.0, high=float("inf"), event="door"
            ),
            "distance_left": Metric(
                description=f"steps to {whose}, if every door stood open; of agents the farthest counts",
                low=-1.0,
                high=float("inf"),
                higher_is_better=False,
            ),
        }


def _bare_name(thing: Thing) -> str:
    kind = KIND_NAMES[thing.kind]
    if thing.kind in (KEY, LOCKED):
        return f"{kind}_{KEYS[thing.mark]}"
    if thing.kind in (PLATE, BARRIER):
        return f"{kind}_{PLATES[thing.mark]}"
    if thing.kind in (FLAG, BASE):
        return ("own_", "other_")[thing.mark] + kind  # as blue sees them, and orange in its own frame
    return f"{kind}_{thing.mark}" if thing.kind == PRIVATE else kind


def _names(things: tuple[Thing, ...]) -> list[str]:
    """Each thing's name; several of one name are numbered."""
    bare = [_bare_name(thing) for thing in things]
    total, met = Counter(bare), Counter[str]()
    names = []
    for name in bare:
        names.append(f"{name}_{met[name]}" if total[name] > 1 else name)
        met[name] += 1
    return names


def _told(things: tuple[Thing, ...], side: int) -> list[int]:
    """The order in which a side is told of things: the other side's flag in the place of one's own."""
    if side == 0:
        return list(range(len(things)))
    swapped = [thing if thing.kind not in (FLAG, BASE) else Thing(thing.kind, 1 - thing.mark) for thing in things]
    return [things.index(thing) for thing in swapped]


def _opened_by(thing: Thing, things: tuple[Thing, ...]) -> int:
    """Bits of the keys of a door, of the plates of a gate."""
    opener = {LOCKED: KEY, BARRIER: PLATE}.get(thing.kind, -1)
    return sum(1 << k for k, other in enumerate(things) if other.kind == opener and other.mark == thing.mark)
