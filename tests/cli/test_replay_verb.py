"""`marl-ppo replay`, and what records: in a folder of its own, as a user would."""

import errno
import gc
import itertools
import re
import resource
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from marl_ppo.cli.main import main
from marl_ppo.leagues.league import League
from marl_ppo.leagues.recipe import LearnerConfig, Recipe
from marl_ppo.replays.files import read_replay
from marl_ppo.replays.replay import Replay
from marl_ppo.replays.verify import verify
from marl_ppo.training.config import TrainConfig
from marl_ppo.training.run import resume, train
from marl_ppo.training.showcase import MOST, thin_out

GOLDEN = Path(__file__).parents[2] / "replays"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_verify_tells_a_line_per_file_and_fails_if_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.replay").write_bytes((GOLDEN / "tag.replay").read_bytes()[:3000])
    main(["replay", "verify", "tag", str(GOLDEN / "kuhn.replay")])
    good = capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["replay", "verify", "tag", "broken.replay"])
    bad = capsys.readouterr().out

    assert good.count(": exact\n") == 2
    assert stopped.value.code == 1
    assert "broken.replay: damaged, or no replay" in bad


def test_a_file_that_may_not_be_read_does_not_keep_others_from_being_checked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> Replay:
        if path.name == "rps.replay":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read_replay(path)

    monkeypatch.setattr("marl_ppo.cli.replay_verify.read_replay", read)
    with pytest.raises(SystemExit, match="1"):
        main(["replay", "verify", "rps", "kuhn"])
    first, second = capsys.readouterr().out.splitlines()

    assert first.endswith("rps.replay: cannot be read: Permission denied")
    assert second.endswith("kuhn.replay: exact")


def test_info_tells_who_played_and_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    main(["replay", "info", "soccer"])
    told = capsys.readouterr().out

    assert "soccer, version 2" in told
    assert "scripted: blue_0, blue_1; scripted:medium: orange_0, orange_1" in told
    assert "wins" in told


def test_a_replay_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "verify", "socer"])

    assert "No replay is called 'socer'. Did you mean 'soccer'?" in capsys.readouterr().err


