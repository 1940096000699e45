"""Checks that a world keeps the contract of `marl_ppo.envs.world`, for its authors: in the tests of a plugin,

    from marl_ppo.envs.conformance import check_world

    def test_my_world_keeps_the_contract() -> None:
        check_world(lambda num_envs: MyWorld(num_envs=num_envs))

Each check plays random legal actions and raises a ConformanceError that names the rule, the array, the copy and the
step. `checks_for(spec)` lists the checks that apply, to run them one by one.
"""

from marl_ppo.envs.conformance.drive import Check, MakeWorld, episode_hash
from marl_ppo.envs.conformance.outputs import OUTPUT_CHECKS
from marl_ppo.envs.conformance.purity import PURITY_CHECKS
from marl_ppo.envs.conformance.snapshots import SNAPSHOT_CHECKS
from marl_ppo.envs.world import WorldSpec

__all__ = ["CHECKS", "Check", "MakeWorld", "check_world", "checks_for", "episode_hash"]

CHECKS = OUTPUT_CHECKS + PURITY_CHECKS + SNAPSHOT_CHECKS


def check_world(make: MakeWorld) -> None:
    """Run every check that applies to the worlds `make(num_envs)` gives, and raise at the first broken rule."""
    for check in checks_for(make(1).spec):
        check(make)


def checks_for(spec: WorldSpec) -> tuple[Check, ...]:
    """The checks of a world's capabilities: what is not `resimulate` cannot be played twice and compared."""
    checks = OUTPUT_CHECKS
    if "resimulate" in spec.capabilities:
        checks += PURITY_CHECKS
    if "snapshot" in spec.capabilities:
        checks += SNAPSHOT_CHECKS
    return checks
