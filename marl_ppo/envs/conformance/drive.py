"""Random play whose every choice follows from a copy's label and its own past, so that equal labels must play equally.

label    what a copy is called here, whatever its row: seeds, params and actions are drawn from it
told     the outputs as the driver copied them the moment it was told, safe from what happens to the world's arrays
history  everything one copy was told, a row of every output for each of its resets and steps
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.seeds import fill_action_noise, stream
from marl_ppo.envs.world import Array, Group, Outputs, World, WorldSpec
from marl_ppo.errors import ConformanceError

MakeWorld = Callable[[int], World]
"""num_envs → a new world"""
Check = Callable[[MakeWorld], None]
"""raises a ConformanceError if the worlds break its rule"""
History = list[dict[str, Array]]

LONGEST = 1000
"""steps of a check at most: whether a later limit is kept is not looked at"""
COPIES = 5
"""copies in a check: enough to differ, few enough to be quick"""


def steps_for(spec: WorldSpec) -> int:
    """Steps of play that meet several endings where episodes are short, and one where they are long."""
    limit = spec.max_steps or 20
    return max(min(2 * limit + 5, 60), min(limit + 1, LONGEST))


def require(holds: bool | np.bool_, message: str) -> None:
    """Raise a ConformanceError with `message` unless the rule holds."""
    if not holds:
        raise ConformanceError(message)


class Driver:
    """Plays random legal actions and starts a copy's next episode where one has ended.

    `before_call` is called ahead of every `reset` and `step`, `after_call` once the results have been copied, and
    `alter_actions` may change actions before the world gets them.
    """

    def __init__(
        self,
        world: World,
        labels: Iterable[int] = range(COPIES),
        *,
        before_call: Callable[[World], None] = lambda world: None,
        after_call: Callable[[World], None] = lambda world: None,
        alter_actions: Callable[[list[Array], Outputs], None] = lambda actions, told: None,
    ) -> None:
        self.world = world
        self.labels = np.array(list(labels), np.uint64)
        self.episodes = np.zeros(len(self.labels), np.int64)
        self.ticks = np.zeros(len(self.labels), np.int64)
        self.told = Outputs.allocate(world.spec, len(self.labels))
        self.histories: list[History] = [[] for _ in self.labels]
        self._before_call = before_call
        self._after_call = after_call
        self._alter_actions = alter_actions

    @property
    def everywhere(self) -> Array:
        return np.ones(len(self.labels), bool)

    @property
    def seeds(self) -> Array:
        """Of the episode each copy plays: uint64 [N]."""
        return stream(0, "eval", self.labels, self.episodes)

    def start(self) -> "Driver":
        """Reset every copy."""
        self.reset(self.everywhere)
        return self

    def play(self, steps: int) -> "Driver":
        """Step, and reset what ended, `steps` times."""
        for _ in range(steps):
            self.step()
            if self.told.ended.any():
                self.episodes += self.told.ended
                self.reset(self.told.ended.copy())
        return self

    def reset(self, where: Array) -> None:
        """Start the copies' current episodes."""
        self.ticks[where] = 0
        self._before_call(self.world)
        self._take_down(self.world.reset(self.seeds, where, self.params()), where)
        self._after_call(self.world)

    def step(self) -> None:
        """One step with random actions; resets nothing."""
        actions = self.actions()
        self._alter_actions(actions, self.told)
        self.ticks += 1
        self._before_call(self.world)
        self._take_down(self.world.step(actions), self.everywhere)
        self._after_call(self.world)

    def params(self) -> dict[str, float | Array]:
        """Random params in every second episode, the defaults in the others."""
        specs = self.world.spec.params
        noise = np.empty((len(self.labels), 1, len(specs)), np.float32)
        fill_action_noise(noise, self.seeds, np.zeros((len(self.labels), 1), np.int64), len(self.world.spec.agents))
        altered = self.episodes % 2 == 1
        return {
            name: np.where(altered, param.low + noise[:, 0, i].astype(float) * (param.high - param.low), param.default)
            for i, (name, param) in enumerate(specs.items())
        }

    def actions(self) -> list[Array]:
        """A random legal action of every seat, on turn or not."""
        actions, first_seat = [], 0
        for group, mask in zip(self.world.spec.groups, self.told.action_mask, strict=True):
            agents = len(group.agents)
            noise = np.empty((len(self.labels), agents, int(np.prod(group.action_shape))), np.float32)
            fill_action_noise(noise, self.seeds, np.repeat(self.ticks[:, None], agents, axis=1), first_seat)
            actions.append(_random_actions(group, noise.astype(np.float64), mask))
            first_seat += agents
        return actions

    def fork(self, world: World) -> "Driver":
        """A driver of `world` that knows what this one knows and goes on as this one would."""
        twin = Driver(world, self.labels.tolist())
        twin.episodes[:], twin.ticks[:] = self.episodes, self.ticks
        mine = self.told.arrays()
        for name, array in twin.told.arrays().items():
            array[...] = mine[name]
        twin.histories = [list(history) for history in self.histories]
        return twin

    def _take_down(self, outputs: Outputs, where: Array) -> None:
        theirs = outputs.arrays()
        for name, array in self.told.arrays().items():
            array[where] = theirs[name][where]
        self.told.outcomes[~self.told.ended] = 0.0  # outcomes are valid only where a copy has ended
        for row in np.flatnonzero(where):
            self.histories[row].append({name: array[row].copy() for name, array in self.told.arrays().items()})


