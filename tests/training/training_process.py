"""Train in a process of its own: python training_process.py CONFIG FOLDER [ARMED_AT PLACE CALL].

With the last three it dies by SIGKILL: right before the CALL-th call of PLACE, a dotted name, after update ARMED_AT.
"""

import itertools
import os
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any

from marl_ppo.training.config_file import load_config
from marl_ppo.training.run import RunListener, train
from marl_ppo.training.trainer import Progress


class Death(RunListener):
    """Waits for its update, then for its call."""

    def __init__(self, armed_at: str, place: str, call: str) -> None:
        self.armed_at, self.place, self.call = int(armed_at), place, int(call)

    def on_update(self, progress: Progress) -> None:
        if progress.update == self.armed_at:
            die_at(self.place, self.call)


def die_at(place: str, call: int) -> None:
    """From now on, the process ends right before the `call`-th call of `place`."""
    owner_name, _, name = place.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    original, calls = getattr(owner, name), itertools.count(1)

    def counted(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    setattr(owner, name, counted)


if __name__ == "__main__":
    config, folder, *death = sys.argv[1:]
    train(load_config(Path(config)), Path(folder), Death(*death) if death else None)
