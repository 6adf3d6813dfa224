"""The hash for sampling tokens, documents and random draws; equal on every machine and version."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Words = TypeVar("Words", np.uint64, npt.NDArray[np.uint64])

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
"""The increment of SplitMix64: an odd number near 2^64 divided by the golden ratio."""


def mixed(z: Words) -> Words:
    """A hash of each 64-bit word: the finaliser of SplitMix64; Steele, Lea and Flood 2014.

    It is a bijection, so different words never collide. numba can compile it for scalars.
    """
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
