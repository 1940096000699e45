"""What a level of a hierarchy sees of a rollout: what the world shows and what it is told besides, side by side."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from gymnasium import spaces

from marl_ppo.agents.hierarchy import MATES, SUBGOAL
from marl_ppo.agents.observations import flat_obs, joint_obs
from marl_ppo.envs.registry import make_world
from marl_ppo.training.config import HierarchyConfig
from marl_ppo.training.level_store import LevelStore, worker_store
from marl_ppo.training.rollout import StepStore
from marl_ppo.training.trainer import Trainer

STEPS, COPIES, AGENTS = 30, 4, 3
"""of spread, whose episodes have 25 steps"""
SEATS = COPIES * AGENTS


@pytest.fixture(params=[1, 2], ids=["one shard", "two shards"])
def collected(small: Any, request: pytest.FixtureRequest) -> Any:
    """A trainer of a team's manager and its workers, with a full rollout in which episodes have ended."""
    levels = HierarchyConfig(subgoals="thing", subgoal_steps=4, manages="team")
    config = small("spread", policy="hierarchical", hierarchy=levels, num_steps=STEPS, num_envs=COPIES, threads=request.param)
    with Trainer(config) as trainer:
        trainer.setup.collector.start()
        trainer.setup.collector.collect(0.0)
        yield trainer


def test_a_worker_sees_at_every_step_what_the_world_shows_and_its_subgoal(collected: Any) -> None:
    world, worker = collected.setup.store, collected.setup.students["agents.worker"].store
    told = worker.obs[0][SUBGOAL]

    assert torch.equal(worker.seats_obs(0)[SEATS:], torch.cat([world.seats_obs(0), told.flatten(0, 2)], -1)[SEATS:])
    assert (told[1:].flatten(0, 2).abs().sum(-1) > 0).float().mean() > 0.9


def test_the_critic_of_workers_sees_everybody_s_obs_and_subgoals(collected: Any) -> None:
    world, worker = collected.setup.store, collected.setup.students["agents.worker"].store
    leaves = {**world.obs[0], SUBGOAL: worker.obs[0][SUBGOAL]}
    for row in (1, STEPS // 2, STEPS + 1):
        everybody = joint_obs(({leaf: array[row] for leaf, array in leaves.items()},))
        assert torch.equal(worker.shared("joint", row), everybody)
        units = torch.arange(COPIES) + row * COPIES
        assert torch.equal(worker.shared_at("joint", units), everybody)


def test_a_team_s_manager_sees_what_the_world_shows_and_at_its_decisions_its_mates(collected: Any) -> None:
    world, manager = collected.setup.store, collected.setup.students["agents.manager"]
    decided = torch.nonzero(manager.experience.decided.flatten()).flatten() + SEATS
    seen = manager.store.seats_obs(0, decided)
    own = world.seats_obs(0, decided)

    assert 0 < len(decided) < STEPS * SEATS
    assert torch.equal(seen[:, : own.shape[1]], own)
    assert torch.equal(seen[:, own.shape[1] :], manager.store.obs[0][MATES].flatten(0, 2)[decided])
    assert (seen[:, own.shape[1] :] != 0).any(-1).all()
    assert torch.equal(manager.store.shared("joint", 3), world.shared("joint", 3))


def test_leaves_are_views_of_the_rows_whatever_their_shape_and_kind() -> None:
    """Pictures, bytes and single numbers, too."""
    spec = make_world("spread", num_envs=1).spec
    (group,) = spec.groups
    picture, number = spaces.Box(0, 255, (2, 3), "uint8"), spaces.Box(-1.0, 1.0, ())
    group = replace(group, obs={"picture": picture, "number": number})
    world = StepStore(replace(spec, groups=(group,)), num_envs=2, num_steps=1, shards=[slice(0, 2)])
    own = worker_store(world, replace(spec, groups=(replace(group, obs={**group.obs, SUBGOAL: spaces.Box(-2.0, 2.0, (2,))}),)))
    world.obs[0]["picture"][1] = torch.arange(6, dtype=torch.uint8).view(2, 3) + 250
    world.obs[0]["number"][1] = 0.5
    own.obs[0][SUBGOAL][1] = torch.tensor([1.0, -1.0])
    own.take(1, slice(1, 2))

    first, second = own.seats_obs(0).view(3, 2, AGENTS, -1)[1, :, 0]
    assert first.tolist() == [0.0] * 7 + [1.0, -1.0], "of which nothing was taken"
    assert second.tolist() == [250, 251, 252, 253, 254, 255, 0.5, 1.0, -1.0]
    assert torch.equal(flat_obs({leaf: array[1, 1] for leaf, array in own.obs[0].items()})[0], second)


def test_where_a_level_is_shown_nothing_more_it_sees_the_world_s_own_arrays() -> None:
    spec = make_world("spread", num_envs=1).spec
    world = StepStore(spec, num_envs=2, num_steps=1, shards=[slice(0, 2)])
    own = LevelStore(world, spec)
    own.take(1, slice(0, 2))

    assert own.obs[0]["vector"] is world.obs[0]["vector"]
