"""What verification finds, and what it never does with a stranger's numbers."""

from dataclasses import replace
from pathlib import Path

import matches
import numpy as np
import pytest

from marl_ppo.envs.world import Array
from marl_ppo.play.branching import origin_of, play_on
from marl_ppo.play.seating import by_agent
from marl_ppo.replays.files import read_replay, write_replay
from marl_ppo.replays.recorder import Recorder
from marl_ppo.replays.replay import Keyframes, Replay
from marl_ppo.replays.simulation import world_of
from marl_ppo.replays.verify import verify


@pytest.fixture(scope="module")
def replay() -> Replay:
    return matches.recorded("soccer", names=("scripted:hard", "scripted:hard"))


def with_keyframes(replay: Replay, name: str, array: Array) -> Replay:
    assert replay.keyframes is not None
    return replace(replay, keyframes=Keyframes(steps=replay.keyframes.steps, arrays={**replay.keyframes.arrays, name: array}))


def other_bits(replay: Replay) -> Replay:
    """As if it had been recorded on a machine whose numbers differ in the last bits: no digest is ours."""
    return replace(replay, chain=replay.chain ^ np.uint64(1))


def test_another_action_is_found_at_its_step(replay: Replay) -> None:
    actions = replay.actions[0].copy()
    actions[70, 0] = (actions[70, 0] + 3) % 18
    verdict = verify(replace(replay, actions=(actions,)))

    assert (verdict.kind, verdict.step, verdict.holds) == ("differs", 71, False)
    assert verdict.text == "differs from step 71"


@pytest.mark.parametrize(
    ("field", "value"), [("outcome", (0.5, -0.5)), ("returns", (0.0,) * 4), ("metrics", {}), ("events", ())]
)
def test_a_result_that_the_match_does_not_have_is_found(replay: Replay, field: str, value: object) -> None:
    verdict = verify(replace(replay, **{field: value}))  # type: ignore[arg-type]

    assert not verdict.holds
    assert f"another {field}" in verdict.text


def test_an_action_that_cannot_be_played_is_told(replay: Replay) -> None:
    actions = replay.actions[0].copy()
    actions[70, 0] = 99
    verdict = verify(replace(replay, actions=(actions,)))

    assert verdict.text.startswith(
        "differs from step 70: step 70 of the match cannot be played: step: blue_0 of copy 0 chose 99"
    )


def test_last_bits_of_another_machine_are_equal_between_keyframes(replay: Replay) -> None:
    assert replay.keyframes is not None
    position = replay.keyframes.arrays["world.position"]
    near = with_keyframes(other_bits(replay), "world.position", position + 1e-12)

    assert verify(near).text == "equal within 1e-09 between keyframes"


def test_more_than_the_last_bits_differs(replay: Replay) -> None:
    assert replay.keyframes is not None
    position = replay.keyframes.arrays["world.position"].copy()
    position[-1] += 1e-6

    assert verify(with_keyframes(other_bits(replay), "world.position", position)).kind == "differs"


def test_a_keyframe_that_is_not_near_is_never_restored(replay: Replay) -> None:
    """The owner of the ball indexes the players: a compiled kernel would read wherever it points."""
    assert replay.keyframes is not None
    owner = np.full_like(replay.keyframes.arrays["world.owner"], 10**9)

    assert verify(with_keyframes(other_bits(replay), "world.owner", owner)).kind == "differs"


def test_numbers_that_are_none_are_not_near(replay: Replay) -> None:
    assert replay.keyframes is not None
    nothing = np.full_like(replay.keyframes.arrays["world.position"], np.nan)

    assert verify(with_keyframes(other_bits(replay), "world.position", nothing)).kind == "differs"


def test_a_branch_holds_its_prefix_names_its_origin_and_verifies(replay: Replay, tmp_path: Path) -> None:
    world = world_of(replay)
    recorder = Recorder(world)
    lineup = by_agent(world.spec, matches.lineup_for(world, ("scripted:easy", "scripted:medium")))
    play = play_on(replay, world, lineup, 50, [recorder])
    while not play.world.outputs.ended[0]:
        play.decide()
        play.advance()
    (recording,) = recorder.take().all()
    branch = replace(matches.sealed(world, list(lineup.values())[1:3], recording), origin=origin_of(replay, 50))
    back = read_replay(write_replay(branch, tmp_path / "branch.replay"))

    assert verify(back).kind == "exact"
    assert back.origin == origin_of(replay, 50)
    assert back.origin.id == replay.id
    assert (back.actions[0][:50] == replay.actions[0][:50]).all()
    assert (back.chain[:51] == replay.chain[:51]).all()
    assert back.chain[60] != replay.chain[60]
