"""The probe worlds can be solved from obs as their docstrings say, and what they test is really in them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marl_ppo.envs import Outputs, World, make_world
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError

COPIES = 200
Script = Callable[[Outputs], list[np.ndarray]]


def start(world_id: str, **config: Any) -> World:
    world = make_world(world_id, num_envs=COPIES, **config)
    world.reset(stream(0, "eval", np.arange(COPIES)))
    return world


def play_out(world: World, script: Script) -> dict[str, np.ndarray]:
    """One episode in every copy; each metric's final value, and `return`: the reward summed over steps and agents."""
    final = {name: np.full(COPIES, np.nan) for name in world.spec.metrics}
    returns = np.zeros(COPIES)
    over = np.zeros(COPIES, bool)
    while not over.all():
        out = world.step(script(world.outputs))
        returns += sum(rewards.sum(axis=1) for rewards in out.rewards) * ~over
        for name in final:
            final[name] = np.where(out.ended & ~over, out.metrics[name], final[name])
        over |= out.ended
        world.reset(stream(1, "eval", np.arange(COPIES)), where=out.ended.copy())
    return final | {"return": returns}


def vector(out: Outputs, group: int = 0) -> np.ndarray:
    return out.obs[group]["vector"]


def name_the_cue(cues: int) -> Script:
    """Every agent of the first group names the cue that its obs shows."""
    return lambda out: [vector(out)[..., :cues].argmax(axis=2)]


def test_bandit_pays_its_best_arm_and_no_other() -> None:
    """Four arms: one pays 1, the others 0, the same in every episode."""
    pays = [play_out(start("bandit"), lambda out, arm=arm: [np.full((COPIES, 1), arm)])["return"] for arm in range(4)]

    assert sorted(pay.sum() for pay in pays) == [0, 0, 0, COPIES]


def test_bandit_with_context_shows_its_best_arm() -> None:
    solved = play_out(start("bandit", context=True), name_the_cue(4))
    blind = play_out(start("bandit", context=True), lambda out: [np.zeros((COPIES, 1), np.int64)])

    assert (solved["success"] == 1).all()
    assert (solved["return"] == 1).all()
    assert 0.15 < blind["success"].mean() < 0.35


def test_bandit_with_two_heads_pays_each_of_them() -> None:
    """Both right pays 1, one right pays 1/2."""

    def script(first_is_wrong: bool) -> Script:
        def choose(out: Outputs) -> list[np.ndarray]:
            best = vector(out).reshape(COPIES, 1, 2, 4).argmax(axis=3)
            best[..., 0] = (best[..., 0] + first_is_wrong) % 4
            return [best]

        return choose

    world = start("bandit", action="multi_discrete", context=True)

    assert (play_out(world, script(first_is_wrong=False))["return"] == 1.0).all()
    assert (play_out(world, script(first_is_wrong=True))["return"] == 0.5).all()


def test_continuous_bandit_pays_minus_the_squared_distance_to_its_target() -> None:
    """On target 0; 0.5 too far in one of two numbers costs 0.25 / 2, as long as that is within [-1, 1]."""
    world = start("bandit", action="continuous", context=True)
    exact = play_out(world, lambda out: [vector(out).copy()])
    off = play_out(world, lambda out: [vector(out) - np.sign(vector(out)) * np.float32([0.5, 0.0])])
    far = play_out(world, lambda out: [np.full((COPIES, 1, 2), 1e6, np.float32)])

    np.testing.assert_allclose(exact["return"], 0.0, atol=1e-12)
    assert (exact["success"] == 1).all()
    np.testing.assert_allclose(off["return"], -0.125, atol=1e-6)
    assert far["return"].min() >= -((1.0 + 0.8) ** 2)


