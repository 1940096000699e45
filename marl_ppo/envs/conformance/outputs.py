"""Checks of what a world tells: its spec, shapes, spaces, masks, endings, scores."""

from collections.abc import Callable

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.conformance.drive import COPIES, Check, Driver, MakeWorld, require, steps_for
from marl_ppo.envs.world import Array, Group, Outputs, World, WorldSpec
from marl_ppo.errors import WorldError

LONGEST_SEARCH = 1000
"""steps in which an ending is looked for in a world without a step limit"""


def check_spec(make: MakeWorld) -> None:
    """The spec makes sense in itself and does not depend on the number of copies."""
    spec = make(1).spec
    agents = spec.agents
    require(make(COPIES).spec == spec, "the spec depends on num_envs")
    require(make(COPIES).num_envs == COPIES, f"num_envs is {make(COPIES).num_envs} in a world made with {COPIES}")
    require(len(set(agents)) == len(agents), f"agents must have names of their own, got {agents}")
    require(spec.version >= 1, f"version must be at least 1, got {spec.version}")
    for group in spec.groups:
        played = all(0 <= team < len(spec.teams) for team in group.team)
        require(played, f"teams of group {group.name!r} must be indices into {spec.teams}, got {group.team}")
    for kind, entries in (("metric", spec.metrics), ("param", spec.params)):
        for name, entry in entries.items():
            require(entry.low < entry.high, f"{kind} {name!r} must have low < high, got {entry.low}, {entry.high}")
    for name, param in spec.params.items():
        inside = param.low <= param.default <= param.high
        require(inside, f"param {name!r} must default to a value in [{param.low}, {param.high}], got {param.default}")
    has_state = "state" in spec.capabilities
    require(has_state == (spec.state_size > 0), f"state_size is {spec.state_size} with capabilities {spec.capabilities}")


def check_shapes_and_dtypes(make: MakeWorld) -> None:
    """Every array has the shape and dtype that the spec implies, after resets and after steps."""
    world = make(COPIES)
    wanted = {name: (array.shape, array.dtype) for name, array in Outputs.allocate(world.spec, COPIES).arrays().items()}

    def check(outputs: Outputs) -> None:
        got = {name: (array.shape, array.dtype) for name, array in outputs.arrays().items()}
        require(got.keys() == wanted.keys(), f"the world tells {sorted(got)}, wanted {sorted(wanted)}")
        for name, is_like in got.items():
            require(is_like == wanted[name], f"{name} has shape and dtype {is_like}, wanted {wanted[name]}")

    Driver(world, after_call=lambda world: check(world.outputs)).start().play(steps_for(world.spec))


def check_obs_within_space(make: MakeWorld) -> None:
    """What an alive agent sees is finite and within the spaces of its group."""

    def check(told: Outputs, spec: WorldSpec) -> None:
        for g, group in enumerate(spec.groups):
            for leaf, space in group.obs.items():
                low, high = (space.low, space.high) if isinstance(space, spaces.Box) else (0, space.nvec - 1)
                seen = told.obs[g][leaf][told.alive[g]]
                inside = np.isfinite(seen) & (seen >= low) & (seen <= high)
                require(inside.all(), f"obs.{g}.{leaf} must be finite and within {space}, got {seen[~inside][:5]}")

    _at_every_moment(make, check)


def check_the_dead_see_zeros(make: MakeWorld) -> None:
    """Obs of agents that are not alive are zeros."""

    def check(told: Outputs, spec: WorldSpec) -> None:
        for g in range(len(spec.groups)):
            for leaf, seen in told.obs[g].items():
                require(not seen[~told.alive[g]].any(), f"obs.{g}.{leaf} of agents that are not alive must be zeros")

    _at_every_moment(make, check)


def check_who_acts(make: MakeWorld) -> None:
    """Only the living act; nobody acts in a copy that has ended, nor after its seat's end."""

    def check(told: Outputs, spec: WorldSpec) -> None:
        for g in range(len(spec.groups)):
            acting = told.acting[g]
            over = told.terminations[g] | told.truncations[g]
            require(not (acting & ~told.alive[g]).any(), f"acting.{g} is True for agents that are not alive")
            require(not acting[told.ended].any(), f"acting.{g} is True in copies that have ended")
            require(not (acting & over).any(), f"acting.{g} is True for seats that have just ended")

    _at_every_moment(make, check)


