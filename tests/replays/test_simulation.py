"""A replay gives its match again, at every moment, whatever else is going on."""

from dataclasses import replace
from pathlib import Path

import matches
import numpy as np
import pytest

from marl_ppo.envs import registered_worlds
from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError
from marl_ppo.replays import simulation as simulation_module
from marl_ppo.replays.files import read_replay, write_replay
from marl_ppo.replays.replay import Replay
from marl_ppo.replays.sealing import retrace
from marl_ppo.replays.simulation import EVERY, Simulation
from marl_ppo.replays.verify import verify

WORLDS = [entry.id for entry in registered_worlds()]


def as_bytes(moment: dict[str, Array]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in moment.items()}


@pytest.mark.parametrize("world_id", WORLDS)
def test_any_moment_is_that_of_a_full_simulation(world_id: str, tmp_path: Path) -> None:
    replay = read_replay(write_replay(matches.recorded(world_id), tmp_path / "it.replay"))
    generator = np.random.Generator(np.random.PCG64(0))
    moments = []
    with Simulation(replay) as full:
        moments.append(as_bytes(full.moment()))
        for _ in range(replay.steps):
            full.advance()
            moments.append(as_bytes(full.moment()))

    with Simulation(replay, num_envs=3) as simulation:
        for step in generator.integers(0, replay.steps + 1, 12).tolist():
            simulation.seek(step)

            assert as_bytes(simulation.moment()) == moments[step]


@pytest.mark.parametrize("world_id", WORLDS)
def test_a_match_is_the_same_in_any_number_of_copies(world_id: str) -> None:
    replay = matches.recorded(world_id, num_envs=5)

    assert [verify(replay, num_envs=copies).kind for copies in (1, 4)] == ["exact", "exact"]


def test_a_seek_goes_back_to_the_snapshot_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulation(matches.recorded("soccer", names=("scripted:hard", "scripted:hard"))) as simulation:
        simulation.seek(180)
        played = []
        advance = simulation.advance
        monkeypatch.setattr(simulation, "advance", lambda: (played.append(simulation.step), advance()))
        simulation.seek(120)

        assert played == list(range(100, 120))
        assert EVERY == 50


def test_a_long_match_is_kept_in_bounded_memory_and_every_moment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """231 steps of soccer, and room for two snapshots: one each 200 steps is left in the end."""
    replay = matches.recorded("soccer", names=("scripted:hard", "scripted:hard"))
    with Simulation(replay) as plain:
        size = sum(array.nbytes for array in plain.world.snapshot().values())
        monkeypatch.setattr(simulation_module, "MOST_BYTES", 2 * size)
        with Simulation(replay) as bounded:
            for step in (231, 10, 120, 230, 200, 0, 199):
                plain.seek(step)
                bounded.seek(step)
                assert as_bytes(plain.moment()) == as_bytes(bounded.moment())
            again = retrace(bounded)

            assert bounded._kept.arrays.keys() == {0, 200}
    assert again.keyframes is not None
    assert again.keyframes.steps.tolist() == [0, 200, 231]
    assert (again.chain == replay.chain).all()
    assert verify(replace(again, chain=again.chain ^ (np.arange(232) > 220).astype(np.uint64))).kind == "equal"


def test_continuous_actions_come_back_to_the_last_bit(tmp_path: Path) -> None:
    replay = matches.recorded("soccer", action="continuous", names=("random",), max_steps=60)
    back = read_replay(write_replay(replay, tmp_path / "it.replay"))

    assert back.actions[0].tobytes() == replay.actions[0].tobytes()
    assert verify(back).kind == "exact"


def test_a_file_is_a_function_of_the_match(tmp_path: Path) -> None:
    first = write_replay(matches.recorded("tag"), tmp_path / "first.replay")
    again = write_replay(matches.recorded("tag"), tmp_path / "again.replay")

    assert first.read_bytes() == again.read_bytes()


def test_numpy_opens_a_replay(tmp_path: Path) -> None:
    path = write_replay(matches.recorded("tag"), tmp_path / "it.replay")

    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["actions/0"].shape == (25, 3)


def test_goals_catches_and_the_end_are_events() -> None:
    replay = matches.recorded("soccer", names=("scripted:hard", "scripted:hard"))
    kinds = [event.kind for event in replay.events]

    assert kinds.count("goal") == replay.metrics["goals_blue"] + replay.metrics["goals_orange"] > 0
    assert replay.events[-1] == (replay.steps, "end", "orange wins", -1)
    assert "catch" in [event.kind for event in matches.recorded("tag").events]


def test_a_world_that_has_changed_is_named(tmp_path: Path) -> None:
    replay = changed(matches.recorded("tag"), version=77)

    with pytest.raises(FileFormatError, match="version 77 of the world 'tag', whose rules have changed: here it has version"):
        verify(replay)


def test_a_world_that_is_not_here_is_named() -> None:
    with pytest.raises(FileFormatError, match="'hive', which is not here"):
        verify(changed(matches.recorded("tag"), world="hive"))


def changed(replay: Replay, **fields: object) -> Replay:
    from dataclasses import replace

    return replace(replay, **fields)  # type: ignore[arg-type]