def require_equal(wanted: Sequence[History], got: Sequence[History], rule: str) -> None:
    """Each copy must have been told the same, bit for bit."""
    for copy, (mine, other) in enumerate(zip(wanted, got, strict=True)):
        for moment, (row, other_row) in enumerate(zip(mine, other, strict=False)):
            for name, value in row.items():
                require(
                    value.tobytes() == other_row[name].tobytes(),
                    f"{rule}: {name} of copy {copy} is {other_row[name].tolist()} at its reset or step {moment}, "
                    f"wanted {value.tolist()} as in an undisturbed run",
                )
        require(len(mine) == len(other), f"{rule}: copy {copy} was told {len(other)} times, wanted {len(mine)}")


def episode_hash(make: MakeWorld) -> str:
    """One sha256 over all that a world tells in some short random episodes."""
    world = make(COPIES)
    digest = hashlib.sha256()
    with np.errstate(over="ignore"):  # uncompiled, the keys of the noise would warn as they wrap
        histories = Driver(world).start().play(steps_for(world.spec)).histories
    for history in histories:
        for row in history:
            for name, value in row.items():
                digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()


def fill_with_garbage(outputs: Outputs) -> None:
    """Overwrite every array as a caller may: NaN, flipped flags, sevens."""
    for array in outputs.arrays().values():
        if array.dtype == bool:
            np.logical_not(array, out=array)
        else:
            array[...] = np.nan if np.issubdtype(array.dtype, np.floating) else 7


def _random_actions(group: Group, noise: Array, mask: Array | None) -> Array:
    """Uniform noise [N, A, size] as actions: within the bounds if Box, else among the legal ones."""
    space = group.action
    if isinstance(space, spaces.Box):
        low, high = np.maximum(space.low, -10.0), np.minimum(space.high, 10.0)  # the bounds may be infinite
        return np.asarray(low + noise * (high - low), np.float32)
    sizes = space.nvec.tolist() if isinstance(space, spaces.MultiDiscrete) else [int(space.n)]
    legal = np.ones((*noise.shape[:2], sum(sizes)), bool) if mask is None else mask
    chosen = []
    for part, some in zip(group.split_mask(legal), np.split(noise, len(sizes), axis=2), strict=True):
        nth = np.floor(some * part.sum(axis=2, keepdims=True)) + 1
        chosen.append((np.cumsum(part, axis=2) >= nth).argmax(axis=2))
    actions = np.stack(chosen, axis=2).astype(np.int64)
    return actions if isinstance(space, spaces.MultiDiscrete) else actions[..., 0]
