"""Random play whose every choice follows from a copy's label and its own past, so that equal labels must play equally.

label   what a copy is called here, whatever its row: seeds, params and actions are drawn from it
told    the outputs as the driver copied them the moment it was told, safe from what happens to the world's arrays
frame   what was told at one step, by flat name
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.seeds import fill_action_noise, stream
from marl_ppo.envs.world import Array, Group, Outputs, World, WorldSpec
from marl_ppo.errors import ConformanceError

MakeWorld = Callable[[int], World]
"""num_envs → a new world; each call with the same spec but for nothing"""
Frame = dict[str, Array]

COPIES = 5
"""copies in a check: enough to differ, few enough to be quick"""


def steps_for(spec: WorldSpec) -> int:
    """Steps of play that meet several endings where episodes are short, and stay cheap where they are long."""
    return min(2 * (spec.max_steps or 20) + 5, 60)


class Driver:
    """Plays random legal actions and starts a copy's next episode where one has ended.

    `before_call` is called ahead of every `reset` and `step`, `after_call` once the results have been copied, and
    `alter_actions` may change actions before the world gets them.
    """

    def __init__(
        self,
        world: World,
        labels: Sequence[int],
        *,
        before_call: Callable[[World], None] = lambda world: None,
        after_call: Callable[[World], None] = lambda world: None,
        alter_actions: Callable[[list[Array], Outputs], None] = lambda actions, told: None,
    ) -> None:
        self.world = world
        self.labels = np.array(labels, np.uint64)
        self.episodes = np.zeros(len(labels), np.int64)
        self.ticks = np.zeros(len(labels), np.int64)
        self.told = Outputs.allocate(world.spec, len(labels))
        self.frames: list[Frame] = []
        self._before_call = before_call
        self._after_call = after_call
        self._alter_actions = alter_actions

    @property
    def seeds(self) -> Array:
        """Of the episode each copy plays: uint64 [N]."""
        return stream(0, "eval", self.labels, self.episodes)

    def run(self, steps: int) -> list[Frame]:
        """Start all copies and play; the frames of the first reset and of each step with the resets that follow it."""
        self.reset(np.ones(len(self.labels), bool))
        self.record()
        return self.play_on(steps)

    def play_on(self, steps: int) -> list[Frame]:
        """Play from where the world stands."""
        for _ in range(steps):
            self.step()
            self.record()
            if self.told.ended.any():
                self.episodes += self.told.ended
                self.reset(self.told.ended.copy())
                self.record()
        return self.frames

    def record(self) -> None:
        self.frames.append({name: array.copy() for name, array in self.told.arrays().items()})

    def reset(self, where: Array) -> None:
        self._before_call(self.world)
        self.ticks[where] = 0
        self._copy(self.world.reset(self.seeds, where, self.params()), where)
        self._after_call(self.world)

    def step(self) -> None:
        actions = self.actions()
        self._alter_actions(actions, self.told)
        self._before_call(self.world)
        self.ticks += 1
        self._copy(self.world.step(actions), np.ones(len(self.labels), bool))
        self._after_call(self.world)

    def params(self) -> dict[str, float | Array]:
        """Random params in every second episode, the defaults in the others."""
        chance = _uniforms(self.seeds, np.full_like(self.ticks, -1), len(self.world.spec.params))
        random = self.episodes % 2 == 1
        return {
            name: np.where(random, param.low + chance[:, i] * (param.high - param.low), param.default)
            for i, (name, param) in enumerate(self.world.spec.params.items())
        }

    def actions(self) -> list[Array]:
        """A random legal action of every seat, on turn or not."""
        actions, first_seat = [], 0
        for group, mask in zip(self.world.spec.groups, self.told.action_mask, strict=True):
            size = int(np.prod(group.action_shape, dtype=int))
            noise = np.empty((len(self.labels), len(group.agents), size), np.float32)
            fill_action_noise(noise, self.seeds, np.repeat(self.ticks[:, None], len(group.agents), 1), first_seat)
            actions.append(_random_actions(group, noise, mask))
            first_seat += len(group.agents)
        return actions

    def fork(self, world: World) -> "Driver":
        """A driver that stands where this one does, for a world that does too."""
        twin = Driver(world, self.labels.tolist())
        twin.episodes[:], twin.ticks[:] = self.episodes, self.ticks
        mine = self.told.arrays()
        for name, array in twin.told.arrays().items():
            array[...] = mine[name]
        return twin

    def _copy(self, outputs: Outputs, where: Array) -> None:
        theirs = outputs.arrays()
        for name, array in self.told.arrays().items():
            array[where] = theirs[name][where]
        self.told.outcomes[~self.told.ended] = 0.0  # outcomes are valid only where a copy has ended


def require(holds: bool | np.bool_, message: str) -> None:
    """Raise a ConformanceError with `message` unless the rule holds."""
    if not holds:
        raise ConformanceError(message)


def require_equal(wanted: list[Frame], got: list[Frame], rule: str, rows: Sequence[tuple[int, int]]) -> None:
    """Each pair (row in `wanted`, row in `got`) must tell the same, bit for bit, at every step of its episodes."""
    for wanted_row, got_row in rows:
        for wanted_frame, got_frame in zip(_of_copy(wanted, wanted_row), _of_copy(got, got_row), strict=False):
            for name, value in wanted_frame.items():
                require(
                    value.tobytes() == got_frame[name].tobytes(),
                    f"{rule}: {name} of copy {wanted_row} differs; wanted {value.tolist()}, got {got_frame[name].tolist()}",
                )


def episode_hash(make: MakeWorld) -> str:
    """One sha256 over all that a world tells in some short random episodes."""
    world = make(COPIES)
    frames = Driver(world, range(COPIES)).run(steps_for(world.spec))
    digest = hashlib.sha256()
    for frame in frames:
        for name, array in frame.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def fill_with_garbage(outputs: Outputs) -> None:
    """Overwrite every array as a caller may: NaN, flipped flags, sevens."""
    for array in outputs.arrays().values():
        if array.dtype == bool:
            np.logical_not(array, out=array)
        else:
            array[...] = np.nan if np.issubdtype(array.dtype, np.floating) else 7


def _of_copy(frames: list[Frame], row: int) -> list[Frame]:
    """One copy's frames without the repeats that are recorded when another copy is reset."""
    return [{name: array[row] for name, array in frame.items()} for frame in frames]


def _uniforms(seeds: Array, counters: Array, count: int) -> Array:
    """float64 [N, count] in (0, 1), keyed by seed and counter."""
    noise = np.empty((len(seeds), 1, count), np.float32)
    fill_action_noise(noise, seeds, counters[:, None], 0)
    return noise[:, 0].astype(np.float64)


def _random_actions(group: Group, noise: Array, mask: Array | None) -> Array:
    """Uniform noise [N, A, size] as actions: of the legal ones for Discrete, within the bounds for Box."""
    space = group.action
    if isinstance(space, spaces.Box):
        low, high = np.maximum(space.low, -10.0), np.minimum(space.high, 10.0)  # the bounds may be infinite
        return (low + noise * (high - low)).astype(np.float32)
    if isinstance(space, spaces.MultiDiscrete):
        return np.asarray(noise * space.nvec, np.int64)
    legal = np.ones((*noise.shape[:2], int(space.n)), bool) if mask is None else mask
    nth = np.floor(noise * legal.sum(axis=2, keepdims=True)) + 1
    return np.asarray((np.cumsum(legal, axis=2) >= nth).argmax(axis=2), np.int64)
