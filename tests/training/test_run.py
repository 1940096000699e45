"""A run is a folder: what lies in it, what each file is enough for, and what is told to a listener."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_ppo.envs.particle.world import ParticleWorld
from marl_ppo.errors import ConfigError, FileFormatError, WorldError
from marl_ppo.training.checkpoint import list_checkpoints, read_meta
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.config_file import load_config, save_config
from marl_ppo.training.record import read_metrics
from marl_ppo.training.run import RunListener, new_run_folder, resume, train
from marl_ppo.training.trainer import Progress

Small = Callable[..., TrainConfig]
WALL_TIME = ("seconds", "SPS", "collect_share")


def hashes(folder: Path) -> dict[str, str]:
    """Of the files of the newest checkpoint."""
    found: dict[str, str] = read_meta(list_checkpoints(folder / "checkpoints")[-1])["sha256"]
    return found


def without_wall_time(record: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in line.items() if name not in WALL_TIME} for line in record]


class Listener(RunListener):
    """Writes down what it hears, and may do something at each update."""

    def __init__(self, at_update: Callable[[Progress], None] = lambda progress: None) -> None:
        self.heard: list[str] = []
        self._at_update = at_update

    def on_start(self, config: TrainConfig, resumed_at: int) -> None:
        self.heard.append(f"start at {resumed_at} with {config.threads} thread")

    def on_update(self, progress: Progress) -> None:
        self.heard.append(f"update {progress.update}")
        self._at_update(progress)

    def on_checkpoint(self, path: Path) -> None:
        self.heard.append(f"checkpoint {path.name}")

    def on_stop(self) -> None:
        self.heard.append("stop")


# --- the folder -------------------------------------------------------------------------------------------------------


def test_a_run_leaves_these_files(small: Small, tmp_path: Path) -> None:
    result = train(small("bandit"), tmp_path / "run")

    assert (result.folder, result.stopped) == (tmp_path / "run", "budget")
    assert {path.name for path in result.folder.iterdir()} == {
        "config.toml",
        "metrics.jsonl",
        "summary.json",
        "checkpoints",
        "tensorboard",
    }


def test_its_config_is_enough_to_repeat_it(small: Small, tmp_path: Path) -> None:
    train(small("staggered", world_config={"agents": 2}, seed=5), tmp_path / "run")
    written = load_config(tmp_path / "run/config.toml")
    train(written, tmp_path / "again")
    records = [without_wall_time(read_metrics(tmp_path / name)) for name in ("run", "again")]

    assert hashes(tmp_path / "run") == hashes(tmp_path / "again")
    assert records[0] == records[1]


def test_the_record_has_a_line_per_update_and_the_summary_its_last_one(small: Small, tmp_path: Path) -> None:
    """8 updates of 8 copies * 9 steps."""
    result = train(small("bandit", seed=3), tmp_path / "run")
    record = read_metrics(tmp_path / "run")
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    last = dict(record[-1])

    assert [(line["update"], line["steps"]) for line in record] == [(n, 72 * n) for n in range(1, 9)]
    assert last == {"update": 8, "steps": 576, "seconds": result.progress.seconds, **result.progress.metrics}
    assert summary == {
        "world": "bandit",
        "seed": 3,
        "stopped": "budget",
        "updates": last.pop("update"),
        "steps": last.pop("steps"),
        "seconds": last.pop("seconds"),
        "faults": 0,
        "last": last,
    }


@pytest.mark.parametrize(("keep", "kept"), [(1, [8]), (3, [4, 6, 8]), (9, [2, 4, 6, 8])])
def test_the_newest_checkpoints_are_kept(small: Small, tmp_path: Path, keep: int, kept: list[int]) -> None:
    train(small("bandit", checkpoint_updates=2, keep_checkpoints=keep), tmp_path / "run")

    assert [int(path.name) for path in list_checkpoints(tmp_path / "run/checkpoints")] == kept


def test_checkpoints_come_by_wall_time_where_no_updates_are_given(small: Small, tmp_path: Path) -> None:
    """A minute is not over in this run, a nanosecond is at every update; the end is saved in any case."""
    train(small("bandit", keep_checkpoints=9), tmp_path / "minute")
    train(small("bandit", keep_checkpoints=9, checkpoint_minutes=1e-12), tmp_path / "moment")

    assert len(list_checkpoints(tmp_path / "minute/checkpoints")) == 1
    assert len(list_checkpoints(tmp_path / "moment/checkpoints")) == 8


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_the_record_is_cut_back_to_the_checkpoint_and_goes_on_from_there(small: Small, tmp_path: Path) -> None:
    """Whatever a killed session wrote beyond it, a half-written line included, was never learned from."""
    run = tmp_path / "run"
    train(small("waits", checkpoint_updates=3, keep_checkpoints=9), run)
    whole = without_wall_time(read_metrics(run))
    with (run / "metrics.jsonl").open("a") as record:
        record.write('{"update": 9, "ste')
    at_start: list[list[dict[str, float]]] = []

    class Reader(RunListener):
        def on_start(self, config: TrainConfig, resumed_at: int) -> None:
            at_start.append(without_wall_time(read_metrics(run)))

    resume(run, Reader(), checkpoint=run / "checkpoints/000003")

    assert at_start == [whole[:3]]
    assert without_wall_time(read_metrics(run)) == whole


def test_minutes_count_for_one_session(small: Small, tmp_path: Path) -> None:
    """A nanosecond is over after the first update, and over again after the next one."""
    first = train(small("bandit", minutes=1e-12), tmp_path / "run")
    second = resume(tmp_path / "run")
    third = resume(tmp_path / "run", minutes=10)

    assert [(r.stopped, r.progress.update) for r in (first, second, third)] == [("time", 1), ("time", 2), ("budget", 8)]


def test_resuming_a_finished_run_changes_nothing(small: Small, tmp_path: Path) -> None:
    first = train(small("bandit"), tmp_path / "run")
    again = resume(tmp_path / "run")

    assert again == first


def test_a_run_without_a_checkpoint_cannot_go_on(small: Small, tmp_path: Path) -> None:
    def fail(progress: Progress) -> None:
        raise RuntimeError("the machine is on fire")

    listener = Listener(fail)
    with pytest.raises(RuntimeError, match="on fire"):
        train(small("bandit"), tmp_path / "run", listener)

    assert listener.heard == ["start at 0 with 1 thread", "update 1", "stop"]
    with pytest.raises(ConfigError, match=r"run has no checkpoint to go on from; start it again with its config\.toml"):
        resume(tmp_path / "run")


def test_other_settings_of_a_resumed_run_are_refused_by_the_checkpoint(small: Small, tmp_path: Path) -> None:
    """Who edits config.toml between two sessions is told, not trained on with weights of another shape."""
    train(small("bandit", total_steps=72), tmp_path / "run")
    config = load_config(tmp_path / "run/config.toml")
    wider = replace(config, network=replace(config.network, hidden=(24,)), total_steps=144)
    save_config(wider, tmp_path / "run/config.toml")

    with pytest.raises(
        FileFormatError, match=r"weights of 'players' are of another shape: was the run's config\.toml changed\?"
    ):
        resume(tmp_path / "run")


def test_a_run_of_an_older_version_of_its_world_is_not_mixed_with_the_new_one(small: Small, tmp_path: Path) -> None:
    """A version is raised by every change that can move an episode, so the two would not be one training."""
    train(small("bandit", total_steps=72), tmp_path / "run")
    file = list_checkpoints(tmp_path / "run/checkpoints")[-1] / "meta.json"
    file.write_text(file.read_text().replace("world 'bandit' version 1", "world 'bandit' version 0"))

    with pytest.raises(FileFormatError, match=r"the checkpoint is of world 'bandit' version 0, and this is .* version 1"):
        resume(tmp_path / "run")


def test_a_damaged_record_is_named_with_its_line(small: Small, tmp_path: Path) -> None:
    train(small("bandit"), tmp_path / "run")
    file = tmp_path / "run/metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:2], "{ nonsense\n", *lines[3:]]))

    with pytest.raises(FileFormatError, match=r"metrics\.jsonl is damaged in line 3: "):
        read_metrics(tmp_path / "run")


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_folder_that_holds_a_run_is_refused(small: Small, tmp_path: Path) -> None:
    train(small("bandit"), tmp_path / "run")

    with pytest.raises(ConfigError, match=r"holds a run already; go on with it by `marl-ppo train --resume .*run`"):
        train(small("bandit"), tmp_path / "run")


def test_new_runs_are_numbered_per_world_and_foreign_ids_made_plain(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for taken in ("bandit-1", "bandit-2", "bandit-4"):
        (tmp_path / "runs" / taken).mkdir(parents=True)

    assert new_run_folder(small("bandit")) == Path("runs/bandit-3")
    assert new_run_folder(small("pettingzoo:mpe2.simple_spread_v3")) == Path("runs/pettingzoo-mpe2-simple_spread_v3-1")
    assert new_run_folder(small("bandit"), "mine") == Path("runs/mine")
    with pytest.raises(ConfigError, match="runs/bandit-4 exists already; choose another --name"):
        new_run_folder(small("bandit"), "bandit-4")
    for path in ("a/b", "/a", ".", ""):
        with pytest.raises(ConfigError, match="a run's name must be letters, digits"):
            new_run_folder(small("bandit"), path)


def test_runs_that_begin_at_the_same_moment_get_folders_of_their_own(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both thought of the first number; another process wrote its config.toml a moment earlier."""
    monkeypatch.chdir(tmp_path)
    thought_of = iter([tmp_path / "runs/bandit-1", tmp_path / "runs/bandit-2"])
    monkeypatch.setattr("marl_ppo.training.run.new_run_folder", lambda config: next(thought_of))
    (tmp_path / "runs/bandit-1").mkdir(parents=True)
    (tmp_path / "runs/bandit-1/config.toml").write_text("another's")
    result = train(small("bandit"))

    assert result.folder == tmp_path / "runs/bandit-2"
    assert [path.name for path in (tmp_path / "runs/bandit-1").iterdir()] == ["config.toml"]
    assert (tmp_path / "runs/bandit-1/config.toml").read_text() == "another's"


