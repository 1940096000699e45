"""`marl-ppo replay verify FILE...`: exit status 0 only if every file is what it says."""

import sys
from dataclasses import dataclass

from rich.console import Console

from marl_ppo.cli.arguments import parse_flags, require_positive, split_words
from marl_ppo.errors import ConfigError, FileFormatError
from marl_ppo.replays.files import find_replay, read_replay
from marl_ppo.replays.verify import verify


@dataclass(frozen=True)
class VerifyFlags:
    """Play matches again and compare: marl-ppo replay verify FILE... [flags].

    exact: every moment is equal to the last bit. equal within 1e-9: another machine, where some world computes otherwise in
    the last bits. differs: from some step on it is another match. It proves that these actions, from this seed, give this
    match and result; not who chose the actions.
    """

    num_envs: int = 1
    """copies of the world that play it side by side"""


def main(arguments: list[str]) -> None:
    """A line for each file."""
    words, _, flags = split_words(arguments)
    command = parse_flags(VerifyFlags, flags, "marl-ppo replay verify FILE...")
    require_positive(num_envs=command.num_envs)
    if not words:
        raise ConfigError("name the files: marl-ppo replay verify FILE...")
    console, failed = Console(soft_wrap=True), 0
    for word in words:
        path = find_replay(word)
        try:
            with console.status(f"playing {path} again"):
                verdict = verify(read_replay(path), num_envs=command.num_envs)
            text, holds = verdict.text, verdict.holds or verdict.kind == "frames"
        except FileFormatError as error:
            text, holds = str(error).removeprefix(f"{path} is "), False
        except OSError as error:
            text, holds = f"cannot be read: {error.strerror}", False
        failed += not holds
        console.print(f"{path}: {text}", highlight=False, markup=False)
    if failed:
        sys.exit(1)
