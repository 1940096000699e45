"""`marl-ppo replay export FILE --html | --gif | --mp4`: a match for people who have nothing installed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from marl_ppo.cli.arguments import one_word, parse_flags, require_file, split_words
from marl_ppo.errors import ConfigError
from marl_ppo.replays.files import find_replay, read_replay
from marl_ppo.viewer.clip import Clip
from marl_ppo.viewer.feed import Timeline
from marl_ppo.viewer.gif import Frame, write_gif
from marl_ppo.viewer.mp4 import require_mp4, write_mp4
from marl_ppo.viewer.playback import END_PAUSE_S
from marl_ppo.viewer.renderer import SMALLEST_PICTURE_PX
from marl_ppo.viewer.replayed import ReplayTimeline
from marl_ppo.viewer.show import Overlay, Show
from marl_ppo.viewer.watch import GIF_FPS, GIF_SIZE, gif_frames
from marl_ppo.viewer.web.page import require_html, write_html

VIDEO_FPS = 30
LARGEST_PICTURE_PX = 4096
Wanted = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclass(frozen=True)
class ExportFlags:
    """Export a replay: marl-ppo replay export FILE [--html] [--gif] [--mp4] [flags]; a page if nothing else is asked for."""

    html: Wanted = False
    """a page: one file that plays in any browser, without a network"""
    gif: Wanted = False
    """an animated picture"""
    mp4: Wanted = False
    """a video; needs the extra: pip install 'marl_ppo[video]'"""
    out: Path | None = None
    """the file to write; its ending tells what, too. The replay's name in the current folder if not given"""
    start: int = 0
    """first step"""
    stop: int | None = None
    """last step; the replay's if not given"""
    speed: float = 1.0
    """of a gif or video: how many times as fast as it was played"""
    size: tuple[int, int] = GIF_SIZE
    """of a gif or video: width and height in pixels"""
    show: tuple[Overlay, ...] = ()
    """of a gif or video: what is laid over it, such as subgoals"""


def main(arguments: list[str]) -> None:
    """Write the files."""
    words, _, flags = split_words(arguments)
    command = parse_flags(ExportFlags, flags, "marl-ppo replay export FILE")
    if (word := one_word(words)) is None:
        raise ConfigError("name the replay: marl-ppo replay export FILE --html")
    if not 0 < command.speed < math.inf:
        raise ConfigError(f"speed must be positive and finite, got {command.speed}")
    if not SMALLEST_PICTURE_PX <= min(command.size) <= max(command.size) <= LARGEST_PICTURE_PX:
        raise ConfigError(
            f"size must be from {SMALLEST_PICTURE_PX} to {LARGEST_PICTURE_PX} pixels each way, got {list(command.size)}"
        )
    path = find_replay(word)
    files = _files(command, path)
    timeline = ReplayTimeline(read_replay(path))
    try:
        for file in files:
            export(timeline, file, command)
            print(f"Wrote {file} ({_told(file.stat().st_size)}).")
    finally:
        timeline.close()


def export(timeline: Timeline, file: Path, command: ExportFlags) -> None:
    """Write one file, of the kind that its name says."""
    stop = timeline.last if command.stop is None else command.stop
    if not 0 <= command.start <= stop <= timeline.last:
        raise ConfigError(f"the steps to export must be within 0 … {timeline.last}, got {command.start} … {stop}")
    if file.suffix == ".html":
        write_html(timeline, file, start=command.start, stop=stop)
    elif file.suffix == ".gif":
        write_gif(file, _frames(timeline, command.start, stop, command, GIF_FPS), fps=GIF_FPS)
    else:
        write_mp4(file, _frames(timeline, command.start, stop, command, VIDEO_FPS), fps=VIDEO_FPS)


def _frames(timeline: Timeline, start: int, stop: int, command: ExportFlags, fps: int) -> Iterator[Frame]:
    show = Show([[Clip(timeline, start, stop)]])
    show.speed = command.speed
    show.overlays.update(command.show)
    seconds = (stop - start) / (timeline.rate * command.speed) + END_PAUSE_S + 1.0
    return gif_frames(show, command.size, seconds=seconds, fps=fps)


def _files(command: ExportFlags, path: Path) -> list[Path]:
    """What to write; refused before the match is played, where it cannot be written."""
    wanted = [kind for kind in ("html", "gif", "mp4") if getattr(command, kind)]
    if command.out is not None:
        ending = command.out.suffix.removeprefix(".")
        wanted = wanted or [ending]
        if wanted != [ending]:
            endings = ", ".join(f".{kind}" for kind in wanted)
            raise ConfigError(f"--out {command.out} is one file, and --{' --'.join(wanted)} asks for {endings}")
    files = [command.out or Path(path.with_suffix(f".{kind}").name) for kind in wanted or ["html"]]
    for file in files:
        require_file(file)
        if file.suffix == ".html":
            require_html(file)
        elif file.suffix == ".mp4":
            require_mp4(file)
        elif file.suffix != ".gif":
            raise ConfigError(f"a match is exported as .html, .gif or .mp4, got {str(file)!r}")
    return files


def _told(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
