"""Estimate what it costs to find the neighbours of a decoder, and choose the way by it.

Comparing every pair multiplies each pair in each dimension. pynndescent visits fewer pairs of very
many latents, but runs on one thread, misses neighbours and cannot be resumed, so it is used only
where it is `SEVERAL` times cheaper.

The two ways give different bytes, so the choice does not depend on a clock: it follows from the
number of eligible latents and the width alone, at the rates of one slow machine. Equal input
therefore gives equal bytes on every machine, however busy. Only what leaves the bytes as they are
is timed: the number type of the products, and the seconds of the plan (`seconds_here`).
"""

import math

import torch

from analysis.decoder.products import fastest_exact_dtype, is_int8_fast, seconds_of_pair
from analysis.runtime import numbers

LARGEST_EXACT = 32_768
"""Eligible latents up to which int8 is not used: 16,384 of width 768 take 1 s, so it would save
little."""

WORTH_TIMING = 4_096
"""Latents from which timing the number types pays off."""

ALWAYS_COMPARED = 262_144
"""Eligible latents up to which every pair is compared, whatever the width."""

SEVERAL = 8.0
"""How many times cheaper pynndescent must be on the slow machine, which has two cores. With eight
cores, comparing is four times as fast, and pynndescent is not."""

# The slow machine has two cores with AVX2 and no instruction for int8. Measured there in float32:
# 262,144 x 768 in 350 s (700 s of CPU time).
SCAN = 1.6e-9
"""Seconds to write the product of a pair and to scan it for both of its rows."""
PRODUCT = 0.0115e-9
"""Seconds for each dimension of a pair."""

# Measured there with 46 neighbours, of which 30 are kept: 32,768 latents in 13 s of CPU time, for
# 128 and for 768 dimensions; 1,048,576 x 128 in more than 2,100 s. A visit takes longer the less of
# the decoder is in the caches.
VISIT = 27.2e-6
"""Seconds of pynndescent for each latent and doubling of their number, with 32,768 latents."""
GROWTH = 0.38
"""Exponent of the number of latents by which a visit takes longer."""


def compares_every_pair(latents: int, width: int) -> bool:
    """Whether every pair of this many eligible latents is compared; else pynndescent searches."""
    if latents <= ALWAYS_COMPARED:
        return True
    return comparing_seconds(latents, width) < SEVERAL * searching_seconds(latents)


def comparing_seconds(latents: int, width: int) -> float:
    """Seconds of comparing every pair on the slow machine."""
    return latents**2 / 2 * (SCAN + PRODUCT * width)


def searching_seconds(latents: int) -> float:
    """Seconds of pynndescent on the slow machine."""
    visits = latents * math.log2(max(latents, 2))
    return visits * VISIT * (latents / 32_768) ** GROWTH


def number_type(latents: int, width: int, largest_exact: int = LARGEST_EXACT) -> torch.dtype:
    """The number type in which this machine compares this many latents fastest.

    Up to `largest_exact` latents, one with a proven error bound.
    """
    if latents > largest_exact and is_int8_fast(width):
        return torch.int8
    return fastest_exact_dtype(width) if latents >= WORTH_TIMING else torch.float32


def seconds_here(latents: int, width: int) -> float:
    """Estimated seconds of finding the neighbours on this machine, if all latents are eligible.

    Products are timed on a block of the size that is used; searching has the slow machine's rate.
    """
    if not compares_every_pair(latents, width):
        return searching_seconds(latents)
    if latents < WORTH_TIMING:
        return comparing_seconds(latents, width)
    product = seconds_of_pair(number_type(latents, width), width)
    return latents**2 / 2 * (product + SCAN)


def description(latents: int, width: int) -> str:
    """How the neighbours of this many latents will be found, and how long it takes here."""
    way = "every pair of latents is compared"
    if not compares_every_pair(latents, width):
        way = "pynndescent searches, because comparing every pair takes several times as long"
    return f"Neighbours: {way}, in about {numbers.duration(seconds_here(latents, width))}."
