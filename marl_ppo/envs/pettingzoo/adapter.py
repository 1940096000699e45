"""Any PettingZoo or Gymnasium env as a World: N independent copies of it, stepped one after the other in this process.

groups     agents with equal spaces, or what patterns say; see grouping.py
teams      agents of one name but for its number, in an env of turns each agent its own, or what patterns say: PettingZoo
           does not tell who wins together
endings    an agent that leaves `agents` terminates or is truncated as the env says, or terminates where it says
           neither; the copy ends when no agent is left
waiting    an agent that is shown nothing at a step does not act; it keeps the obs that it was shown last
state      `env.state()` where the env declares a `state_space` of up to STATE_LIMIT numbers
seeds      an episode starts with `env.reset(seed=int(seed % 2**31))`: many envs take no larger seed. So few numbers
           that now and then a held-out episode is one met in training. Where an env cannot begin from a seed, another
           one that follows from it stands in
rewards    those of an agent that was there before the step; what an env pays the dead does not count
actions    continuous ones are clipped to the action space, since envs differ in what they do outside it
faults     an env that raises, or gives obs, rewards or a state that are not finite or of another shape than declared, is
           `faulted`: the episode is over, and the next one is played by a new env, FAULTS_IN_A_ROW times at most

pictures   an env made with render_mode=rgb_array has a scene, which is the picture that it draws of itself

There is no snapshot and no re-simulation: what an env keeps to itself cannot be known from outside.
"""

import contextlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.pettingzoo.drivers import Driver, Told, driver_of
from marl_ppo.envs.pettingzoo.reading import Reading
from marl_ppo.envs.pettingzoo.wrapping import wrapped
from marl_ppo.envs.scene import Scene, picture_scene
from marl_ppo.envs.world import Array, Capability, Outputs, World, WorldSpec
from marl_ppo.errors import ConfigError, MarlPPOError, WorldError

SEED_RANGE = 2**31
NEXT_SEED = 7919
"""from a seed that an env cannot begin from to the one that stands in"""
FAULTS_IN_A_ROW = 10
"""so many episodes of one copy may break one after the other before the world gives up"""


