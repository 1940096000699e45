"""Managers and workers where they play: what is told of their subgoals, and that levels of different players go together."""

from pathlib import Path

import numpy as np
import pytest

from marl_ppo.agents.held_out import HeldOut
from marl_ppo.agents.hierarchy import HierarchicalActor
from marl_ppo.agents.stacked import Member
from marl_ppo.agents.things import Things
from marl_ppo.envs.registry import make_world
from marl_ppo.envs.scene import Disc
from marl_ppo.errors import ConfigError, ExportError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.evaluation.replays import save_replay
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, by_agent, seat_all
from marl_ppo.replays.files import read_replay
from marl_ppo.replays.replay import Replay
from marl_ppo.training.config import HierarchyConfig, TrainConfig
from marl_ppo.training.fused.playing import fastest_stack
from marl_ppo.training.onnx_export import export_player
from marl_ppo.training.players import find_player
from marl_ppo.training.run import train


def trained(folder: Path, world: str, *, seed: int = 0, policy: str = "hierarchical", **hierarchy: object) -> Path:
    levels = HierarchyConfig(**{"subgoals": "thing", **hierarchy})  # type: ignore[arg-type]
    config = TrainConfig(
        world=world,
        num_envs=8,
        num_steps=10,
        total_steps=160,
        seed=seed,
        policy=policy,
        hierarchy=levels,
        replay_updates=0,  # type: ignore[arg-type]
    )
    train(config, folder)
    return next((folder / "checkpoints").iterdir())


@pytest.mark.parametrize("world_id", ["four_rooms", "key_doors", "plates", "relay", "expedition", "capture_flag", "spread"])
def test_a_place_that_an_agent_knows_is_where_the_scene_draws_it(world_id: str) -> None:
    """Told by where everybody is themselves, both sides of those that see the map mirrored included."""
    world = make_world(world_id, num_envs=1)
    world.reset(np.array([3], np.uint64))
    for g, group in enumerate(world.spec.groups):
        assert group.whereabouts is not None
        drawn = {primitive.key: primitive for primitive in world.scene(0).primitives if isinstance(primitive, Disc)}
        for a, agent in enumerate(group.agents):
            own = world.outputs.obs[g]["vector"][0, a, group.whereabouts.own :][:2]
            x, y = world.place_in_scene(agent, float(own[0]), float(own[1]))
            # Several on one cell are drawn a little beside one another.
            assert abs(drawn[agent].x - x) < 0.5
            assert abs(drawn[agent].y - y) < 0.5


def recorded(player: Player, path: Path) -> Replay:
    """A match of `spread`, as it is read from its file."""
    world = make_world("spread", num_envs=1)
    played = evaluate(world, [player], episodes=1, record=True)
    assert played.recordings is not None
    recording = played.recordings[0]
    assert recording is not None
    save_replay(recording, world.spec, by_agent(world.spec, [player]), path)
    return read_replay(path)


def test_a_replay_tells_where_each_manager_sent_its_worker(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path / "run", "spread", subgoal_steps=4)
    player = find_player(str(checkpoint), make_world("spread").spec)
    replay = recorded(player, tmp_path / "match.replay")
    (thoughts,) = replay.thoughts

    world = make_world("spread", num_envs=1)
    world.reset(np.array([replay.seed], np.uint64))
    landmarks = [(p.x, p.y) for p in world.scene(0).primitives if p.key.startswith("landmark")]
    assert thoughts.subgoals.shape == (25, 3, 2)
    nearest = np.abs(thoughts.subgoals[:, :, None] - np.array(landmarks)).max(-1).min(-1)
    assert nearest.max() < 1e-5
    assert thoughts.probabilities.shape == (25, 3, 5)
    # An option is over after four decisions, or where its landmark was reached.
    assert (thoughts.ages[0] == 0).all()
    steps = np.diff(thoughts.ages, axis=0)
    assert ((steps == 1) | (thoughts.ages[1:] == 0)).all()
    assert thoughts.ages.max() == 3
    assert set(thoughts.words) <= {"landmark 0", "landmark 1", "landmark 2"}
    changed = np.diff(thoughts.told, axis=0) != 0
    assert changed.any()
    assert (thoughts.ages[1:][changed] == 0).all()


