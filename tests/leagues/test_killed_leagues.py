"""A league killed again and again, at whatever moment, ends with the store and the weights of one that never was."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from league_process import HIERARCHICAL, go_on

from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.leagues.store import Store
from marl_ppo.training.checkpoint import list_checkpoints, read_meta
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import train

SCRIPT = Path(__file__).with_name("league_process.py")
TURNS = 16
DEATHS = [
    # One league dies at each of these in turn.
    {
        "in the first turn": ("marl_ppo.play.play.Play.advance", 5),
        "in mid-rollout, episodes open": ("marl_ppo.play.play.Play.advance", 40),
        "between two files of a player": ("marl_ppo.training.checkpoint.save_file", 1),
        "before a player's folder is renamed": ("pathlib.Path.rename", 1),
        "having kept an exploiter, before its reset": ("marl_ppo.training.trainer.Trainer.begin_anew", 1),
        "before the ladder": ("marl_ppo.leagues.rankings.play_fixtures", 2),
    },
    {
        "between two learners' checkpoints": ("marl_ppo.leagues.learner.Learner.save", 2),
        "between the weights and the commit": ("marl_ppo.leagues.store.Store.commit_turn", 3),
        "inside the transaction": ("marl_ppo.leagues.store._as_json", 14),
        "right after the commit": ("marl_ppo.leagues.league.Report", 2),
        "while it is being resumed": ("marl_ppo.leagues.members.Members.remove_strangers", 1),
        "while learners learn": ("marl_ppo.training.learner.Learner.update", 7),
    },
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "league"
    go_on("kuhn", folder, TURNS)
    return folder


def killed_again_and_again(recipe: str, folder: Path, turns: int, deaths: dict[str, tuple[str, int]]) -> dict[str, int]:
    """Exit code by moment; the last process lives."""
    begin, codes = [sys.executable, SCRIPT, recipe, folder, str(turns)], {}
    for moment, (place, call) in deaths.items():
        codes[moment] = subprocess.run([*begin, place, str(call)], timeout=300).returncode
    codes["the end"] = subprocess.run(begin, timeout=300).returncode
    return codes


def test_a_league_killed_twelve_times_ends_as_if_nothing_had_happened(undisturbed: Path, tmp_path: Path) -> None:
    """Every row of the store but those of the clock, every kept player, every learner's weights, optimiser and episodes."""
    folders = [tmp_path / str(number) for number in range(len(DEATHS))]
    with ThreadPoolExecutor(2) as executor:
        runs = executor.map(lambda folder, deaths: killed_again_and_again("kuhn", folder, TURNS, deaths), folders, DEATHS)
        codes = list(runs)

    for folder, deaths, code in zip(folders, DEATHS, codes, strict=True):
        assert code == {**dict.fromkeys(deaths, -signal.SIGKILL), "the end": 0}
        assert everything(folder) == everything(undisturbed)


def test_a_league_of_managers_and_workers_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    """Options that are open go on, too, and so does what a team's manager told its workers."""
    deaths = {
        "in mid-rollout, options open": ("marl_ppo.play.play.Play.advance", 45),
        "between the levels of a player": ("marl_ppo.training.checkpoint.save_file", 4),
        "right after the commit": ("marl_ppo.leagues.league.Report", 2),
    }
    go_on("hierarchical", tmp_path / "whole", 5)

    codes = killed_again_and_again("hierarchical", tmp_path / "killed", 5, deaths)

    assert codes == {**dict.fromkeys(deaths, -signal.SIGKILL), "the end": 0}
    assert everything(tmp_path / "killed") == everything(tmp_path / "whole")
    assert any(".manager/" in file for file in players(tmp_path / "whole"))


def test_the_undisturbed_league_did_what_the_kills_were_to_disturb(undisturbed: Path) -> None:
    """Else the moments above were never reached."""
    with Store.open(undisturbed) as opened:
        kinds = [event.kind for _, event in opened.events()]

        assert opened.turn() == TURNS
        assert kinds.count("joined") >= 8
        assert kinds.count("reset") >= 2


def test_learners_that_train_one_level_on_keep_the_other_and_need_no_more_who_they_started_from(tmp_path: Path) -> None:
    """What is frozen stays in all that are kept, whatever begins anew; and so it does where a league went on in between."""
    first, frozen = tmp_path / "first", {"main": "worker", "exploiter": "manager"}
    learners = [
        {"name": name, "matchmaker": role, "train": {"start_from": str(first), "hierarchy": {"frozen": frozen[name]}}}
        for name, role in (("main", "main"), ("exploiter", "main_exploiter"))
    ]
    recipe = recipe_from({**HIERARCHICAL, "learners": learners}, source="the test")
    alone = recipe_from({**HIERARCHICAL, "learners": [{"name": "alone"}], "total_steps": 128}, source="the test")
    train(replace(alone.train_config(alone.learners[0]), replay_updates=0), first)
    began = policies(list_checkpoints(first / "checkpoints")[-1])
    for name in ("whole", "cut"):
        League.create(recipe, tmp_path / name).close()
    shutil.rmtree(first)

    with League.resume(tmp_path / "whole") as league:
        league.run(turns=4)
        resets = [event.player for _, event in league.store.events() if event.kind == "reset"]
    for _ in range(4):
        with League.resume(tmp_path / "cut") as league:
            league.run(turns=1)

    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")
    assert len(resets) > 1
    assert set(resets) == {"exploiter"}
    for learner, level in frozen.items():
        kept = [policies(tmp_path / "whole/players" / f"{learner}-{number}") for number in range(4)]
        other = next(name for name in began if level not in name)
        assert all(one[name] == began[name] for one in kept for name in began if level in name)
        assert kept[0] == began
        assert len({one[other] for one in kept}) == 4


def policies(folder: Path) -> dict[str, bytes]:
    """Weights by the name of the policy."""
    return {file.parent.name: file.read_bytes() for file in folder.glob("policies/*/weights.safetensors")}


def everything(folder: Path) -> tuple[Any, ...]:
    """But what a clock told."""
    return store(folder), players(folder), learners(folder), records(folder)


def store(folder: Path) -> list[str]:
    with Store.open(folder) as opened:
        return opened.dump()


def players(folder: Path) -> dict[str, str]:
    files = (folder / "players").glob("*/policies/*/*.safetensors")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def learners(folder: Path) -> dict[str, dict[str, str]]:
    return {
        path.name: read_meta(list_checkpoints(path / "checkpoints")[-1])["sha256"] for path in (folder / "learners").iterdir()
    }


def records(folder: Path) -> dict[str, list[str]]:
    """The lines of each learner's metrics.jsonl without what was measured with a clock."""
    clock = ("seconds", "SPS", "collect_share")
    return {
        path.name: [json.dumps({k: v for k, v in line.items() if k not in clock}) for line in read_metrics(path)]
        for path in (folder / "learners").iterdir()
    }
