"""`marl-ppo evaluate`: tables for a reader, JSON for a program."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

PLAYERS = ["greedy", "stochastic", "random", "scripted"]


def blocks(lines: list[str]) -> dict[str, list[str]]:
    """Measure → the players under it, in their order."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if re.match(r"  \w", line):
            found[list(found)[-1]].append(line.split()[0])
        elif re.match(r"\w[\w ]*$", line.rstrip()):
            found[line.rstrip()] = []
    return found


def test_players_stand_under_each_other_in_one_block_per_measure_within_80_columns(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("evaluate", "solo", "--episodes", "20")

    assert said.code == 0
    assert said.lines[0] == "waits: solo, 20 held-out episodes, seed 0"
    assert said.lines[1].split("  ")[-1].strip() == "skill"
    assert blocks(said.lines[2:]) == {"return players": PLAYERS, "accuracy": PLAYERS}
    assert max(map(len, said.lines)) <= 80


def test_skill_is_0_for_random_play_and_100_for_the_script(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("evaluate", "solo", "--episodes", "20")
    shown = {line.split()[0]: line.split()[-1] for line in said.lines[3:7]}

    assert list(shown) == PLAYERS
    assert (shown["random"], shown["scripted"]) == ("0%", "100%")


def test_json_holds_what_was_measured_and_how(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    """Into a folder that is made for it; the numbers of the table are those of the file."""
    said = marl_ppo("evaluate", "solo", "--episodes", "20", "--seed", "3", "--json", str(tmp_path / "new/result.json"))
    report = json.loads((tmp_path / "new/result.json").read_text())
    team = report.pop("teams")["players"]
    greedy = team["players"]["greedy"]["return/players"]

    assert report == {
        "player": "solo",
        "world": "waits",
        "version": 1,
        "config": {},
        "episodes": 20,
        "seed": 3,
        "against": None,
    }
    assert team["players"].keys() == set(PLAYERS)
    assert greedy.keys() == {"mean", "standard_error", "iqm", "interval"}
    assert greedy["interval"][0] <= greedy["mean"] <= greedy["interval"][1]
    assert said.lines[3].split()[:2] == ["greedy", f"{greedy['mean']:.3f}"]
    assert team["skill"]["scripted"] == 1.0


def test_what_one_episode_cannot_tell_is_not_available(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    """No standard error of a single score: n/a in the table, null in the file, which is JSON without NaN."""
    said = marl_ppo("evaluate", "solo", "--episodes", "1", "--json", str(tmp_path / "result.json"))

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    report = json.loads((tmp_path / "result.json").read_text(), parse_constant=refuse)

    assert "n/a" in said.out
    assert "nan" not in said.out
    assert report["teams"]["players"]["players"]["greedy"]["return/players"]["standard_error"] is None


def test_every_team_that_the_player_plays_is_measured_in_turn(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("evaluate", "duel", "--episodes", "4", "--against", "random")
    titles = [line for line in said.lines if line.startswith("tag:")]

    assert titles == [
        "tag: duel, 4 held-out episodes, seed 0, team chasers against random",
        "tag: duel, 4 held-out episodes, seed 0, team prey against random",
    ]
    assert [name for name in blocks(said.lines) if name.startswith("return")] == ["return chasers", "return prey"]


def test_of_a_player_that_plays_one_team_that_team_is_measured(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("evaluate", "hunt", "--episodes", "4", "--against", "duel")

    assert said.code == 0
    assert [line for line in said.lines if line.startswith("tag:")] == [
        "tag: hunt, 4 held-out episodes, seed 0, team chasers against duel"
    ]


def test_one_team_can_be_asked_for(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("evaluate", "duel", "--episodes", "4", "--team", "prey")

    assert [name for name in blocks(said.lines) if name.startswith("return")] == ["return prey"]


def test_the_newest_run_is_measured_where_no_player_is_named(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """The seeds of a group are runs like any other."""
    marl_ppo("train", "bandit", "--name", "older", *small)
    marl_ppo("train", "waits", "--name", "group", "--seeds", "7", *small)
    said = marl_ppo("evaluate", "--episodes", "4")

    assert said.lines[0] == "waits: runs/group/seed-7, 4 held-out episodes, seed 0"


def test_a_scripted_player_needs_a_world_and_no_run(marl_ppo: Any) -> None:
    said = marl_ppo("evaluate", "scripted", "--world", "staggered", "agents=2", "--episodes", "5")

    assert said.code == 0
    assert blocks(said.lines) == {"return players": ["scripted"], "accuracy": ["scripted"]}


def test_a_world_too_large_for_its_script_is_measured_without_one(marl_ppo: Any, small: tuple[str, ...]) -> None:
    """The script of spread tries every assignment of at most six agents."""
    marl_ppo("train", "spread", "agents=7", "--name", "seven", *small)
    said = marl_ppo("evaluate", "seven", "--episodes", "2")

    assert said.code == 0
    assert blocks(said.lines)["return agents"] == ["greedy", "stochastic", "random"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate random", "say which world 'random' plays, with --world"),
        ("evaluate random --world wait", "No world is called 'wait'. Did you mean 'waits'?"),
        ("evaluate solos", "No player is called 'solos'. Did you mean 'solo'?"),
        ("evaluate solo hunt", "name one player, got ['solo', 'hunt']"),
        ("evaluate solo --team foxes", "'solo' cannot play the team 'foxes' of 'waits'; it plays players"),
        ("evaluate hunt --team prey", "'hunt' cannot play the team 'prey' of 'tag'; it plays chasers"),
        ("evaluate duel --against hunt --team chasers", "player 'hunt' cannot play 'agent_0' of world 'tag'"),
        ("evaluate duel --against nobody", "No player is called 'nobody'."),
        ("evaluate solo --world tag", "cannot play 'tag'"),
        ("evaluate duel chasers=1", "it was trained on 'tag' {}, where adversary_0 has obs"),
        ("evaluate solo --episodes 0", "episodes must be at least 1, got 0"),
        ("evaluate --episodes 5 solo", "'solo' stands behind the flags"),
        ("evaluate solo --against random", "world 'waits' has one team, so nobody plays against it; leave out --against"),
        ("evaluate solo --json .", ". is a folder; name the file to write"),
        ("evaluate random --world spread num_envs=5", "num_envs is no setting of a world; write --num-envs 5"),
        ("evaluate solo --num-envs 0", "num_envs must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_measured_is_said(marl_ppo: Any, trained: Path, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


def test_where_nothing_was_trained_the_first_command_is_named(marl_ppo: Any) -> None:
    assert "Train one: `marl-ppo train spread --minutes 2`." in marl_ppo("evaluate").err
