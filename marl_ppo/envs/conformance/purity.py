"""Checks that an episode follows from its seed, params and actions alone, bit for bit."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from marl_ppo.envs.conformance.drive import (
    COPIES,
    Check,
    Driver,
    History,
    MakeWorld,
    fill_with_garbage,
    require,
    require_equal,
    steps_for,
)
from marl_ppo.envs.world import Array, Outputs, World


def check_num_envs_does_not_matter(make: MakeWorld) -> None:
    """A copy plays alone as it plays among others."""
    alone = [_play(make(1), [label])[0] for label in range(COPIES)]

    require_equal(alone, _play(make(COPIES)), "the number of copies matters")


def check_other_copies_do_not_matter(make: MakeWorld) -> None:
    """A copy plays the same in any row and beside any other copies."""
    histories = _play(make(COPIES))
    in_other_rows = _play(make(COPIES), range(COPIES)[::-1])[::-1]
    beside_others = _play(make(COPIES), [0, *range(COPIES, 2 * COPIES - 1)])

    require_equal(histories, in_other_rows, "the row of a copy matters")
    require_equal(histories[:1], beside_others[:1], "other copies matter")


def check_order_of_resets_does_not_matter(make: MakeWorld) -> None:
    """Resetting copies one by one, from the last, gives what one reset gives."""
    world = make(COPIES)
    driver = Driver(world)
    for copy in reversed(range(COPIES)):
        driver.reset(np.arange(COPIES) == copy)

    require_equal(_play(make(COPIES)), driver.play(steps_for(world.spec)).histories, "the order of resets matters")


def check_reset_forgets(make: MakeWorld) -> None:
    """A world that has played other episodes, and was left in the middle of one, plays as a new one does."""
    world = make(COPIES)
    Driver(world, range(100, 100 + COPIES)).start().play(steps_for(world.spec) // 2)

    require_equal(_play(make(COPIES)), _play(world), "what was played before a reset matters")


def check_reset_rewrites_only_where(make: MakeWorld) -> None:
    """`reset(where=...)` leaves the other copies' rows of the outputs as the caller has them."""
    world = make(COPIES)
    driver = Driver(world).start()
    fill_with_garbage(world.outputs)
    before = {name: array.copy() for name, array in world.outputs.arrays().items()}
    where = np.arange(COPIES) % 2 == 0
    world.reset(driver.seeds, where)
    for name, array in world.outputs.arrays().items():
        kept = array[~where].tobytes() == before[name][~where].tobytes()
        require(kept, f"reset(where) rewrote {name} of copies that are not in where")


def check_outputs_are_not_read_back(make: MakeWorld) -> None:
    """A caller may overwrite what it was told, and a world writes every row again at every step."""
    poisoned = Driver(make(COPIES), after_call=lambda world: fill_with_garbage(world.outputs))

    _require_plays_as_ever(make, poisoned, "overwriting the outputs matters")


def check_bound_outputs_are_written(make: MakeWorld) -> None:
    """A world writes all its results into the arrays bound last, whatever is in them, and into no others."""
    bound: list[Outputs] = []

    def bind_garbage(world: World) -> None:
        bound.append(Outputs.allocate(world.spec, COPIES))
        fill_with_garbage(bound[-1])
        world.bind(bound[-1])

    def spoil(world: World) -> None:
        require(world.outputs is bound[-1], "the world must tell its results in the outputs bound last")
        fill_with_garbage(bound[-1])

    driver = Driver(make(COPIES), before_call=bind_garbage, after_call=spoil)
    _require_plays_as_ever(make, driver, "what is in bound outputs matters")


def check_actions_of_waiting_seats_are_ignored(make: MakeWorld) -> None:
    """The action of a seat that is not acting may be anything."""

    def spoil(actions: list[Array], told: Outputs) -> None:
        for g, action in enumerate(actions):
            action[~told.acting[g]] = np.nan if np.issubdtype(action.dtype, np.floating) else 1_000_000

    _require_plays_as_ever(make, Driver(make(COPIES), alter_actions=spoil), "the action of a seat not acting matters")


def check_actions_are_not_changed(make: MakeWorld) -> None:
    """A world does not write to the arrays it is given, which are the caller's record."""
    given: list[tuple[Array, Array]] = []

    def keep(actions: list[Array], told: Outputs) -> None:
        given[:] = [(action, action.copy()) for action in actions]

    def compare(world: World) -> None:
        same = all(action.tobytes() == copy.tobytes() for action, copy in given)
        require(same, "step() changed the action arrays it was given")

    world = make(COPIES)
    Driver(world, alter_actions=keep, after_call=compare).start().play(steps_for(world.spec))


def check_drawing_does_not_matter(make: MakeWorld) -> None:
    """`scene` writes nothing, and each primitive has a key of its own."""
    world = make(COPIES)
    if "scene" not in world.spec.capabilities:
        return

    def draw(world: World) -> None:
        for copy in range(COPIES):
            keys = [primitive.key for primitive in world.scene(copy).primitives]
            require(len(keys) == len(set(keys)), f"keys of a scene must differ, got {sorted(keys)}")

    _require_plays_as_ever(make, Driver(world, after_call=draw), "drawing matters")


def check_threads_do_not_matter(make: MakeWorld) -> None:
    """Two worlds stepped by two threads play as they do one after the other."""
    halves = (range(COPIES), range(COPIES, 2 * COPIES))
    worlds = (make(COPIES), make(COPIES))
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(_play, worlds, halves))
    for labels, histories in zip(halves, together, strict=True):
        require_equal(_play(make(COPIES), labels), histories, "stepping in threads matters")


def _play(world: World, labels: Sequence[int] = range(COPIES)) -> list[History]:
    return Driver(world, labels).start().play(steps_for(world.spec)).histories


def _require_plays_as_ever(make: MakeWorld, driver: Driver, rule: str) -> None:
    """`driver`, not yet started, must be told what a driver that disturbs nothing is told."""
    require_equal(_play(make(COPIES)), driver.start().play(steps_for(driver.world.spec)).histories, rule)


PURITY_CHECKS: tuple[Check, ...] = (
    check_num_envs_does_not_matter,
    check_other_copies_do_not_matter,
    check_order_of_resets_does_not_matter,
    check_reset_forgets,
    check_reset_rewrites_only_where,
    check_outputs_are_not_read_back,
    check_bound_outputs_are_written,
    check_actions_of_waiting_seats_are_ignored,
    check_actions_are_not_changed,
    check_drawing_does_not_matter,
    check_threads_do_not_matter,
)
