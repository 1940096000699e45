"""`marl-ppo match`: who beats whom, in tables, a picture, and JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

FAST = ("--episodes", "10", "--num-envs", "5")


def standings(lines: list[str]) -> dict[str, list[str]]:
    """Player or pair → the cells of its row, in the first table of standings."""
    begin = next(i for i, line in enumerate(lines) if line.split()[:3] == ["win", "draw", "loss"])
    found = {}
    for line in lines[begin + 1 :]:
        name, _, rest = line.partition("  ")
        if not rest.strip() or line.split()[0] == "mean":
            break
        found[name] = rest.split()
    return found


def test_two_players_and_their_record_within_80_columns(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("match", "tag", "duel", "scripted", *FAST)
    rows = standings(said.lines)

    assert said.code == 0
    assert said.lines[:2] == [
        "tag: duel, scripted; 10 episodes, seed 0, sampled actions",
        "Sides are balanced: every seed is played once from every side.",
    ]
    assert list(rows) == ["duel", "scripted"]
    assert [int(rows["duel"][place]) for place in (0, 2)] == [int(rows["scripted"][place]) for place in (2, 0)]
    assert {"return as chasers", "return as prey", "catches, chasers – prey"} <= {line.strip() for line in said.lines}
    assert max(map(len, said.lines)) <= 80


def test_json_holds_what_was_measured_and_how(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "match.json"
    said = marl_ppo("match", "tag", "duel", "random", "--seed", "3", "--greedy", "--json", str(file), *FAST)
    report = json.loads(file.read_text())
    (played,) = report.pop("matches")

    assert report == {
        "world": "tag",
        "version": 1,
        "config": report["config"],
        "players": ["duel", "random"],
        "episodes": 10,
        "seed": 3,
        "greedy": True,
    }
    assert played.keys() == {
        *("players", "lineups", "episodes", "dropped", "balanced", "sides", "won_by", "standings"),
        *("returns", "team_returns", "differences", "metrics"),
    }
    assert played["lineups"] == [{"chasers": "duel", "prey": "random"}, {"chasers": "random", "prey": "duel"}]
    assert played["sides"] == {name: {"chasers": 5, "prey": 5} for name in ("duel", "random")}
    assert played["metrics"]["tagged"].keys() == {"duel – random", "random – duel"}
    assert played["standings"]["duel"]["score"] + played["standings"]["random"]["score"] == 1.0
    assert standings(said.lines)["duel"][0] == str(played["standings"]["duel"]["wins"])
    assert said.lines[0].endswith("most probable actions")


def test_a_player_named_twice_meets_itself_and_is_exactly_even(marl_ppo: Any, trained: Path) -> None:
    """With the networks of a run, on both sides at once."""
    rows = standings(marl_ppo("match", "tag", "duel", "duel", *FAST).lines)

    assert list(rows) == ["duel", "duel#2"]
    assert rows["duel"] == rows["duel#2"]


def test_a_player_of_one_side_plays_that_side_and_this_is_said(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("match", "tag", "duel", "hunt", *FAST)
    text = " ".join(said.out.split())

    assert said.code == 0
    assert "Sides are NOT balanced, since not everybody plays every team: chasers hunt, prey duel (10)." in text
    assert "Sides are balanced" not in text


def test_an_odd_number_of_episodes_is_rounded_up_and_this_is_said(marl_ppo: Any) -> None:
    said = marl_ppo("match", "kuhn", "scripted", "random", "--episodes", "11")

    assert "Rounded up from 11 to 12 episodes, the same number on every side." in said.lines
    assert sum(map(int, standings(said.lines)["random"][:3])) == 12


def test_of_more_players_than_teams_every_pair_plays(marl_ppo: Any, folder: Path) -> None:
    """The tables mirror each other; nothing is drawn unless asked for."""
    said = marl_ppo("match", "kuhn", "scripted", "random", "random", *FAST)
    rows = standings(said.lines)
    place = next(i for i, line in enumerate(said.lines) if line.startswith("Score of the row"))
    cells = {line.split()[0]: line.split()[1:] for line in said.lines[place + 2 :]}

    assert said.code == 0
    assert list(rows) == ["scripted – random", "scripted – random#2", "random – random#2"]
    assert list(cells) == ["scripted", "random", "random#2"]
    assert [cells[name][column] for column, name in enumerate(cells)] == ["n/a"] * 3
    assert cells["scripted"][1].split("±")[0] == f"{float(rows['scripted – random'][3]):.2f}"
    assert list(folder.iterdir()) == []


def test_all_pairs_are_drawn_with_self_play(marl_ppo: Any, folder: Path) -> None:
    said = marl_ppo("match", "kuhn", "scripted", "random", "--all-pairs", "--json", "table.json", *FAST)
    report = json.loads((folder / "table.json").read_text())
    picture = imread(folder / "match.png")

    assert "Wrote match.png." in said.lines
    assert picture.std() > 0.05
    assert list(standings(said.lines)) == ["scripted – itself", "scripted – random", "random – itself"]
    assert [report["cross_play"]["mean"][n][n] for n in range(2)] == [0.5, 0.5]
    assert [played["players"] for played in report["matches"]] == [
        ["scripted", "itself"],
        ["scripted", "random"],
        ["random", "itself"],
    ]


def test_the_picture_goes_where_it_is_sent(marl_ppo: Any, folder: Path) -> None:
    said = marl_ppo("match", "kuhn", "scripted", "random", "--all-pairs", "--out", "new/table.png", *FAST)

    assert "Wrote new/table.png." in said.lines
    assert (folder / "new" / "table.png").stat().st_size > 0
    assert not (folder / "match.png").exists()


def test_six_players_fit_80_columns_and_every_number_is_whole(marl_ppo: Any) -> None:
    names = ["scripted", "random"] * 3
    said = marl_ppo("match", "kuhn", *names, "--all-pairs", *FAST)
    table = said.lines[next(i for i, line in enumerate(said.lines) if line.startswith("Score of the row")) :]

    assert max(map(len, said.lines)) <= 80
    assert "…" not in "".join(table)
    assert sum(line.count("±") for line in table[1:]) == 36


def test_with_one_team_returns_are_compared_seed_by_seed(marl_ppo: Any, trained: Path) -> None:
    said = marl_ppo("match", "waits", "solo", "scripted", *FAST)
    text = [line.rstrip() for line in said.lines]

    assert said.code == 0
    assert text[text.index("return") + 1].split()[0] == "solo"
    assert text[text.index("difference of returns") + 1].startswith("  solo - scripted")
    assert not any(line.startswith("Sides") or "win" in line for line in text)


def test_actions_are_sampled_unless_greedy_ones_are_asked_for(marl_ppo: Any, trained: Path) -> None:
    """Which changes what a trained player does, and not what random does."""
    rows: dict[str, list[list[str]]] = {}
    for flags in ((), ("--greedy",)):
        lines = marl_ppo("match", "waits", "solo", "random", *flags, *FAST).lines
        begin = next(i for i, line in enumerate(lines) if line.rstrip() == "return")
        for line in lines[begin + 1 : begin + 3]:
            name, *cells = line.split()
            rows.setdefault(name, []).append(cells)

    assert rows["solo"][0] != rows["solo"][1]
    assert rows["random"][0] == rows["random"][1]


def test_with_one_team_all_pairs_are_mixed_teams(marl_ppo: Any, trained: Path, tmp_path: Path) -> None:
    """In waits the two agents do not meet, so that a mixed team has the mean of both players' returns."""
    file = tmp_path / "mixed.json"
    picture = str(tmp_path / "mixed.png")
    said = marl_ppo("match", "waits", "random", "scripted", "--all-pairs", "--out", picture, "--json", str(file), *FAST)
    mean = json.loads(file.read_text())["cross_play"]["mean"]

    assert any(line.startswith("Return with one agent of the row's player") for line in said.lines)
    assert mean[0][1] == mean[1][0] == pytest.approx((mean[0][0] + mean[1][1]) / 2)
    assert mean[0][0] < mean[1][1]


