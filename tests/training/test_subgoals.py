"""What holds for every kind of subgoals that settings can name, in every world that tells places."""

import numpy as np
import pytest
import torch

from marl_ppo import plugins
from marl_ppo.agents.held_out import HeldOut
from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.envs.registry import make_world
from marl_ppo.errors import ConfigError
from marl_ppo.training.config import HierarchyConfig, PPOConfig, TrainConfig
from marl_ppo.training.parts import BUILT_IN
from marl_ppo.training.policies import subgoal_space
from marl_ppo.training.trainer import Trainer

COPIES = 64


@pytest.mark.parametrize("held_out", [0.0, 0.3])
@pytest.mark.parametrize("world_id", ["four_rooms", "key_doors", "plates", "relay", "expedition", "capture_flag", "spread"])
@pytest.mark.parametrize("subgoals", BUILT_IN[plugins.SUBGOALS])
def test_every_kind_of_subgoals_keeps_the_protocol(subgoals: str, world_id: str, held_out: float) -> None:
    """Before and after a random step: shapes, kinds and bounds, and that some subgoal may always be set."""
    world = make_world(world_id, num_envs=COPIES)
    group = world.spec.groups[0]
    if held_out and (subgoals == "skill" or (subgoals, world_id) == ("thing", "four_rooms")):
        pytest.skip("skills go together, and four_rooms has one thing alone")
    config = TrainConfig(world=world_id, hierarchy=HierarchyConfig(subgoals=subgoals, held_out=held_out))
    space = subgoal_space(group, config)
    assert isinstance(space, HeldOut) == bool(held_out)
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


@pytest.mark.learning
def test_skills_come_to_lead_to_different_places_and_without_being_told_they_cannot() -> None:
    """Paid per step, of at most log 8 = 2.08. A worker that is not shown its skill cannot be told by where it is."""
    paid = {}
    for tell in (True, False):
        config = TrainConfig(
            world="four_rooms",
            total_steps=262_144,
            num_envs=128,
            num_steps=64,
            policy="hierarchical",
            hierarchy=HierarchyConfig(subgoals="skill", managed_by="random", extrinsic=0.0, tell=tell),
            ppo=PPOConfig(learning_rate=1e-3, num_minibatches=8),
            network=NetworkConfig(normalize_obs="never"),
        )
        with Trainer(config) as trainer:
            metrics = [trainer.train_once().metrics for _ in range(config.num_updates)][-1]
        paid[tell] = metrics["agents.worker/intrinsic_return"] / metrics["agents.manager/option_length"]

    assert paid[True] > 0.8
    assert abs(paid[False]) < 0.05
