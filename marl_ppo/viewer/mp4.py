"""Videos: H.264 in mp4, which every browser, phone and messenger plays. Needs the extra `video`."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from marl_ppo.errors import ConfigError
from marl_ppo.viewer.gif import Frame
from marl_ppo.whole_files import whole_file

_QUALITY = 8  # 0 to 10; thin lines are still clean


def require_mp4(path: Path | str) -> Path:
    """The path, which ends in .mp4; ConfigError for another one, or where the extra is missing."""
    path = Path(path)
    if path.suffix != ".mp4":
        raise ConfigError(f"a video's name ends in .mp4, got {str(path)!r}")
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "writing videos needs imageio-ffmpeg, which is not installed: pip install 'marl_ppo[video]', or write a gif"
        ) from error
    return path


def write_mp4(path: Path | str, frames: Iterable[Frame], *, fps: int = 30) -> Path:
    """Write frames, uint8 [H, W, 3] of one size, as a video and return its path.

    Odd sizes lose a row or column, which H.264 cannot hold. Raises ConfigError on no frames, another suffix than .mp4, an
    `fps` outside 1..120, and without the extra.
    """
    path = require_mp4(path)
    import imageio_ffmpeg

    if not 1 <= fps <= 120:
        raise ConfigError(f"fps must be between 1 and 120 in a video, got {fps}")
    images = iter(frames)
    first = next(images, None)
    if first is None:
        raise ConfigError(f"there is no frame to write to {str(path)!r}")
    height, width = (side // 2 * 2 for side in first.shape[:2])
    form: dict[str, Any] = {"fps": fps, "codec": "libx264", "quality": _QUALITY, "macro_block_size": 2}
    with whole_file(path) as writing:
        writer = imageio_ffmpeg.write_frames(str(writing), (width, height), ffmpeg_log_level="quiet", **form)
        writer.send(None)
        try:
            for frame in chain([first], images):
                with _refusing():
                    writer.send(np.ascontiguousarray(frame[:height, :width]))
        finally:
            writer.close()
        # Whether the end was written, too, ffmpeg's writer keeps to itself; without it a video cannot be opened.
        with _refusing():
            next(imageio_ffmpeg.read_frames(str(writing)))
    return path


@contextmanager
def _refusing() -> Iterator[None]:
    """One line instead of ffmpeg's many."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise OSError(errno.EIO, "ffmpeg could not write it; is there room on the disk?") from error
