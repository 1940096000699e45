"""Every registered world, in every variant that its settings name, keeps the contract."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from marl_ppo.envs import World, make_world, registered_worlds, world_settings
from marl_ppo.envs.conformance import Check, checks_for, episode_hash
from marl_ppo.errors import ConfigError

Variant = tuple[str, dict[str, Any]]

GOLDEN = Path(__file__).with_name("golden_episodes.json")

OF_SEEDS = ("maps",)
"""settings that choose among the episodes that seeds make, and change no rule"""

HASH_WORLDS = """
import json, sys
from marl_ppo.envs import make_world
from marl_ppo.envs.conformance import episode_hash
for id, config in json.loads(sys.argv[1]):
    print(episode_hash(lambda num_envs: make_world(id, num_envs=num_envs, **config)))
"""


def variants_of(world_id: str) -> list[Variant]:
    """The default, and each other value of each setting with named values or a switch, one at a time."""
    found: list[Variant] = [(world_id, {})]
    for name, setting in world_settings(world_id).items():
        if name in OF_SEEDS:
            continue
        named = get_args(setting.annotation) if get_origin(setting.annotation) is Literal else ()
        values = (False, True) if setting.annotation is bool else named
        found.extend((world_id, {name: value}) for value in values if value != setting.default)
    return found


REFUSED: list[Variant] = [
    (world_id, {"action": "multi_discrete"}) for world_id in ("spread", "speaker_listener", "tag", "adversary")
]
"""settings that some worlds take and these have no use for: their agents move or speak, and none does both"""
VARIANTS = [v for entry in registered_worlds() for v in variants_of(entry.id) if v not in REFUSED]


def maker(variant: Variant) -> Any:
    world_id, config = variant

    def make(num_envs: int) -> World:
        return make_world(world_id, num_envs=num_envs, **config)

    return make


def name_of(variant: Variant) -> str:
    return "-".join([variant[0], *(f"{name}={value}" for name, value in variant[1].items())])


def applicable() -> list[Any]:
    """Every variant with every check that its capabilities call for."""
    return [
        pytest.param(variant, check, id=f"{name_of(variant)}-{check.__name__.removeprefix('check_')}")
        for variant in VARIANTS
        for check in checks_for(maker(variant)(1).spec)
    ]


@pytest.mark.parametrize(("variant", "check"), applicable())
def test_world_keeps_the_contract(variant: Variant, check: Check) -> None:
    check(maker(variant))


@pytest.mark.parametrize("variant", REFUSED, ids=name_of)
def test_world_refuses_a_setting_it_has_no_use_for(variant: Variant) -> None:
    with pytest.raises(ConfigError, match="choose 'discrete' or 'continuous' actions"):
        maker(variant)(1)


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_built_in_worlds_have_every_capability(variant: Variant) -> None:
    assert maker(variant)(1).spec.capabilities == {"snapshot", "resimulate", "scene", "state", "outcomes"}


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_spec_names_the_arguments_it_was_made_with(variant: Variant) -> None:
    """A replay or a run makes the world again from `spec.config` alone."""
    world_id, _ = variant
    spec = maker(variant)(1).spec

    assert set(spec.config) == set(world_settings(world_id))
    assert make_world(world_id, **spec.config).spec == spec


def test_kernels_tell_the_same_uncompiled() -> None:
    """Plain Python follows the same rules of arithmetic, so a difference is a bug that the compiler hides or makes."""
    uncompiled = subprocess.run(
        [sys.executable, "-W", "error", "-c", HASH_WORLDS, json.dumps(VARIANTS)],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    hashes = {name_of(variant): episode_hash(maker(variant)) for variant in VARIANTS}

    assert dict(zip(hashes, uncompiled.stdout.split(), strict=True)) == hashes


def test_episodes_are_those_they_have_been() -> None:
    """A change that moves an episode moves every held-out result too: it raises the version, and the hashes anew.

    `python tests/contract/test_registered_worlds.py` writes them.
    """
    assert json.loads(GOLDEN.read_text()) == golden()


def golden() -> dict[str, str]:
    """Variant and version → hash of what it tells in some random episodes, the same on every machine."""
    return {f"{name_of(v)} version {maker(v)(1).spec.version}": episode_hash(maker(v)) for v in VARIANTS}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=2) + "\n")
