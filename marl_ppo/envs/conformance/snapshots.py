"""Checks that a snapshot holds everything the future depends on."""

from marl_ppo.envs.conformance.drive import (
    COPIES,
    Check,
    Driver,
    MakeWorld,
    fill_with_garbage,
    require,
    require_equal,
    steps_for,
)

MOMENTS = (0, 1, 2, 5)
"""steps after which snapshots are taken, for copies at the start and in the middle of episodes"""


def check_snapshot_continues_elsewhere(make: MakeWorld) -> None:
    """A new world that restores a snapshot tells what was told then, and plays on as the first world does."""
    for moment in MOMENTS:
        driver = Driver(make(COPIES)).start().play(moment)
        copied = make(COPIES)
        fill_with_garbage(copied.outputs)
        copied.restore(driver.world.snapshot())
        told = copied.outputs.arrays()
        for name, array in driver.world.outputs.arrays().items():
            require(array.tobytes() == told[name].tobytes(), f"restore() did not bring back {name}")

        twin = driver.fork(copied)
        steps = steps_for(copied.spec)
        require_equal(driver.play(steps).histories, twin.play(steps).histories, "a restored world plays differently")


def check_snapshot_rewinds(make: MakeWorld) -> None:
    """A world can go back to a snapshot, which playing on has not changed."""
    for moment in MOMENTS:
        driver = Driver(make(COPIES)).start().play(moment)
        snapshot = driver.world.snapshot()
        twin = driver.fork(driver.world)
        steps = steps_for(driver.world.spec)
        driver.play(steps)
        driver.world.restore(snapshot)
        require_equal(driver.histories, twin.play(steps).histories, "a world taken back plays differently")


SNAPSHOT_CHECKS: tuple[Check, ...] = (check_snapshot_continues_elsewhere, check_snapshot_rewinds)
