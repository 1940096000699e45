"""Animated gifs: one palette for all frames, and only what changed is stored, so that a match stays a small file."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from marl_ppo.errors import ConfigError
from marl_ppo.whole_files import whole_file

Frame = np.ndarray[Any, np.dtype[np.uint8]]
"""uint8 [H, W, 3]"""

_SAMPLED = 48  # frames looked at before the palette is chosen
_SAMPLE_EVERY = 6


def write_gif(path: Path | str, frames: Iterable[Frame], *, fps: int = 20) -> Path:
    """Write frames, uint8 [H, W, 3] of one size, as a looping gif and return its path.

    Frames equal to the one before only lengthen it. Raises ConfigError on no frames, unequal or wrong frames, another
    suffix than .gif, or an `fps` outside 1..50: viewers slow down gifs with frames shorter than 20 ms.
    """
    path = Path(path)
    if path.suffix != ".gif":
        raise ConfigError(f"a gif's name ends in .gif, got {str(path)!r}")
    if not 1 <= fps <= 50:
        raise ConfigError(f"fps must be between 1 and 50 in a gif, got {fps}")
    images = _images(frames)
    head = list(islice(images, _SAMPLED))
    if not head:
        raise ConfigError(f"there is no frame to write to {str(path)!r}")
    colours = _shared_palette(head[::_SAMPLE_EVERY])
    # No dithering: it would flicker on flat areas and defeat the storing of differences.
    reduced = (image.quantize(palette=colours, dither=Image.Dither.NONE) for image in chain(head, images))
    with whole_file(path) as writing:
        next(reduced).save(writing, save_all=True, append_images=reduced, duration=round(1000 / fps), loop=0, optimize=False)
    return path


def _images(frames: Iterable[Frame]) -> Iterator[Image.Image]:
    shape: tuple[int, ...] | None = None
    for number, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ConfigError(f"frame {number} must be uint8 [H, W, 3], got {frame.dtype} {list(frame.shape)}")
        shape = shape or frame.shape
        if frame.shape != shape:
            raise ConfigError(f"frame {number} is {list(frame.shape)}, but the first one is {list(shape)}")
        yield Image.fromarray(frame)


def _shared_palette(sample: list[Image.Image]) -> Image.Image:
    """A palette image that serves all of the sampled frames."""
    width, height = sample[0].size
    sheet = Image.new("RGB", (width, height * len(sample)))
    for i, image in enumerate(sample):
        sheet.paste(image, (0, i * height))
    return sheet.quantize(256, method=Image.Quantize.MEDIANCUT)