def test_odd_names_of_a_plugin_s_subgoals_stop_no_recording(tmp_path: Path) -> None:
    """Fewer than there are choices, of several lines, endless."""
    player = find_player(str(trained(tmp_path / "run", "spread", subgoal_steps=4)), make_world("spread").spec)
    actor = player.policies["agent_0"]
    assert isinstance(actor, HierarchicalActor)
    assert isinstance(actor.space, Things)
    actor.space.names = ("a\nb", "c" * 1000)
    (thoughts,) = recorded(player, tmp_path / "match.replay").thoughts

    assert set(thoughts.words) <= {"a b", "c" * 500}
    assert (thoughts.told == -1).any()
    assert (thoughts.told >= 0).any()


def test_the_manager_of_one_player_plays_with_the_worker_of_another(tmp_path: Path) -> None:
    first, second = trained(tmp_path / "a", "spread"), trained(tmp_path / "b", "spread", seed=1)
    spec = make_world("spread").spec
    joined = find_player(f"{first}+{second}", spec)
    apart = [find_player(str(one), spec) for one in (first, second)]
    ours, theirs, both = (one.policies["agent_0"] for one in (*apart, joined))

    assert isinstance(both, HierarchicalActor)
    assert isinstance(ours, HierarchicalActor)
    assert isinstance(theirs, HierarchicalActor)
    assert isinstance(both.space, Things)
    for mine, other in ((both.manager, ours.manager), (both.worker, theirs.worker)):
        assert all((a == b).all() for a, b in zip(mine.parameters(), other.parameters(), strict=True))  # type: ignore[attr-defined]
    assert len({one.hash for one in (joined, *apart)}) == 3
    assert joined.policies["agent_0"] is joined.policies["agent_1"]


def test_a_joined_manager_may_set_what_the_worker_s_own_one_never_did(tmp_path: Path) -> None:
    free, bound = trained(tmp_path / "a", "spread"), trained(tmp_path / "b", "spread", held_out=0.4, tell=False)
    spec = make_world("spread").spec
    joined, turned = (find_player(name, spec).policies["agent_0"] for name in (f"{free}+{bound}", f"{bound}+{free}"))

    assert isinstance(joined, HierarchicalActor)
    assert isinstance(turned, HierarchicalActor)
    assert (type(joined.space), joined.tells) == (Things, False)
    assert (type(turned.space), turned.tells) == (HeldOut, True)


def test_a_play_with_stacked_hierarchies_is_the_play_with_each_asked_alone(tmp_path: Path) -> None:
    """Players that were loaded, one of them joined, and an episode of each with the others as mates."""
    first, second = (trained(tmp_path / name, "spread", seed=seed, subgoal_steps=4) for seed, name in enumerate("ab"))
    names = [str(first), str(second), f"{first}+{second}"]
    players = [find_player(name, make_world("spread").spec) for name in names]
    found = []
    for alone in (True, False):
        world = make_world("spread", num_envs=6)
        cast = seat_all(world.spec, players, learning=players if alone else (), make_stack=fastest_stack)
        assert len({policy.stack for policy in cast.policies if isinstance(policy, Member)}) == (0 if alone else 1)
        turns = np.arange(6)[:, None] + np.arange(3)
        seats = [cast.tables[0][turns % 3, np.arange(3)]]
        play = Play(world, cast.policies, seats, lambda copies, episodes: (100 * episodes + copies).astype(np.uint64))
        play.start()
        found.append([])
        for _ in range(40):
            play.step()
            found[-1] += [play.actions[0].copy(), play.memory[0].numpy().copy()]

    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_levels_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    spec = make_world("spread").spec
    first = trained(tmp_path / "a", "spread")
    flat, places = trained(tmp_path / "b", "spread", policy="flat"), trained(tmp_path / "c", "spread", subgoals="place")

    with pytest.raises(ConfigError, match="has no manager and worker"):
        find_player(f"{first}+{flat}", spec)
    with pytest.raises(ConfigError, match="cannot be joined"):
        find_player(f"{first}+{places}", spec)
    with pytest.raises(ExportError, match="cannot be exported yet"):
        export_player(first, tmp_path / "player.onnx")