def from_env(
    make: Callable[[], Any],
    *,
    num_envs: int,
    groups: str | None = None,
    teams: str | None = None,
    wrap: str = "",
    reward_weights: Sequence[float] | None = None,
    world_id: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> "EnvWorld":
    """N copies of the env that `make` makes: a PettingZoo ParallelEnv or AECEnv, or a gymnasium.Env.

    groups          patterns that say who shares a policy, such as "archers=archer_*,knights=knight_*"
    teams           patterns that say who wins together
    wrap            SuperSuit wrappers, such as "resize,grayscale,frame_stack=4"
    reward_weights  of the parts of a vector reward

    Raises ConfigError where the env is of a kind that cannot be adapted.
    """
    if num_envs < 1:
        raise ConfigError(f"num_envs must be at least 1, got {num_envs}")

    def driver() -> Driver:
        return driver_of(wrapped(make(), wrap))

    drivers = [driver() for _ in range(num_envs)]
    return EnvWorld(drivers, driver, Reading(drivers[0], groups, teams), reward_weights, world_id, config or {})


class EnvWorld(World):
    """One World over equal envs, a copy each; made by `from_env`."""

    def __init__(
        self,
        drivers: Sequence[Driver],
        make: Callable[[], Driver],
        reading: Reading,
        reward_weights: Sequence[float] | None,
        world_id: str | None,
        config: Mapping[str, Any],
    ) -> None:
        name = drivers[0].name
        version = re.search(r"[_-]v(\d+)$", name)
        spec = WorldSpec(
            id=world_id or f"pettingzoo:{name}",
            version=int(version[1]) if version else 1,
            groups=reading.groups,
            teams=reading.teams,
            max_steps=None,
            state_size=reading.state_size,
            capabilities=_capabilities(drivers[0], reading),
            config=dict(config),
        )
        super().__init__(spec, len(drivers))
        self._drivers = list(drivers)
        self._make = make
        self.reading = reading
        self._weights = None if reward_weights is None else np.asarray(reward_weights, np.float64)
        self._now = Outputs.allocate(spec, len(drivers))
        """what the envs told last; copied to the bound outputs, which the caller may overwrite"""
        self._arrays_now = list(self._now.arrays().values())
        self._floats = _named_floats(spec, self._now)
        self._present = tuple(np.zeros_like(alive) for alive in self._now.alive)
        """bool [N, A] per group: who is left, whether it acts or waits"""
        self._before = tuple(np.zeros_like(alive) for alive in self._now.alive)
        """the same, before the last step"""
        self._broken = np.zeros(len(drivers), bool)
        self._in_a_row = np.zeros(len(drivers), np.int64)
        self._known = frozenset(spec.agents)
        self._notices = [text for codec in reading.observations for text in codec.left_out]
        self._unreported = [
            (g, leaf.name, *_bounds(leaf.space))
            for g, codec in enumerate(reading.observations)
            for leaf in codec.leaves
            if _is_bounded(leaf.space)
        ]
        """(group, leaf, low, high) of obs that might still be found outside what is declared"""

    def take_notices(self) -> list[str]:
        taken, self._notices = self._notices, []
        return taken

    def scene(self, copy: int) -> Scene:
        self.spec.require("scene", "a picture")
        pixels = np.asarray(self._drivers[copy].picture())
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise WorldError(
                f"world {self.spec.id!r} must draw itself as uint8 [H, W, 3], got {pixels.dtype} {list(pixels.shape)}"
            )
        return picture_scene(pixels)

    def close(self) -> None:
        for driver in self._drivers:
            with contextlib.suppress(Exception):  # what it has to say no longer matters
                driver.close()

    def _reset(self, where: Array) -> None:
        for n in np.flatnonzero(where).tolist():
            for attempt in itertools.count():
                self._forget(n)
                try:
                    if self._broken[n]:
                        self._drivers[n] = self._make()
                        self._broken[n] = False
                    self._write(n, self._drivers[n].reset((int(self.seeds[n]) + attempt * NEXT_SEED) % SEED_RANGE))
                    if self._now.ended[n]:
                        raise ValueError("an episode that begins without agents")
                    self._require_finite(n)
                    break
                except MarlPPOError:
                    raise
                except Exception as error:  # whatever an env of somebody else's may raise
                    self._fault(n, error, "reset")
        self._tell(where)

    def _step(self, actions: Sequence[Array]) -> None:
        self._refuse_outside(actions, self._now.acting)
        for before, present in zip(self._before, self._present, strict=True):
            before[:] = present
        for n, driver in enumerate(self._drivers):
            joint_action = {}
            for group, codec, chosen, acting in zip(
                self.spec.groups, self.reading.actions, actions, self._now.acting, strict=True
            ):
                mine = chosen[n]
                for a, agent in enumerate(group.agents):
                    if acting[n, a]:
                        joint_action[agent] = codec.to_env(mine[a])
            try:
                self._write(n, driver.step(joint_action))
            except MarlPPOError:
                raise
            except Exception as error:  # as above
                self._fault(n, error, "step")
        if not self._all_finite():
            for n in range(self.num_envs):
                try:
                    self._require_finite(n)
                except ValueError as error:
                    self._fault(n, error, "step")
        self._in_a_row[self._now.ended & ~self._now.faulted] = 0
        self._tell(np.ones(self.num_envs, bool))

    def _forget(self, n: int) -> None:
        """Nobody is there, and nobody was shown anything: an episode is about to begin, or has just broken."""
        for array in self._now.arrays().values():
            array[n] = 0
        for mask in self._now.action_mask:
            if mask is not None:
                mask[n] = True
        for before, present in zip(self._before, self._present, strict=True):
            before[n] = present[n] = False

    def _write(self, n: int, told: Told) -> None:
        """Write copy n's row after its env was reset or stepped, and note who plays on."""
        now = self._now
        if strange := told.present - self._known:
            raise ValueError(f"the agents {sorted(strange)}, which are not among its possible_agents")
        for g, group in enumerate(self.spec.groups):
            codec, obs = self.reading.observations[g], now.obs[g]
            present, alive, acting, rewards = self._present[g], now.alive[g], now.acting[g], now.rewards[g]
            before = self._before[g]
            for a, agent in enumerate(group.agents):
                is_present = agent in told.present
                left = bool(present[n, a]) and not is_present
                truncated = left and agent in told.truncated and agent not in told.terminated
                # Who is cut off keeps its last obs for this one step, since its value is bootstrapped from it.
                is_alive = is_present or truncated
                shown = is_alive and told.observations.get(agent) is not None
                if shown:
                    codec.write(told.observations[agent], obs, (n, a))
                elif alive[n, a] and not is_alive:
                    for array in obs.values():
                        array[n, a] = 0
                present[n, a] = is_present
                alive[n, a] = is_alive
                acting[n, a] = is_acting = is_present and shown
                rewards[n, a] = self._reward(told.rewards[agent]) if before[n, a] and agent in told.rewards else 0.0
                now.terminations[g][n, a] = left and not truncated
                now.truncations[g][n, a] = truncated
                if group.masked:
                    mask = now.action_mask[g]
                    assert mask is not None
                    mask[n, a] = not is_acting or self.reading.legal(g, told.observations[agent], told.infos.get(agent, {}))
        now.ended[n] = not told.present
        now.faulted[n] = False
        if self.spec.state_size and self.needs_state:
            # Where all have terminated nothing is valued, and some envs have no state any more.
            with contextlib.nullcontext() if told.present or told.truncated else contextlib.suppress(Exception):
                now.state[n] = np.asarray(self._drivers[n].state()).reshape(self.spec.state_size)

    def _reward(self, reward: Any) -> float:
        if np.ndim(reward) == 0:
            return float(reward)
        parts = np.asarray(reward, np.float64).reshape(-1)
        if parts.size == 1:
            return float(parts[0])
        if self._weights is None or self._weights.shape != parts.shape:
            given = "none" if self._weights is None else self._weights.tolist()
            raise ConfigError(
                f"world {self.spec.id!r} gives rewards of {parts.size} parts, so it needs as many reward_weights, such as "
                f"{','.join(['1'] * parts.size)}; got {given}"
            )
        return float(parts @ self._weights)

    def _tell(self, where: Array) -> None:
        """Look at what the envs showed, and copy it to the bound outputs."""
        for entry in list(self._unreported):
            self._report_outside(*entry)
        for group, leaves in zip(self.spec.groups, self._now.obs, strict=True):
            for name, array in leaves.items():
                if isinstance(space := group.obs[name], spaces.MultiDiscrete):
                    np.clip(array, 0, space.nvec - 1, out=array)
        everywhere = where.all()
        for array, bound in zip(self._arrays_now, self.outputs.arrays().values(), strict=True):
            if everywhere:
                bound[...] = array
            else:
                bound[where] = array[where]

    def _report_outside(self, g: int, leaf: str, low: Array, high: Array) -> None:
        seen = self._now.obs[g][leaf]
        outside = (seen < low) | (seen > high)
        if not outside.any():
            return
        copy, a = np.argwhere(outside.reshape(*seen.shape[:2], -1).any(-1))[0]
        value = seen[copy, a][outside[copy, a]].flat[0]
        self._notices.append(
            f"{self.spec.groups[g].agents[a]} was shown {value:g} in {leaf!r}, outside the space declared, "
            f"{self.spec.groups[g].obs[leaf]}; said once, and gone on with"
        )
        self._unreported = [entry for entry in self._unreported if entry[:2] != (g, leaf)]

    def _all_finite(self) -> bool:
        """Whether everything is; the sum is quick, and not finite if any of its parts is not."""
        return all(np.isfinite(array.sum(dtype=np.float64)) for array in self._floats.values())

    def _require_finite(self, n: int) -> None:
        for what, array in self._floats.items():
            if not np.isfinite(array[n]).all():
                raise ValueError(f"a number that is not finite in the {what}")

    def _fault(self, n: int, error: Exception, when: str) -> None:
        """Copy n broke: its episode is over, and what its last step told is forgotten."""
        left = [before[n].copy() for before in self._before]
        self._forget(n)
        for alive, truncations, mine in zip(self._now.alive, self._now.truncations, left, strict=True):
            alive[n] = truncations[n] = mine
        self._now.ended[n] = self._now.faulted[n] = self._broken[n] = True
        self._in_a_row[n] += 1
        what = f"copy {n} broke at a {when} ({type(error).__name__}: {error})"
        if self._in_a_row[n] > FAULTS_IN_A_ROW:
            raise WorldError(
                f"world {self.spec.id!r}: {what}, for the {self._in_a_row[n]}th time in a row; the env has to be mended"
            ) from error
        self.last_fault = what
        self._notices.append(f"{what}; its episode is left out, and a new env takes its place")
        with contextlib.suppress(Exception):
            self._drivers[n].close()


def _capabilities(driver: Driver, reading: Reading) -> frozenset[Capability]:
    found: set[Capability] = set()
    if reading.state_size:
        found.add("state")
    if driver.draws:
        found.add("scene")
    return frozenset(found)


def _named_floats(spec: WorldSpec, told: Outputs) -> dict[str, Array]:
    """All that must be finite, by what it is."""
    found = {f"rewards of {group.name}": array for group, array in zip(spec.groups, told.rewards, strict=True)}
    for group, leaves in zip(spec.groups, told.obs, strict=True):
        found |= {f"obs {leaf!r} of {group.name}": array for leaf, array in leaves.items() if array.dtype == np.float32}
    return found | {"state": told.state}


def _is_bounded(space: Any) -> bool:
    """Whether a value of the leaf's dtype can be outside its space."""
    if isinstance(space, spaces.MultiDiscrete):
        return True
    if space.dtype == np.uint8:
        return bool((space.low > 0).any() or (space.high < 255).any())
    return bool(np.isfinite(space.low).any() or np.isfinite(space.high).any())


def _bounds(space: Any) -> tuple[Array, Array]:
    if isinstance(space, spaces.MultiDiscrete):
        return np.zeros_like(space.nvec), np.asarray(space.nvec - 1)
    # Zeros are what the dead see, and rounding to float32 may pass a bound.
    low, high = np.minimum(space.low, 0), np.maximum(space.high, 0)
    if space.dtype == np.uint8:
        return low, high
    width = space.high.astype(np.float64) - space.low
    slack = 1e-6 * np.clip(np.where(np.isfinite(width), width, 1), 1, 1e6)
    return low - slack, high + slack