# --- listening --------------------------------------------------------------------------------------------------------


def test_a_listener_hears_everything_in_its_order(small: Small, tmp_path: Path) -> None:
    """Each checkpoint after the update that it holds; then, resumed, from there."""
    config = small("bandit", total_steps=3 * 72, checkpoint_updates=2)
    listener = Listener()
    train(config, tmp_path / "run", listener)
    again = Listener()
    resume(tmp_path / "run", again, checkpoint=tmp_path / "run/checkpoints/000002")

    assert listener.heard == [
        "start at 0 with 1 thread",
        *("update 1", "update 2", "checkpoint 000002", "update 3", "checkpoint 000003"),
        "stop",
    ]
    assert again.heard == ["start at 2 with 1 thread", "update 3", "checkpoint 000003", "stop"]


# --- not alone --------------------------------------------------------------------------------------------------------


def test_a_run_that_is_being_trained_is_not_trained_twice(small: Small, tmp_path: Path) -> None:
    said: list[str] = []

    def try_too(progress: Progress) -> None:
        if progress.update == 4:
            with pytest.raises(ConfigError) as refused:
                resume(tmp_path / "run")
            said.append(str(refused.value))

    train(small("bandit", checkpoint_updates=1), tmp_path / "run", Listener(try_too))

    assert said == [f"{tmp_path / 'run'} is being trained by another process; wait until it ends, or stop it"]
    assert len(read_metrics(tmp_path / "run")) == 8


