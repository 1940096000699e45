"""The world contract: N copies of a game as a struct of arrays, stepped together. Everything above `envs` knows only this.

copy     one of N independent games stepped together
agent    one body in a world; its order in the spec is fixed for ever
group    agents with equal spaces; arrays are per group: `obs[g]`, `rewards[g]`, ...
team     agents that win or lose together; a group may hold several teams
seat     one agent of one copy

An episode is a pure function of (world id, version, config, params, seed, actions): nothing depends on N, on other
copies, on the process or on threads. A world never resets itself: after `step`, the arrays are the true last ones and
`ended` says which copies are over; whoever drives reads them and calls `reset(seeds, where=ended)`.

An action outside its space is a mistake of whoever drives, never a move: a world refuses it from a seat that is acting,
and takes no notice of it from any other. Continuous actions are clipped to their Box instead, and only NaN is refused.

Axes: N copies, A agents of a group, K choices, D action dimensions, S state size.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.controls import Controls
from marl_ppo.envs.scene import Scene
from marl_ppo.errors import CapabilityError, ConfigError, WorldError

Array = np.ndarray[Any, np.dtype[Any]]
ActionSpace = spaces.Discrete | spaces.MultiDiscrete | spaces.Box
ObsLeaf = spaces.Box | spaces.MultiDiscrete
"""one part of what an agent sees: numbers or pictures, or a list of tokens, which are names and not amounts"""
SIMULATION = "world."
"""what the names of a simulation's arrays begin with in a snapshot"""
Capability = Literal["snapshot", "resimulate", "scene", "state", "outcomes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something whose place an agent is told in its `vector`: the way from the agent to it, in the units of `Whereabouts`."""

    place: int
    """where dx stands; dy is next to it"""
    known: int | None = None
    """where 1 tells that it is there and known, 0 that its place means nothing; None where it always is"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where an agent reads places from in the leaf `vector` of its obs, so that a subgoal may name one."""

    own: int
    """where its own x stands, within [-1, 1]; y is next to it"""
    cells: tuple[int, int]
    """places to tell apart along x and y: cell i of n spans -1 + 2 i / n to -1 + 2 (i + 1) / n"""
    things: Mapping[str, Thing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Agents with equal spaces."""

    name: str
    agents: tuple[str, ...]
    team: tuple[int, ...]
    """the team of each agent, an index into `WorldSpec.teams`"""
    obs: Mapping[str, ObsLeaf]
    """what one agent sees, by leaf; a plain world has the one leaf `vector`"""
    action: ActionSpace
    masked: bool = False
    """whether some actions may be illegal; Discrete and one-dimensional MultiDiscrete actions only"""
    whereabouts: Whereabouts | None = None
    """how to read places from obs; None where obs tell none"""

    def __post_init__(self) -> None:
        if len(self.team) != len(self.agents):
            raise ConfigError(f"group {self.name!r} has {len(self.agents)} agents but {len(self.team)} team entries")
        if self.masked and not isinstance(self.action, spaces.Discrete | spaces.MultiDiscrete):
            raise ConfigError(f"group {self.name!r} is masked, which needs discrete actions, got {self.action}")

    @property
    def agent_index(self) -> tuple[int, ...]:
        """Each agent's number inside its (team, group): an input of policies, never part of obs."""
        return tuple(self.team[:a].count(team) for a, team in enumerate(self.team))

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one agent's action: () for Discrete, (K,) for MultiDiscrete, (D,) for Box."""
        return tuple(self.action.shape or ())

    @property
    def mask_size(self) -> int:
        """K, how many choices a mask tells of, those of a MultiDiscrete side by side; 0 where nothing is masked."""
        if not self.masked or isinstance(self.action, spaces.Box):
            return 0
        return int(self.action.n) if isinstance(self.action, spaces.Discrete) else int(self.action.nvec.sum())

    def split_mask(self, mask: Array) -> list[Array]:
        """A mask [..., K] by the components of an action: one part if Discrete, as many as there are if MultiDiscrete."""
        if not isinstance(self.action, spaces.MultiDiscrete):
            return [mask]
        return np.split(mask, np.cumsum(self.action.nvec)[:-1], axis=-1)

    @property
    def action_dtype(self) -> type:
        return np.float32 if isinstance(self.action, spaces.Box) else np.int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A task metric: what the task is really about, apart from the reward that training optimises."""

    description: str
    low: float
    high: float
    higher_is_better: bool = True
    event: str = ""
    """one word for what has happened where the value begins to rise, such as goal; empty where it is nothing to look at"""
    event_team: int = -1
    """the team whose event it is; -1 nobody's"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A named float of the dynamics or the reward, latched per copy at reset."""

    description: str
    default: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """What a world is, before any copy of it runs."""

    id: str
    version: int
    """raised by every change that can move a learning curve or an episode"""
    groups: tuple[Group, ...]
    teams: tuple[str, ...]
    max_steps: int | None
    """step limit of an episode; None where the rules end it"""
    state_size: int = 0
    """S, length of what the centralised critic may see; 0 without the capability `state`"""
    zero_sum: bool = False
    on_death: Literal["ends", "team"] = "ends"
    """whether a dead seat's stream ends, or its open decision gathers reward until the copy ends"""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    params: Mapping[str, Param] = field(default_factory=dict)
    capabilities: frozenset[Capability] = frozenset()
    config: Mapping[str, Any] = field(default_factory=dict)
    """the arguments the world was made with"""

    @property
    def agents(self) -> tuple[str, ...]:
        """All agents, group after group: the `possible_agents` of the PettingZoo view."""
        return tuple(agent for group in self.groups for agent in group.agents)

    def require(self, capability: Capability, purpose: str) -> None:
        """Raise a CapabilityError that says what is lost, unless the world has `capability`."""
        if capability not in self.capabilities:
            raise CapabilityError(f"{purpose} needs the capability {capability!r}, which world {self.id!r} does not have")


@dataclass(slots=True, kw_only=True)
class Outputs:
    """Everything a step tells, as arrays. Per group where the type is a tuple."""

    obs: tuple[dict[str, Array], ...]
    """[N, A, *leaf] of the leaf's dtype; zeros for agents that are not alive"""
    action_mask: tuple[Array | None, ...]
    """bool [N, A, K], True means legal; all True for seats that are not acting; None for groups without masks. Those of a
    MultiDiscrete lie side by side"""
    rewards: tuple[Array, ...]
    """float32 [N, A]"""
    alive: tuple[Array, ...]
    """bool [N, A]"""
    acting: tuple[Array, ...]
    """bool [N, A]: alive and on turn, so that its action is read by the next step; all False in ended copies"""
    terminations: tuple[Array, ...]
    """bool [N, A], an edge: True only after the step at which the seat ended for good"""
    truncations: tuple[Array, ...]
    """bool [N, A], an edge: True only after the step at which the seat was cut off"""
    state: Array
    """float32 [N, S]"""
    metrics: dict[str, Array]
    """float64 [N]: the episode's value so far, 0 before its first step, final where ended"""
    outcomes: Array
    """float64 [N, teams]: score, higher is better, equal is a draw; valid where ended"""
    ended: Array
    """bool [N]: the copy is over and must be reset before the next step"""
    faulted: Array
    """bool [N]: the copy broke and is over: its last step never happened, and its streams end at the obs before it"""

    @classmethod
    def allocate(cls, spec: WorldSpec, num_envs: int) -> "Outputs":
        """Zeroed arrays of the right shapes; masks all True."""

        def per_seat(dtype: type) -> tuple[Array, ...]:
            return tuple(np.zeros((num_envs, len(group.agents)), dtype) for group in spec.groups)

        return cls(
            obs=tuple(
                {leaf: np.zeros((num_envs, len(group.agents), *box.shape), box.dtype) for leaf, box in group.obs.items()}
                for group in spec.groups
            ),
            action_mask=tuple(
                np.ones((num_envs, len(group.agents), group.mask_size), bool) if group.masked else None for group in spec.groups
            ),
            rewards=per_seat(np.float32),
            alive=per_seat(bool),
            acting=per_seat(bool),
            terminations=per_seat(bool),
            truncations=per_seat(bool),
            state=np.zeros((num_envs, spec.state_size), np.float32),
            metrics={name: np.zeros(num_envs) for name in spec.metrics},
            outcomes=np.zeros((num_envs, len(spec.teams))),
            ended=np.zeros(num_envs, bool),
            faulted=np.zeros(num_envs, bool),
        )

    def arrays(self) -> dict[str, Array]:
        """Every array under a flat name such as `obs.0.vector`, in a fixed order."""
        found: dict[str, Array] = {}
        for g, leaves in enumerate(self.obs):
            found |= {f"obs.{g}.{leaf}": array for leaf, array in leaves.items()}
        for name in ("action_mask", "rewards", "alive", "acting", "terminations", "truncations"):
            found |= {f"{name}.{g}": array for g, array in enumerate(getattr(self, name)) if array is not None}
        found |= {f"metrics.{name}": array for name, array in self.metrics.items()}
        return found | {name: getattr(self, name) for name in ("state", "outcomes", "ended", "faulted")}


class World(ABC):
    """N copies of a game. Subclasses write `_reset`, `_step` and, with the capabilities, `_arrays` and `scene`.

    The public methods check the caller; the underscored ones may trust what they get. Arrays are written into
    `self.outputs`, which `bind` replaces; a subclass never reads them back, since the caller may overwrite them.
    """

    spec: WorldSpec
    num_envs: int
    outputs: Outputs
    seeds: Array
    """uint64 [N]: the seed of the episode each copy plays; all of an episode's randomness comes from it"""
    params: Array
    """float64 [N, P]: the params latched at each copy's reset, in the order of `spec.params`"""
    needs_state: bool = True
    """whether `outputs.state` will be read; a world to which state is costly need not write it where it will not"""
    last_fault: str = ""
    """what broke last, in words; empty as long as nothing did"""

    def __init__(self, spec: WorldSpec, num_envs: int) -> None:
        if num_envs < 1:
            raise ConfigError(f"num_envs must be at least 1, got {num_envs}")
        self.spec = spec
        self.num_envs = num_envs
        self.outputs = Outputs.allocate(spec, num_envs)
        self.seeds = np.zeros(num_envs, np.uint64)
        self._defaults = np.array([param.default for param in spec.params.values()], np.float64)
        self.params = np.tile(self._defaults, (num_envs, 1))
        self._running = np.zeros(num_envs, bool)

    def bind(self, outputs: Outputs) -> None:
        """Write the results of the next `step` or `reset` into `outputs`, for example a rollout's next row.

        A `reset` with `where` rewrites only those copies' rows of the arrays bound at that moment.
        """
        self.outputs = outputs

    def reset(self, seeds: Array, where: Array | None = None, params: Mapping[str, float | Array] | None = None) -> Outputs:
        """Start an episode in the copies `where` (bool [N]; all by default) from `seeds` (uint64 [N], others ignored).

        `params` gives floats or [N] arrays by name; what is not named takes its default. Raises WorldError on wrong
        shapes and ConfigError on unknown or out-of-range params; nothing has changed then.
        """
        # A copy: `where` may be this world's own `ended`, which the reset writes.
        where = np.ones(self.num_envs, bool) if where is None else np.array(where)
        seeds = np.asarray(seeds)
        if where.shape != (self.num_envs,) or where.dtype != bool:
            raise WorldError(f"reset: where must be bool [{self.num_envs}], got {where.dtype} {list(where.shape)}")
        if seeds.shape != (self.num_envs,) or seeds.dtype != np.uint64:
            raise WorldError(f"reset: seeds must be uint64 [{self.num_envs}], got {seeds.dtype} {list(seeds.shape)}")
        if where.any():
            latched = self._checked_params(where, params or {})
            self.seeds[where], self.params[where] = seeds[where], latched
            self._running[where] = True
            with np.errstate(over="ignore"):  # only the uncompiled kernels would warn: seeds wrap on purpose
                self._reset(where)
        return self.outputs

    def step(self, actions: Sequence[Array]) -> Outputs:
        """Advance every copy by one step with one action array per group; those of seats not acting are ignored.

        Raises WorldError where a copy has ended and was not reset, an array has the wrong shape or dtype, or an acting
        seat's action is outside its space; the latter names copy, agent, action and space. Nothing has changed then.
        """
        if not self._running.all():
            copy = int(np.argmin(self._running))
            raise WorldError(f"step: copy {copy} has ended; call reset(seeds, where=outputs.ended) first")
        if len(actions) != len(self.spec.groups):
            raise WorldError(f"step: got {len(actions)} action arrays for {len(self.spec.groups)} groups")
        for group, array in zip(self.spec.groups, actions, strict=True):
            wanted = (self.num_envs, len(group.agents), *group.action_shape)
            if array.shape != wanted or array.dtype != group.action_dtype:
                raise WorldError(
                    f"step: actions of group {group.name!r} must be {np.dtype(group.action_dtype)} {list(wanted)}, "
                    f"got {array.dtype} {list(array.shape)}"
                )
        with np.errstate(over="ignore"):
            self._step(actions)
        np.logical_not(self.outputs.ended, out=self._running)
        return self.outputs

    def snapshot(self) -> dict[str, Array]:
        """Copies of every array the future depends on."""
        self.spec.require("snapshot", "snapshot()")
        return {name: array.copy() for name, array in self._all_arrays().items()}

    def snapshot_of(self, copies: Array) -> dict[str, Array]:
        """The rows of a snapshot that belong to some copies (int64 [C])."""
        self.spec.require("snapshot", "snapshot_of()")
        return {name: array[copies] for name, array in self._all_arrays().items()}

    def state_of(self, copies: Array) -> dict[str, Array]:
        """Of these rows those of the simulation, from which all that is told follows."""
        self.spec.require("snapshot", "state_of()")
        return {f"{SIMULATION}{name}": array.take(copies, axis=0) for name, array in self._arrays().items()}

    def restore(self, snapshot: Mapping[str, Array]) -> None:
        """Continue from a snapshot of a world with the same spec and number of copies.

        Rewrites the bound outputs' arrays, so that they are again what they were when the snapshot was taken.
        """
        self.spec.require("snapshot", "restore()")
        mine = self._all_arrays()
        if snapshot.keys() != mine.keys():
            raise WorldError(f"restore: the snapshot has other arrays: {sorted(snapshot.keys() ^ mine.keys())}")
        for name, array in mine.items():
            if array.shape != snapshot[name].shape or array.dtype != snapshot[name].dtype:
                raise WorldError(
                    f"restore: {name} is {snapshot[name].dtype} {list(snapshot[name].shape)} in the snapshot, "
                    f"{array.dtype} {list(array.shape)} here"
                )
        for name, array in mine.items():
            array[...] = snapshot[name]

    def scene(self, copy: int) -> Scene:
        """What copy `copy` looks like now."""
        raise CapabilityError(f"world {self.spec.id!r} has no scene: it cannot be drawn")

    def scene_for(self, copy: int, agent: str) -> Scene:
        """The scene as far as `agent` may see it; to be written by worlds that hide something from it, such as cards."""
        return self.scene(copy)

    def place_in_scene(self, agent: str, x: float, y: float) -> tuple[float, float]:
        """Where in the scene the place is that `agent` knows as (x, y), see `Whereabouts`; the same, unless a world says so."""
        return x, y

    def controls(self, agent: str) -> Controls | None:
        """How a person plays `agent` by hand; None where the world does not say."""
        return None

    def take_notices(self) -> list[str]:
        """What people should know that came up since the last call, a line each: what a faulted copy broke of, say."""
        return []

    def close(self) -> None:  # noqa: B027 - most worlds have nothing to free
        """Free what is held outside this process; a world of arrays holds nothing."""

    @abstractmethod
    def _reset(self, where: Array) -> None:
        """Start episodes where `where` from `self.seeds` and `self.params`; write those rows of every output."""

    @abstractmethod
    def _step(self, actions: Sequence[Array]) -> None:
        """Advance every copy; write every row of every output."""

    def _arrays(self) -> dict[str, Array]:
        """The arrays of the simulation that the future depends on, by name; not the outputs."""
        return {}

    def _refuse_outside(self, actions: Sequence[Array], acting: Sequence[Array | bool]) -> None:
        """Raise WorldError unless the actions of all `acting` seats (bool [N, A] per group, or True) are in their spaces.

        For `_step` to call before it changes anything.
        """
        for group, array, on_turn in zip(self.spec.groups, actions, acting, strict=True):
            outside = _outside(group.action, array) & on_turn
            if outside.any():
                copy, agent = divmod(int(outside.argmax()), len(group.agents))
                raise self._refusal(group, copy, agent, array[copy, agent])

    def _refuse_illegal(self, actions: Sequence[Array], legal: Sequence[Array]) -> None:
        """Raise WorldError where a Discrete action is one that `legal` (bool [N, A, K] per group) forbids.

        For worlds that have no use for an illegal action, once `_refuse_outside` has passed; `legal` is all True for seats
        that are not acting.
        """
        for group, array, allowed in zip(self.spec.groups, actions, legal, strict=True):
            # Seats that are not acting may have given anything.
            within = np.clip(array, 0, allowed.shape[2] - 1)
            illegal = ~np.take_along_axis(allowed, within[..., None], axis=2)[..., 0]
            if illegal.any():
                copy, agent = divmod(int(illegal.argmax()), len(group.agents))
                may = np.flatnonzero(allowed[copy, agent]).tolist()
                raise WorldError(
                    f"step: {group.agents[agent]} of copy {copy} chose {array[copy, agent]}, which its action_mask forbids; "
                    f"it may choose {may}"
                )

    def _refusal(self, group: Group, copy: int, agent: int, action: Any) -> WorldError:
        """What to raise for one action outside its space; `agent` is its place in the group."""
        return WorldError(f"step: {group.agents[agent]} of copy {copy} chose {action}, not in {group.action}")

    def _all_arrays(self) -> dict[str, Array]:
        own = {"seeds": self.seeds, "params": self.params, "running": self._running}
        simulation = {f"{SIMULATION}{name}": array for name, array in self._arrays().items()}
        return own | simulation | {f"outputs.{name}": array for name, array in self.outputs.arrays().items()}

    def _checked_params(self, where: Array, params: Mapping[str, float | Array]) -> Array:
        """The params of the copies `where`: float64 [copies, P]."""
        if unknown := params.keys() - self.spec.params.keys():
            raise ConfigError(f"world {self.spec.id!r} has no param {sorted(unknown)}; it has {list(self.spec.params)}")
        latched = np.tile(self._defaults, (int(where.sum()), 1))
        for column, (name, param) in enumerate(self.spec.params.items()):
            if name not in params:
                continue
            given = np.asarray(params[name], np.float64)
            if given.shape not in ((), (self.num_envs,)):
                raise WorldError(f"reset: param {name!r} must be a number or [{self.num_envs}], got {list(given.shape)}")
            values = np.broadcast_to(given, self.num_envs)[where]
            if not ((values >= param.low) & (values <= param.high)).all():
                raise ConfigError(f"param {name!r} must be within [{param.low}, {param.high}], got {values}")
            latched[:, column] = values
        return latched


def _outside(space: ActionSpace, actions: Array) -> Array:
    """Which of the actions [N, A, ...] are outside `space`: bool [N, A]. Of continuous ones only NaN: others are clipped."""
    if isinstance(space, spaces.Box):
        return np.asarray(np.isnan(actions).any(axis=-1))
    if isinstance(space, spaces.MultiDiscrete):
        return np.asarray(((actions < 0) | (actions >= space.nvec)).any(axis=-1))
    return (actions < 0) | (actions >= space.n)
