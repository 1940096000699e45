"""Ctrl-C in a real terminal's process: the update ends, all is saved, and the run goes on where it was."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from marl_ppo.training.checkpoint import list_checkpoints, read_meta

LONG = (
    *("--total-steps", "100000000", "--num-envs", "8", "--num-steps", "4", "--threads", "1", "--fused", "False"),
    *("--ppo.num-minibatches", "2", "--ppo.update-epochs", "1", "--checkpoint-minutes", "60"),
)


def updates(run: Path) -> list[int]:
    return [json.loads(line)["update"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_ctrl_c_saves_says_how_to_go_on_and_the_run_goes_on(marl_ppo: Any, folder: Path) -> None:
    """The record of the resumed run has every update once; only its newest checkpoints are kept."""
    run = folder / "runs/waits-1"
    command = [sys.executable, "-c", "from marl_ppo.cli.main import main; main()", "train", "waits", *LONG]
    command += ["--save-as", "stopped"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + 120
    # The record is written in blocks, mostly of many updates; the first may be of one, where that had to compile.
    while not ((run / "metrics.jsonl").is_file() and (run / "metrics.jsonl").read_text().count("\n") > 1):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    saved = read_meta(list_checkpoints(run / "checkpoints")[-1])["counters"]["update"]
    at_first = updates(run)

    assert (process.returncode, err) == (0, "")
    assert "Stopped by Ctrl-C: " in out
    assert saved == at_first[-1] > 1
    assert read_meta(folder / "agents/stopped")["counters"]["update"] == saved
    (go_on,) = [line for line in out.splitlines() if line.startswith("Go on with it:")]

    said = marl_ppo(*go_on.split("marl-ppo ")[1].split(), "--minutes", "0.01")
    later = updates(run)

    assert f"Resuming waits at update {saved}" in said.out
    assert "Time is up: " in said.out
    assert later == list(range(1, len(later) + 1))
    assert len(later) > len(at_first)
