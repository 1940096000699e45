"""Masks of actions that have several components: obeyed by whoever plays, shown in PettingZoo's forms, and checked."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from locked_world import STEPS, WHEELS, LockedWorld

from marl_ppo.agents.networks import NetworkConfig
from marl_ppo.agents.scripted.uniform import UniformPolicy
from marl_ppo.envs.conformance import check_world
from marl_ppo.envs.conformance.outputs import check_masks
from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.pettingzoo.view import WorldParallelEnv
from marl_ppo.envs.world import Array
from marl_ppo.errors import ConformanceError, WorldError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.play.seating import Player
from marl_ppo.training import setup
from marl_ppo.training.config import PPOConfig, TrainConfig
from marl_ppo.training.trainer import Trainer


def test_a_group_splits_its_mask_by_component() -> None:
    """Wheels of 2, 3 and 4 positions, side by side."""
    (group,) = LockedWorld(1).spec.groups
    parts = group.split_mask(np.arange(2 * 9).reshape(2, 9))

    assert group.mask_size == 9
    assert [part.tolist() for part in parts] == [[[0, 1], [9, 10]], [[2, 3, 4], [11, 12, 13]], [[5, 6, 7, 8], [14, 15, 16, 17]]]


# --- the contract -----------------------------------------------------------------------------------------------------


def test_a_world_of_such_masks_passes_every_check() -> None:
    """It raises at an illegal action, so that the checks' own play obeys them too."""
    check_world(LockedWorld)


def test_a_component_without_a_legal_choice_is_caught() -> None:
    class Stuck(LockedWorld):
        def legal(self) -> Array:
            legal = super().legal()
            legal[:, 1, 2:5] = False
            return legal

    with pytest.raises(ConformanceError, match=r"action_mask\.0 leaves an acting seat without legal action"):
        check_masks(Stuck)


# --- players ----------------------------------------------------------------------------------------------------------


def test_the_random_player_draws_each_legal_choice_of_each_component_equally_often() -> None:
    """An even grid of noise: of the wheel of 2 one position is legal, of that of 3 two, of that of 4 all."""
    (group,) = LockedWorld(1).spec.groups
    mask = torch.tensor([False, True, True, False, True, True, True, True, True])
    noise = ((torch.arange(12) + 0.5) / 12)[:, None].expand(-1, 3)
    blank = torch.zeros(12)
    drawn = UniformPolicy(group).act({}, mask.expand(12, -1), blank.long(), blank.bool(), torch.zeros(12, 0), noise, False)

    assert drawn.actions.shape == (12, 3)
    assert [torch.bincount(wheel, minlength=4).tolist() for wheel in drawn.actions.T] == [
        [0, 12, 0, 0],
        [6, 0, 6, 0],
        [3, 3, 3, 3],
    ]


def test_the_random_player_plays_by_the_masks() -> None:
    world = LockedWorld(8)
    player = Player(name="random", policies=dict.fromkeys(world.spec.agents, UniformPolicy(world.spec.groups[0])))

    assert (evaluate(world, [player], episodes=40).lengths == STEPS).all()


def test_who_ignores_the_masks_is_stopped() -> None:
    """The control: else the tests around it would pass by looking at nothing."""

    class Ignoring(UniformPolicy):
        def _draw(self, action_mask: torch.Tensor | None, noise: torch.Tensor) -> torch.Tensor:
            return super()._draw(None, noise)

    world = LockedWorld(8)
    player = Player(name="random", policies=dict.fromkeys(world.spec.agents, Ignoring(world.spec.groups[0])))
    with pytest.raises(WorldError, match="turned to a blocked position"):
        evaluate(world, [player], episodes=40)


@pytest.mark.parametrize("memory", [None, "gru"])
def test_a_policy_that_learns_plays_and_learns_by_the_masks(monkeypatch: pytest.MonkeyPatch, memory: str | None) -> None:
    """Before the first gradient step every ratio is one: the update is masked as play was."""
    monkeypatch.setattr(setup, "make_world", lambda world, num_envs: LockedWorld(num_envs))
    config = TrainConfig(
        world="locked",
        num_envs=8,
        num_steps=6,
        total_steps=8 * 6 * 2,
        network=NetworkConfig(hidden=(16, 16), **({"memory": memory} if memory else {})),
        ppo=PPOConfig(num_minibatches=1, learning_rate=1e-2, sequence_length=3),
    )
    with Trainer(config) as trainer:
        metrics = [trainer.train_once().metrics for _ in range(2)]

    assert max(line["locksmiths/first_ratio_error"] for line in metrics) < 1e-5


# --- PettingZoo -------------------------------------------------------------------------------------------------------


def test_the_view_shows_them_side_by_side_in_the_observation_and_as_sample_takes_them_in_the_info() -> None:
    env = WorldParallelEnv(LockedWorld(1))
    obs, infos = env.reset(seed=3)
    space = env.observation_space("smith_0")

    assert space["action_mask"] == spaces.Box(0, 1, (sum(WHEELS),), np.int8)
    for agent in env.agents:
        assert space.contains(obs[agent])
        parts = infos[agent]["action_mask"]
        assert tuple(len(part) for part in parts) == WHEELS
        np.testing.assert_array_equal(np.concatenate(parts), obs[agent]["action_mask"])
    while env.agents:
        actions = {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}
        obs, _, _, _, infos = env.step(actions)


def test_the_view_refuses_an_illegal_component_with_the_legal_choices_of_each() -> None:
    class LastAlone(LockedWorld):
        def legal(self) -> Array:
            legal = np.zeros((self.num_envs, 2, sum(WHEELS)), bool)
            legal[..., np.cumsum(WHEELS) - 1] = True
            return legal

    env = WorldParallelEnv(LastAlone(1))
    env.reset(seed=0)

    with pytest.raises(WorldError, match=r"action \[1 0 3\] of 'smith_1' is illegal now; legal are \[\[1\], \[2\], \[3\]\]"):
        env.step({"smith_0": [1, 2, 3], "smith_1": np.array([1, 0, 3])})
    env.step({"smith_0": [1, 2, 3], "smith_1": [1, 2, 3]})


def test_there_and_back_again_are_the_same_masks() -> None:
    """The world as a ParallelEnv, played as a world."""
    world = LockedWorld(1)
    back = from_env(lambda: WorldParallelEnv(LockedWorld(1)), num_envs=1)
    assert back.spec.groups[0].masked
    assert back.spec.groups[0].action == world.spec.groups[0].action
    player = Player(name="random", policies=dict.fromkeys(back.spec.agents, UniformPolicy(back.spec.groups[0])))

    assert evaluate(back, [player] * len(back.spec.teams), episodes=5).faulted == 0
