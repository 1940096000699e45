"""Digests: a few bytes that stand for everything a world's copy is and tells at a moment."""

import hashlib
from collections.abc import Mapping

import numpy as np

from marl_ppo.envs.world import Array

LEFT_OUT = "outputs.state"
"""follows from the rest, and is not written where nobody reads it"""


def state_digest(moment: Mapping[str, Array], before: int = 0) -> int:
    """64 bits of one copy's snapshot, and of `before`, the digest of the moment before it, so that they form a chain."""
    digest = hashlib.blake2b(np.uint64(before).tobytes(), digest_size=8)
    for name in sorted(moment):
        if name != LEFT_OUT:
            digest.update(np.ascontiguousarray(moment[name]).tobytes())
    return int.from_bytes(digest.digest(), "little")