def test_masked_bandit_is_solved_by_the_mask_alone() -> None:
    """The last legal arm is best; obs are blank, and the arm that is best most often is not enough."""
    world = start("bandit", masked=True)
    assert not vector(world.outputs).any()

    def last_legal(out: Outputs) -> list[np.ndarray]:
        mask = out.action_mask[0]
        assert mask is not None
        return [3 - mask[..., ::-1].argmax(axis=2)]

    always_last = play_out(start("bandit", masked=True), lambda out: [np.full((COPIES, 1), 3)])

    assert (play_out(world, last_legal)["success"] == 1).all()
    assert always_last["success"].mean() < 0.7


@pytest.mark.parametrize("on_death", ["ends", "team"])
def test_staggered_is_solved_by_naming_the_cue(on_death: str) -> None:
    solved = play_out(start("staggered", on_death=on_death), name_the_cue(3))
    blind = play_out(start("staggered", on_death=on_death), lambda out: [np.zeros((COPIES, 3), np.int64)])

    assert (solved["accuracy"] == 1).all()
    assert 0.25 < blind["accuracy"].mean() < 0.42


def test_staggered_episodes_end_in_every_way() -> None:
    """Seats that die, seats cut off alone, copies that end by the rules and copies that are cut, at various lengths."""
    world = start("staggered")
    seen, lengths = set(), []
    for tick in range(1, 21):
        out = world.step([np.zeros((COPIES, 3), np.int64)])
        terminated, truncated, going_on = out.terminations[0], out.truncations[0], ~out.ended[:, None]
        seen |= {"dies alone"} if (terminated & going_on).any() else set()
        seen |= {"cut alone"} if (truncated & going_on).any() else set()
        seen |= {"copy terminates"} if (terminated.sum(axis=1) >= 2)[out.ended].any() else set()
        seen |= {"copy cut"} if (truncated.sum(axis=1) >= 2)[out.ended].any() else set()
        seen |= {"both at once"} if (terminated.any(axis=1) & truncated.any(axis=1)).any() else set()
        lengths.extend([tick] * int(out.ended.sum()))
        world.reset(world.seeds + np.uint64(1), where=out.ended.copy())

    assert seen == {"dies alone", "cut alone", "copy terminates", "copy cut", "both at once"}
    assert len(set(lengths)) >= 10


def test_staggered_team_pays_the_dead_until_the_copy_ends() -> None:
    """Rewards are equal over the team, and a dead seat's edge comes with the end of the copy, for all at once."""
    world = start("staggered", on_death="team")
    paid_dead = False
    for _ in range(20):
        dead = ~world.outputs.alive[0]
        out = world.step(name_the_cue(3)(world.outputs))
        paid_dead |= bool((out.rewards[0][dead] == 1).any())
        edges = out.terminations[0] | out.truncations[0]

        assert (out.rewards[0] == 1).all()
        assert (edges == out.ended[:, None]).all()
        world.reset(world.seeds + np.uint64(1), where=out.ended.copy())
    assert paid_dead


def test_staggered_death_rate_rules_who_dies() -> None:
    """At rate 1 all die at the first step and every copy ends; at rate 0 nobody dies while the copy goes on."""
    world = start("staggered")
    seeds = world.seeds.copy()
    world.reset(seeds, params={"death_rate": 1.0})
    assert world.step([np.zeros((COPIES, 3), np.int64)]).ended.all()

    world.reset(seeds, params={"death_rate": 0.0})
    out = world.step([np.zeros((COPIES, 3), np.int64)])

    assert not out.terminations[0][~out.ended].any()


def test_two_kinds_pays_only_where_both_are_right() -> None:
    """Scout right and two of three workers right pays 2/3 to each of four agents; a wrong scout pays nothing."""
    world = start("two_kinds")

    def script(scout_is_wrong: int, wrong_workers: int) -> Script:
        def choose(out: Outputs) -> list[np.ndarray]:
            scout = (vector(out, 0)[..., :3].argmax(axis=2) + scout_is_wrong) % 3
            workers = vector(out, 1)[..., :5].argmax(axis=2)
            workers[:, :wrong_workers] = (workers[:, :wrong_workers] + 1) % 5
            return [scout, workers]

        return choose

    solved, partly, wrong = (play_out(world, script(*wrongs)) for wrongs in ((0, 0), (0, 1), (1, 0)))

    assert (solved["success"] == 1).all()
    np.testing.assert_allclose(solved["return"], 5 * 4)
    np.testing.assert_allclose(partly["return"], 5 * 4 * 2 / 3, rtol=1e-6)
    assert (wrong["return"] == 0).all()


