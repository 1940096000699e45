"""Randomness without state: every number is a hash of what it is for. No global generator is used anywhere.

stream    a 64-bit key for (run seed, purpose, copy, episode); streams of different purposes never meet
counter   the place of a number in its stream; a world keeps one counter per copy, a policy counts decisions

The mixer is SplitMix64's finaliser (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
"""

from typing import Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

Purpose = Literal["train", "eval", "match", "exploit", "weights", "shuffle", "bootstrap", "lineup", "novelty", "held_out"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_ONE = np.uint64(1)
_TO_UNIT = 2.0**-53


@njit(cache=True, nogil=True, inline="always")
def mix(bits: np.uint64) -> np.uint64:
    """A bijection of 64 bits in which every input bit moves every output bit."""
    bits = (bits ^ (bits >> _S30)) * _MIX_1
    bits = (bits ^ (bits >> _S27)) * _MIX_2
    return bits ^ (bits >> _S31)


@njit(cache=True, nogil=True, inline="always")
def draw(key: np.uint64, counter: np.uint64) -> np.uint64:
    """The `counter`-th 64 random bits of the stream `key`."""
    return mix(mix(key) + (counter + _ONE) * _GOLDEN)


@njit(cache=True, nogil=True, inline="always")
def uniform(key: np.uint64, counter: np.uint64) -> float:
    """The `counter`-th number of the stream `key`, uniform on [0, 1) with 53 bits."""
    return float(draw(key, counter) >> _S11) * _TO_UNIT


_mix_array = getattr(mix, "py_func", mix)  # the uncompiled mixer, which takes arrays of any shape


def stream(run_seed: int, purpose: Purpose, copy: ArrayLike = 0, episode: ArrayLike = 0) -> np.ndarray:
    """Keys of the streams for (run_seed, purpose, copy, episode): uint64, of the broadcast shape of copy and episode."""
    with np.errstate(over="ignore"):
        key = _mix_array(np.asarray(int(run_seed) & 0xFFFF_FFFF_FFFF_FFFF, np.uint64) + _GOLDEN)
        for part in (PURPOSES.index(purpose) + 1, copy, episode):
            key = _mix_array(_mix_array(key) + (np.asarray(part).astype(np.uint64) + _ONE) * _GOLDEN)
        return np.asarray(key, np.uint64)


@njit(cache=True, nogil=True)
def fill_action_noise(noise: np.ndarray, seeds: np.ndarray, decisions: np.ndarray, first_seat: int) -> None:
    """Uniform (0, 1) float32 noise [N, A, K] for the next action of each seat, keyed by (episode seed, seat, decision).

    seeds      uint64 [N], the seed of the episode each copy plays
    decisions  int64 [N, A], decisions the seat has made in this episode
    first_seat the number of the first of the A columns among all agents of the world
    """
    for n in range(noise.shape[0]):
        episode = mix(seeds[n] ^ _MIX_2)
        for a in range(noise.shape[1]):
            seat = mix(episode + np.uint64(first_seat + a + 1) * _GOLDEN)
            for k in range(noise.shape[2]):
                counter = np.uint64(decisions[n, a]) * np.uint64(noise.shape[2]) + np.uint64(k)
                # 23 bits and a half: never 0 and never 1 in float32, so log(u) and the quantile function are finite
                bits = mix(seat + (counter + _ONE) * _GOLDEN) >> np.uint64(41)
                noise[n, a, k] = np.float32((float(bits) + 0.5) * 2.0**-23)