def check_masks(make: MakeWorld) -> None:
    """Who acts has a legal choice for each component of its action; the mask of who does not act is all True."""

    def check(told: Outputs, spec: WorldSpec) -> None:
        for g, mask in enumerate(told.action_mask):
            if mask is not None:
                acting = told.acting[g]
                for part in spec.groups[g].split_mask(mask):
                    require(part[acting].any(axis=-1).all(), f"action_mask.{g} leaves an acting seat without legal action")
                require(mask[~acting].all(), f"action_mask.{g} must be all True for seats that are not acting")

    _at_every_moment(make, check)


def check_endings_are_edges(make: MakeWorld) -> None:
    """Each seat that was alive ends exactly once, by termination or truncation, until the copy has ended."""
    world = make(COPIES)
    spec = world.spec
    driver = Driver(world).start().play(steps_for(spec))
    for copy, history in enumerate(driver.histories):
        for g in range(len(spec.groups)):
            lived: Array = np.zeros(len(spec.groups[g].agents), bool)
            endings: Array = np.zeros(len(spec.groups[g].agents), np.int64)
            for row in history:
                terminated, truncated = row[f"terminations.{g}"], row[f"truncations.{g}"]
                lived |= row[f"alive.{g}"]
                endings += terminated.astype(np.int64) + truncated
                require((endings <= 1).all(), f"seats of group {g} in copy {copy} ended {endings} times in an episode")
                if spec.on_death == "ends":
                    kept = row[f"alive.{g}"][truncated].all()
                    require(kept, f"a truncated seat of group {g} must be alive with its last obs, which is valued")
                    gone = not row[f"alive.{g}"][terminated].any()
                    require(gone, f"a terminated seat of group {g} must not be alive")
                if row["ended"]:
                    once = (endings[lived] == 1).all()
                    require(once, f"copy {copy} ended, but seats of group {g} ended {endings} times, wanted 1")
                    lived[:], endings[:] = False, 0


def check_step_limit(make: MakeWorld) -> None:
    """An episode takes at most `max_steps` steps, and the limit is one that is met."""
    world = make(COPIES)
    limit = world.spec.max_steps
    if limit is None:
        return
    driver = Driver(world).start()
    for _ in range(steps_for(world.spec)):
        driver.step()
        late = ~driver.told.ended & (driver.ticks >= limit)
        require(not late.any(), f"copies {np.flatnonzero(late)} have not ended after max_steps={limit} steps")
        if driver.told.ended.any():
            driver.episodes += driver.told.ended
            driver.reset(driver.told.ended.copy())


def check_stepping_an_ended_copy_raises(make: MakeWorld) -> None:
    """A world refuses to step while a copy has ended and was not reset."""
    world = make(COPIES)
    driver = Driver(world).start()
    for _ in range(world.spec.max_steps or LONGEST_SEARCH):
        driver.step()
        if driver.told.ended.any():
            break
    if not driver.told.ended.any():
        return
    if _refusal(world, driver.actions()) is None:
        require(False, "step() went on although a copy had ended; World.step refuses this unless it is overridden")


def check_actions_outside_their_space_are_refused(make: MakeWorld) -> None:
    """An acting seat's action outside its space raises a WorldError that names copy, agent and action; nothing changes."""
    driver = Driver(make(COPIES)).start()
    world = driver.world
    for g, group in enumerate(world.spec.groups):
        _play_until_someone_acts(driver, g)
        copy, agent = np.argwhere(driver.told.acting[g])[-1]
        for action in _actions_outside(group):
            actions = driver.actions()
            actions[g][copy, agent] = action
            before = world.snapshot() if "snapshot" in world.spec.capabilities else {}
            refusal = _refusal(world, actions)
            what = f"{action} of {group.agents[agent]} in copy {copy}, outside {group.action}"
            require(refusal is not None, f"step() took the action {what}; it must raise a WorldError")
            named = all(str(name) in str(refusal) for name in (copy, group.agents[agent], np.asarray(action)))
            require(named, f"step() must refuse the action {what} by copy, agent and action, got: {refusal}")
            after = world.snapshot() if before else {}
            changed = [name for name in before if before[name].tobytes() != after[name].tobytes()]
            require(not changed, f"step() refused the action {what} but had changed {changed} by then")