def test_two_kinds_have_unequal_spaces() -> None:
    scouts, workers = start("two_kinds").spec.groups

    assert [len(scouts.agents), len(workers.agents)] == [1, 3]
    assert [scouts.obs["vector"].shape, workers.obs["vector"].shape] == [(4,), (6,)]
    assert [scouts.action.n, workers.action.n] == [3, 5]


def test_waits_pays_at_every_step_for_the_choice_that_stands() -> None:
    """25 steps of 2 agents: naming the cue when on turn, whatever is said while waiting, earns all 50."""

    def script(out: Outputs) -> list[np.ndarray]:
        return [np.where(out.acting[0], vector(out)[..., :3].argmax(axis=2), 2)]

    solved = play_out(start("waits"), script)

    assert (solved["accuracy"] == 1).all()
    assert (solved["return"] == 50).all()


def test_waits_shows_how_long_a_choice_will_stand() -> None:
    """The agent acts again after as many steps as obs told, one to four; each length comes up."""
    world = start("waits")
    told = np.rint(vector(world.outputs)[..., 3] * 4).astype(int)
    acts_again = np.zeros_like(told)
    for step in range(1, 5):
        acting = world.step([np.zeros((COPIES, 2), np.int64)]).acting[0]
        acts_again = np.where(acting & (acts_again == 0), step, acts_again)

    np.testing.assert_array_equal(acts_again, told)
    assert set(told.flat) == {1, 2, 3, 4}


def test_waits_has_steps_at_which_nobody_acts_and_is_cut_off_at_its_end() -> None:
    world = start("waits")
    idle = False
    for _ in range(25):
        out = world.step([np.zeros((COPIES, 2), np.int64)])
        idle |= bool((~out.acting[0].any(axis=1) & ~out.ended).any())

    assert idle
    assert out.truncations[0].all()
    assert not out.terminations[0].any()


@pytest.mark.parametrize("delay", [0, 3])
def test_recall_is_solved_with_memory(delay: int) -> None:
    """Remember the bit of the first step, `delay` blank steps long."""
    world = start("recall", delay=delay)
    remembered = vector(world.outputs)[:, :, :2].argmax(axis=2)
    solved = play_out(world, lambda out: [remembered])

    assert world.spec.max_steps == delay + 2
    assert (solved["success"] == 1).all()
    assert (solved["return"] == 1).all()


def test_recall_asks_without_telling() -> None:
    """At the question all copies look alike, so that half of them, at best, are answered rightly without memory."""
    world = start("recall", delay=2)
    for _ in range(3):
        world.step([np.zeros((COPIES, 1), np.int64)])

    assert (vector(world.outputs) == [0, 0, 1]).all()
    assert 0.4 < (world.outputs.state[:, 0] == 1).mean() < 0.6


@pytest.mark.parametrize(
    ("world_id", "config", "message"),
    [
        ("bandit", {"arms": 1}, "arms must be from 2 to 1000, got 1"),
        ("bandit", {"action": "discreet"}, "action must be one of .*, got 'discreet'"),
        ("bandit", {"masked": True, "context": True}, "masked needs action='discrete' and no context"),
        ("staggered", {"agents": 0}, "agents must be from 1 to 1000, got 0"),
        ("staggered", {"on_death": "rests"}, "on_death must be 'ends' or 'team', got 'rests'"),
        ("recall", {"delay": -1}, "delay must be from 0 to 1000000, got -1"),
    ],
)
def test_a_setting_that_cannot_work_is_named(world_id: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_world(world_id, **config)
