"""Pictures of a match, for worlds of other people that cannot be played again from their actions.

They are kept as PNG, and unpacked one by one.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from marl_ppo.envs.scene import Picture, Scene, picture_scene
from marl_ppo.envs.world import Array
from marl_ppo.errors import FileFormatError

LARGEST_SIDE = 640
"""pixels; larger pictures are made smaller before they are kept"""
COLOURS = 128
MOST_PIXELS = 4_000_000
"""of a picture in somebody's file"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """P different pictures, and which of them is seen at each moment."""

    shown: Array
    """int64 [T + 1], a place in `pictures`"""
    pictures: tuple[Array, ...]
    """uint8 [bytes], each a PNG"""

    def scene(self, step: int) -> Scene:
        """The picture of a moment. Raises FileFormatError where it cannot be unpacked."""
        return picture_scene(_unpacked(self.pictures[int(self.shown[step])]))


class FrameGatherer:
    """Takes a picture at each moment; those equal to the one before are kept once."""

    def __init__(self) -> None:
        self._shown: list[int] = []
        self._pictures: list[Array] = []
        self._last: Array | None = None

    def add(self, scene: Scene) -> None:
        """The scene of the next moment, which must be one picture."""
        (picture,) = scene.primitives
        assert isinstance(picture, Picture)
        if self._last is None or self._last.shape != picture.pixels.shape or (self._last != picture.pixels).any():
            self._last = picture.pixels
            self._pictures.append(_packed(picture.pixels))
        self._shown.append(len(self._pictures) - 1)

    def frames(self) -> Frames:
        """All of them."""
        return Frames(shown=np.array(self._shown, np.int64), pictures=tuple(self._pictures))


def require_frames(shown: Array, pictures: Sequence[Array], steps: int) -> Frames:
    """Frames of a file. Raises ValueError where they are none."""
    if shown.dtype != np.int64 or shown.shape != (steps + 1,) or not pictures:
        raise ValueError(f"its pictures are not of {steps} steps")
    if shown.min() < 0 or shown.max() >= len(pictures) or any(one.dtype != np.uint8 or one.ndim != 1 for one in pictures):
        raise ValueError("its pictures are not those that it shows")
    return Frames(shown=shown, pictures=tuple(pictures))


def _packed(pixels: Array) -> Array:
    image = Image.fromarray(pixels)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    stream = io.BytesIO()
    # Films are looked at, not measured: in this many colours they take a fifth of the room.
    image.quantize(COLOURS).save(stream, "PNG")
    return np.frombuffer(stream.getvalue(), np.uint8)


def _unpacked(packed: Array) -> Array:
    try:
        with Image.open(io.BytesIO(packed.tobytes()), formats=("PNG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"it has {image.width} x {image.height} pixels")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise FileFormatError(f"a picture of the match cannot be shown: {error}") from error
