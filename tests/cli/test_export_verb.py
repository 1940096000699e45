"""`marl-ppo export`: which files are written, and what is said of them."""

from pathlib import Path
from typing import Any

import onnxruntime
import pytest


def test_a_bot_is_written_here_and_what_goes_in_and_out_is_told(marl_ppo: Any, folder: Path) -> None:
    said = marl_ppo("export", "spread", "--onnx")
    session = onnxruntime.InferenceSession(folder / "spread.onnx")
    names = [port.name for port in (*session.get_inputs(), *session.get_outputs())]

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Wrote spread.onnx (27 kB): policy agents, which plays agent_0, agent_1, agent_2. Tried in ")
    assert names == ["vector", "agent_index", "noise", "logits", "action", "sampled_action"]
    assert all(f" {name} " in said.out for name in names)
    assert max(map(len, said.lines[1:])) <= 128
    assert [path.name for path in folder.iterdir()] == ["spread.onnx"]


def test_a_run_of_several_policies_has_a_file_for_each_where_it_was_asked_for(
    marl_ppo: Any, trained: Path, tmp_path: Path
) -> None:
    said = marl_ppo("export", "duel", "--onnx", str(tmp_path / "new/both.onnx"))

    assert said.code == 0
    assert said.out.count("Wrote ") == 2
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["both-chasers.onnx", "both-prey.onnx"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("export scripted", "'scripted' is a program and no network; name a bot, a run or a league's player"),
        ("export nobody", "No player is called 'nobody'."),
        ("export spread soccer-hard", "name one player, got ['spread', 'soccer-hard']"),
        ("export spread agents=5", "a player is exported for the world it was trained on, without settings; got {'agents': 5}"),
        ("export --onnx spread", "--onnx must name a file that ends with .onnx, got 'spread'; PLAYER comes before the flags"),
        ("export spread --onnx .", ". is a folder; name the file to write"),
        ("export", "There is no trained run in runs/ yet."),
    ],
)
def test_mistakes_are_told_and_leave_no_file(marl_ppo: Any, folder: Path, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert list(folder.iterdir()) == []
