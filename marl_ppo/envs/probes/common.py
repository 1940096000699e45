"""What the probe worlds share: random numbers for all copies at once, and the writing of outputs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from marl_ppo.envs.scene import Scene, Text
from marl_ppo.envs.seeds import uniform
from marl_ppo.envs.world import Array, Outputs


@njit(cache=True, nogil=True)
def uniforms(keys: Array, first: Array, count: int) -> Array:
    """Numbers `first[n]` to `first[n] + count - 1` of each copy's stream `keys[n]`: float64 [N, count] in [0, 1)."""
    numbers = np.empty((keys.shape[0], count))
    for n in range(keys.shape[0]):
        for i in range(count):
            numbers[n, i] = uniform(keys[n], np.uint64(first[n] + i))
    return numbers


def choices(numbers: Array, options: int) -> Array:
    """Uniform numbers in [0, 1) as equally likely choices 0 .. options - 1, int64."""
    return (numbers * options).astype(np.int64)


def one_hot(chosen: Array, options: int) -> Array:
    """[...] int to [..., options] float32."""
    return np.eye(options, dtype=np.float32)[chosen]


def write(outputs: Outputs, where: Array, values: Mapping[str, ArrayLike]) -> None:
    """Write the rows `where` (bool [N]) of every output, under the flat names of `Outputs.arrays`.

    Values broadcast; what is not named becomes zero or False, and masks all True.
    """
    arrays = outputs.arrays()
    if unknown := values.keys() - arrays.keys():
        raise KeyError(f"no output is called {sorted(unknown)}; there are {list(arrays)}")
    for name, array in arrays.items():
        value = values.get(name, name.startswith("action_mask"))
        array[where] = np.broadcast_to(np.asarray(value), array.shape)[where]


def text_scene(lines: Sequence[str]) -> Scene:
    """Lines of text, one under another: all there is to see of a probe."""
    width, top = 8.0, float(len(lines))
    # A Text stands around its point, so that only in the middle there is room on both sides.
    texts = (Text(key=f"line_{i}", x=width / 2, y=top - i - 0.5, text=line, height=0.4) for i, line in enumerate(lines))
    return Scene(bounds=(0.0, 0.0, width, top), primitives=tuple(texts))