def test_a_trained_opponent_stays_what_it_was(small: Small, tmp_path: Path) -> None:
    """Its own run trains on, and is lost, while somebody learns against it: neither is noticed."""
    opponent = tmp_path / "opponent"
    train(small("tag", total_steps=72), opponent)
    config = small("tag", learn=("chasers",), others=str(opponent), checkpoint_updates=4, keep_checkpoints=9)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "cut")
    shutil.rmtree(opponent)
    resume(tmp_path / "cut", checkpoint=tmp_path / "cut/checkpoints/000004")

    assert hashes(tmp_path / "cut") == hashes(tmp_path / "whole")
    assert {path.name for path in (tmp_path / "cut/others").iterdir()} == {"config.toml", "meta.json", "policies"}


def test_who_goes_another_way_sets_the_newer_checkpoints_aside(small: Small, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(small("bandit", checkpoint_updates=2, keep_checkpoints=3), run)
    first = resume(run, minutes=1e-12, checkpoint=run / "checkpoints/000004")

    assert first.progress.update == 5
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "000004",
        "000005",
        "abandoned-000006",
        "abandoned-000008",
    ]
    assert [line["update"] for line in read_metrics(run)] == [1, 2, 3, 4, 5]
    with pytest.raises(ConfigError, match=r"abandoned-000008 is none of the checkpoints of .*: 000004, 000005"):
        resume(run, checkpoint=run / "checkpoints/abandoned-000008")


def test_the_millionth_checkpoint_comes_after_those_before(tmp_path: Path) -> None:
    for name in ("1000000", "999999", "000010", ".writing-000011", "abandoned-2000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "meta.json").touch()

    assert [path.name for path in list_checkpoints(tmp_path)] == ["000010", "999999", "1000000"]


def test_a_config_without_a_world_is_said_to_lack_it(tmp_path: Path) -> None:
    """As is left of a run that was killed in its first moment."""
    (tmp_path / "config.toml").touch()

    with pytest.raises(ConfigError, match=r"config\.toml lacks the setting world"):
        load_config(tmp_path / "config.toml")


# --- numbers that are none --------------------------------------------------------------------------------------------


def test_the_record_is_json_that_every_reader_takes(small: Small, tmp_path: Path) -> None:
    """Continuous actions have no largest entropy: null in the file, not a number to us."""
    train(small("spread", world_config={"action": "continuous"}, total_steps=72), tmp_path / "run")
    text = (tmp_path / "run/metrics.jsonl").read_text()
    summary = (tmp_path / "run/summary.json").read_text()
    (line,) = read_metrics(tmp_path / "run")

    for written in (text, summary):
        assert "null" in written
        json.loads(written, parse_constant=pytest.fail)
    assert math.isnan(line["agents/max_entropy"])


@pytest.mark.parametrize("what", ["reward", "obs 'vector'", "state"])
def test_a_world_that_gives_no_number_is_named_before_anything_is_learned(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """One NaN in the value normaliser would stay there for good."""
    step = ParticleWorld._step

    def broken(world: ParticleWorld, actions: Any) -> None:
        step(world, actions)
        outputs = world.outputs
        array = {"reward": outputs.rewards[0], "state": outputs.state}.get(what, outputs.obs[0]["vector"])
        array[2] = np.nan

    monkeypatch.setattr(ParticleWorld, "_step", broken)

    with pytest.raises(WorldError, match=f"world 'spread' gave .*copy 2 .*{what}.*"):
        train(small("spread"), tmp_path / "run")
    assert not list((tmp_path / "run/checkpoints").glob("*"))