def test_a_match_records_and_a_branch_plays_on(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--episodes", "6", "--record", "longest,first"]
    main(["match", "soccer", "scripted:hard", "scripted:easy", "max_steps=40", *flags])
    longest, first = sorted(Path("replays").iterdir(), key=lambda file: "first" in file.name)
    main(["replay", "branch", str(first), "--at", "15", "--players", "random,scripted:medium", "--out", "other.replay"])
    main(["replay", "verify", str(longest), str(first), "other.replay"])
    told = capsys.readouterr().out
    branch, origin = read_replay("other.replay"), read_replay(first)

    assert told.count(": exact\n") == 3
    assert (branch.origin.id, branch.origin.step) == (origin.id, 15)  # type: ignore[union-attr]
    assert (branch.chain[:16] == origin.chain[:16]).all()
    assert branch.players["blue_0"] == "random"


def test_players_that_are_not_here_have_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    main(["match", "tag", "tag-chasers", "tag-prey", "--episodes", "2", "--record", "first"])
    (file,) = Path("replays").iterdir()
    main(["replay", "branch", str(file), "--at", "5"])
    with pytest.raises(SystemExit):
        main(["replay", "branch", str(file), "--at", "99"])

    assert "a branch may begin at moments 0 to 24 of this match, got 99" in capsys.readouterr().err


def test_what_cannot_be_played_again_records_its_first_episode_only(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["match", "pettingzoo:mpe2.simple_spread_v3", "random", "random", "max_cycles=3", "--episodes", "2"]
    main([*names, "--record", "first"])
    (film,) = Path("replays").iterdir()
    with pytest.raises(SystemExit):
        main([*names, "--record", "longest"])

    assert read_replay(film).frames is not None
    assert "write --record first" in capsys.readouterr().err


def test_a_training_records_the_same_episode_again_and_again() -> None:
    config = TrainConfig(world="spread", total_steps=8 * 8 * 6, num_envs=8, num_steps=8, replay_updates=2)
    train(config, Path("run"))
    files = sorted(Path("run/replays").iterdir())
    replays = [read_replay(file) for file in files]

    assert [file.name for file in files] == ["update-000002.replay", "update-000004.replay", "update-000006.replay"]
    assert len({replay.seed for replay in replays}) == 1
    assert [verify(replay).kind for replay in replays] == ["exact"] * 3
    assert replays[0].thoughts[0].values.shape == (25, 3)


def test_recording_changes_nothing_about_a_training() -> None:
    for every in (0, 1):
        config = TrainConfig(world="spread", total_steps=8 * 8 * 4, num_envs=8, num_steps=8, replay_updates=every)
        train(config, Path(f"run-{every}"))
    lines = [
        [line.partition('"seconds"')[0] for line in Path(f"run-{every}/metrics.jsonl").read_text().splitlines()]
        for every in (0, 1)
    ]
    weights = [next(Path(f"run-{every}").rglob("weights.safetensors")).read_bytes() for every in (0, 1)]

    assert lines[0] == lines[1]
    assert weights[0] == weights[1]
    assert not Path("run-0/replays").exists()
    assert resume(Path("run-1")).progress.update == 4


def test_recordings_thin_out_evenly(tmp_path: Path) -> None:
    for number in range(1, 101):
        (tmp_path / f"update-{number:06d}.replay").touch()
        thin_out(tmp_path)
    kept = [int(file.stem.removeprefix("update-")) for file in sorted(tmp_path.iterdir())]

    assert len(kept) == MOST
    assert (kept[0], kept[-1]) == (1, 100)
    assert max(b - a for a, b in itertools.pairwise(kept)) <= 12


def test_a_league_records_promotions_upsets_and_now_and_then_a_turn() -> None:
    recipe = Recipe(
        world="rps",
        learners=(LearnerConfig(name="main", matchmaker="fictitious_play"),),
        train={"num_envs": 16, "num_steps": 8},
        total_steps=16 * 8 * 8,
        turn_updates=1,
        snapshot_steps=128,
        snapshot_timeout=128,
        ladder_games=16,
        replays=2,
        replay_turns=3,
    )
    with League.create(recipe, Path("league")) as league:
        league.run()
    files = sorted(Path("league/replays").iterdir())
    turns = [file.name for file in files if "-turn" in file.name]

    assert turns == ["turn-00003-turn.replay", "turn-00006-turn.replay"]
    assert all(sum(kind in file.name for file in files) <= 2 for kind in ("upset", "promotion"))
    assert [verify(read_replay(file)).kind for file in files] == ["exact"] * len(files)


def test_a_replay_is_exported_as_a_page_a_gif_and_a_video(capsys: pytest.CaptureFixture[str]) -> None:
    """Half a second of pause, and 20 steps at 80 a second, 20 or 30 frames a second."""
    main(["replay", "export", "tag"])
    main(["replay", "export", "tag", "--gif", "--mp4", "--start", "5", "--speed", "10", "--size", "96", "65"])
    told = capsys.readouterr().out.splitlines()

    assert [line.split()[1] for line in told] == ["tag.html", "tag.gif", "tag.mp4"]
    assert Path("tag.html").read_text().startswith("<!doctype html>")
    with Image.open("tag.gif") as gif:
        assert (gif.size, gif.n_frames > 3) == ((96, 65), True)
    frames, seconds = imageio_ffmpeg.count_frames_and_secs("tag.mp4")
    assert 24 <= frames <= 40
    assert seconds == pytest.approx(frames / 30, abs=0.1)


def test_what_is_laid_over_a_video_is_asked_for() -> None:
    """Probabilities and values are drawn where a recorded policy told them, and change the picture."""
    pictures = {}
    for name, flags in {"plain": [], "asked": ["--show", "values", "subgoals"]}.items():
        main(["replay", "export", "tag", "--out", f"{name}.gif", "--stop", "3", "--size", "320", "240", *flags])
        with Image.open(f"{name}.gif") as gif:
            pictures[name] = np.asarray(gif.convert("RGB"))

    assert (pictures["plain"] != pictures["asked"]).any()
    with pytest.raises(SystemExit):
        main(["replay", "export", "tag", "--gif", "--show", "smell"])


def test_the_name_of_a_file_tells_what_is_exported() -> None:
    main(["replay", "export", "kuhn", "--out", "pages/poker.html"])

    assert Path("pages/poker.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "name the replay: marl-ppo replay export FILE --html"),
        ("kuhn --out poker.txt", "a match is exported as .html, .gif or .mp4, got 'poker.txt'"),
        ("kuhn --mp4 --out poker.gif", "--out poker.gif is one file, and --mp4 asks for .mp4"),
        ("kuhn --stop 99", "the steps to export must be within 0 … 2, got 0 … 99"),
        ("kuhn --gif --start -1", "the steps to export must be within 0 … 2, got -1 … 2"),
        ("kuhn --speed 0", "speed must be positive and finite, got 0.0"),
        ("kuhn --gif --size 0 0", "size must be from 64 to 4096 pixels each way, got [0, 0]"),
        ("kuhn --mp4 --size 640 99999", "size must be from 64 to 4096 pixels each way, got [640, 99999]"),
    ],
)
def test_what_cannot_be_exported_is_said(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "export", *arguments.split()])

    assert message in capsys.readouterr().err
    assert list(Path().iterdir()) == []


# imageio_ffmpeg does not close the pipe to a process that has died.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("file", ["soccer.html", "soccer.gif", "soccer.mp4"])
def test_a_full_disk_is_told_and_costs_no_older_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(SystemExit, match="2"):
            main(["replay", "export", "soccer", "--stop", "20", "--out", file])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    gc.collect()
    said = capsys.readouterr()

    assert said.out == ""
    assert re.fullmatch(
        rf"marl-ppo: {file}: (File too large|ffmpeg could not write it; is there room on the disk\?)\n", said.err
    )
    assert [(path.name, path.read_text()) for path in Path().iterdir()] == [(file, "old")]


def test_a_folder_is_no_file_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    """Said before the match is played."""
    Path("kuhn.gif").mkdir()
    with pytest.raises(SystemExit):
        main(["replay", "export", "kuhn", "--gif"])

    assert capsys.readouterr().err == "marl-ppo: kuhn.gif is a folder; name the file to write\n"


def test_a_branch_is_a_replay_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Under another one nobody could watch it."""
    with pytest.raises(SystemExit):
        main(["replay", "branch", "kuhn", "--at", "1", "--out", "branch.txt"])

    assert "--out must name a file that ends with .replay, got 'branch.txt'" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_without_the_extra_a_video_is_refused_before_the_match_is_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(SystemExit):
        main(["replay", "export", "kuhn", "--mp4"])

    assert "pip install 'marl_ppo[video]'" in capsys.readouterr().err