def check_scores_are_finite(make: MakeWorld) -> None:
    """Rewards and state are finite; metrics are in range and outcomes finite where a copy has ended."""

    def check(told: Outputs, spec: WorldSpec) -> None:
        for g, rewards in enumerate(told.rewards):
            require(np.isfinite(rewards).all(), f"rewards.{g} must be finite, got {rewards}")
        require(np.isfinite(told.state).all(), "state must be finite")
        for name, metric in spec.metrics.items():
            final = told.metrics[name][told.ended]
            inside = (final >= metric.low) & (final <= metric.high)
            require(inside.all(), f"metric {name!r} must end within [{metric.low}, {metric.high}], got {final}")
        if "outcomes" in spec.capabilities:
            final = told.outcomes[told.ended]
            require(np.isfinite(final).all(), f"outcomes must be finite where a copy has ended, got {final}")
            balanced = not spec.zero_sum or np.allclose(final.sum(axis=1), 0.0, atol=1e-9)
            require(balanced, f"outcomes of a zero-sum world must sum to 0, got {final}")
        require(not told.faulted.any(), f"copies {np.flatnonzero(told.faulted)} are faulted under legal play")

    _at_every_moment(make, check)


def check_params_are_latched(make: MakeWorld) -> None:
    """A copy keeps the params of its reset, whatever other copies get; the world knows its params' names and ranges."""
    world = make(COPIES)
    driver = Driver(world).start()
    first, others = np.arange(COPIES) == 0, np.arange(COPIES) > 0
    for column, (name, param) in enumerate(world.spec.params.items()):
        world.reset(driver.seeds, first, {name: param.low})
        world.reset(driver.seeds, others, {name: param.high})
        wanted = np.where(first, param.low, param.high)
        require((world.params[:, column] == wanted).all(), f"params {name!r} are {world.params[:, column]}, not {wanted}")
        world.reset(driver.seeds)
        default = (world.params[:, column] == param.default).all()
        require(default, f"param {name!r} must fall back to {param.default}, got {world.params[:, column]}")
        _require_refusal(driver, {name: param.high + 1.0}, f"param {name!r} above its range")
    _require_refusal(driver, {"no such param": 0.0}, "an unknown param")


def _require_refusal(driver: Driver, params: dict[str, float], what: str) -> None:
    try:
        driver.world.reset(driver.seeds, params=params)
    except ValueError:
        return
    require(False, f"reset() accepted {what}; World.reset refuses this unless it is overridden")


def _play_until_someone_acts(driver: Driver, g: int) -> None:
    for _ in range(LONGEST_SEARCH):
        if driver.told.acting[g].any():
            return
        driver.play(1)
    require(False, f"nobody of group {g} acts within {LONGEST_SEARCH} steps")


def _actions_outside(group: Group) -> list[Array]:
    """Actions of one agent of the group that are not in its space: beyond either end, or NaN where Box clips."""
    space = group.action
    if isinstance(space, spaces.Box):
        return [np.full(group.action_shape, np.nan, np.float32)]
    sizes = space.nvec if isinstance(space, spaces.MultiDiscrete) else np.array(int(space.n))
    return [np.full(group.action_shape, -1), np.asarray(sizes, np.int64)]


def _refusal(world: World, actions: list[Array]) -> WorldError | None:
    try:
        world.step(actions)
    except WorldError as error:
        return error
    return None


def _at_every_moment(make: MakeWorld, check: Callable[[Outputs, WorldSpec], None]) -> None:
    """Run `check` on what was told after every reset and step of some episodes."""
    world = make(COPIES)
    driver = Driver(world, after_call=lambda world: check(driver.told, world.spec))
    driver.start().play(steps_for(world.spec))


OUTPUT_CHECKS: tuple[Check, ...] = (
    check_spec,
    check_shapes_and_dtypes,
    check_obs_within_space,
    check_the_dead_see_zeros,
    check_who_acts,
    check_masks,
    check_endings_are_edges,
    check_step_limit,
    check_stepping_an_ended_copy_raises,
    check_actions_outside_their_space_are_refused,
    check_scores_are_finite,
    check_params_are_latched,
)