def test_the_settings_the_players_were_trained_with_hold_where_none_are_given(
    marl_ppo: Any, small: tuple[str, ...], folder: Path
) -> None:
    marl_ppo("train", "staggered", "agents=2", "--name", "pair", *small)
    agreed = marl_ppo("match", "staggered", "pair", "random", *FAST)
    given = marl_ppo("match", "staggered", "agents=2", "random", "scripted", *FAST)
    without = marl_ppo("match", "staggered", "random", "scripted", *FAST)

    assert agreed.lines[0] == "Played with the settings of the trained players: agents=2."
    assert [said.code for said in (agreed, given, without)] == [0, 0, 0]
    assert not any("settings" in said.out for said in (given, without))


def test_where_the_players_disagree_on_settings_this_is_said(marl_ppo: Any, small: tuple[str, ...], folder: Path) -> None:
    """The world is then played as it is, which need not suit all of them."""
    marl_ppo("train", "staggered", "--name", "plain", *small)
    marl_ppo("train", "staggered", "agents=2", "--name", "pair", *small)
    said = marl_ppo("match", "staggered", "plain", "pair", *FAST)

    assert said.lines == ["Players were trained with different settings; the world's own are used."]
    assert "player 'pair' cannot play 'player_2' of world 'staggered'" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("match", "name a world and the players: marl-ppo match WORLD A B"),
        ("match tga duel hunt", "No world is called 'tga'. Did you mean 'tag'?"),
        ("match tag dual hunt", "No player is called 'dual'. Did you mean 'duel'?"),
        ("match tag duel", "world 'tag' has the teams chasers, prey, so a match takes 2 players, got 1"),
        ("match waits solo", "a match compares two players or more, got 1; `marl-ppo evaluate` measures one"),
        ("match tag hunt hunt", "no lineup fills the teams chasers, prey of world 'tag': hunt plays chasers; hunt#2 plays"),
        ("match tag solo duel", "cannot play 'tag'"),
        ("match tag duel random --episodes 0", "episodes must be at least 1, got 0"),
        ("match tag duel random --num-envs 0", "num_envs must be at least 1, got 0"),
        ("match tag duel random --json .", ". is a folder; name the file to write"),
        ("match tag duel random --all-pairs --out .", ". is a folder; name the file to write"),
        ("match tag duel random --out a.png", "--out names the picture of --all-pairs; give both or neither"),
        ("match tag --episodes 4 duel random", "'duel random' stands behind the flags"),
        ("match kuhn cards=4 random random", "world 'kuhn' has no setting 'cards'"),
        ("match bandit random scripted --all-pairs", "world 'bandit' has one agent, which nobody can play with or against"),
    ],
)
def test_what_cannot_be_a_match_is_said(marl_ppo: Any, trained: Path, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert said.out == ""
    assert "Traceback" not in said.err
