"""What holds for every kind of subgoals that settings can name, in every world that tells places."""

import numpy as np
import pytest
import torch

from marl_ppo import plugins
from marl_ppo.envs.registry import make_world
from marl_ppo.errors import ConfigError
from marl_ppo.training.config import HierarchyConfig, TrainConfig
from marl_ppo.training.parts import BUILT_IN
from marl_ppo.training.policies import subgoal_space

COPIES = 64


@pytest.mark.parametrize("held_out", [0.0, 0.3])
@pytest.mark.parametrize("world_id", ["four_rooms", "key_doors", "plates", "relay", "expedition", "capture_flag", "spread"])
@pytest.mark.parametrize("subgoals", BUILT_IN[plugins.SUBGOALS])
def test_every_kind_of_subgoals_keeps_the_protocol(subgoals: str, world_id: str, held_out: float) -> None:
    """Before and after a random step: shapes, kinds and bounds, and that some subgoal may always be set."""
    world = make_world(world_id, num_envs=COPIES)
    group = world.spec.groups[0]
    if subgoals == "thing" and world_id == "four_rooms" and held_out:
        pytest.skip("it has one thing alone")
    config = TrainConfig(world=world_id, hierarchy=HierarchyConfig(subgoals=subgoals, held_out=held_out))
    space = subgoal_space(group, config)
    random = np.random.default_rng(0)
    outputs = world.reset(random.integers(2**60, size=COPIES, dtype=np.uint64))
    before = torch.from_numpy(outputs.obs[0]["vector"].copy()).flatten(0, 1)
    actions = random.integers(group.action.n, size=(COPIES, len(group.agents)))  # type: ignore[union-attr]
    after = torch.from_numpy(world.step([actions]).obs[0]["vector"].copy()).flatten(0, 1)
    rows = len(before)
    legal = space.legal(before)
    chosen = torch.multinomial(legal.float(), 1, generator=torch.Generator().manual_seed(0))[:, 0]
    shown, paid = space.shown(chosen, before), space.reward(chosen, before, after)

    assert legal.shape == (rows, space.action.n)  # type: ignore[union-attr]
    assert (legal.dtype, space.masked or bool(legal.all())) == (torch.bool, True)
    assert (shown.shape, shown.dtype, float(shown.abs().max()) <= 2) == ((rows, space.size), torch.float32, True)
    assert (paid.shape, paid.dtype, float(paid.abs().max()) < 1.5) == ((rows,), torch.float32, True)
    assert space.reached(chosen, after).shape == (rows,)
    assert space.place(chosen, before).shape == (rows, 2)
    # What is paid in full is over.
    assert space.reached(chosen, after)[paid > 0.9].all()


def test_a_share_that_is_held_out_is_less_than_all() -> None:
    with pytest.raises(ConfigError, match=r"held_out must be within \[0, 1\), got 1"):
        HierarchyConfig(held_out=1.0)
