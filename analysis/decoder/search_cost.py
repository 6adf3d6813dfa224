"""Estimate what it costs to find the neighbours of a decoder, and choose the way by it.

Comparing every pair takes a multiplication of each pair in each dimension; pynndescent takes less
for very many latents, but runs on one thread, misses neighbours and cannot be resumed. So it is
used only where it is `SEVERAL` times cheaper.

The two ways give different bytes, so the choice must not depend on a clock: it follows from the
number of latents and the width alone, at the rates of one slow machine. Equal input therefore gives
equal bytes on every machine, however busy. Only what does not change the bytes is timed: the number
type of the products, and the seconds of the plan (`seconds_here`).
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

SEVERAL = 4.0
"""How many times cheaper pynndescent must be."""

REFERENCE_SCAN = 0.3e-9
"""Seconds to scan the product of a pair for both of its rows."""
REFERENCE_PAIR = 0.9e-9
"""Seconds to write the product of a pair, and to scan it."""
REFERENCE_PRODUCT = 0.0125e-9
"""Seconds for each dimension of a pair, in float32."""
REFERENCE_VISIT = 3.0e-6
REFERENCE_DIMENSION = 0.02e-6


def compares_every_pair(latents: int, width: int) -> bool:
    """Whether every pair of this many eligible latents is compared; else pynndescent searches."""
    return comparing_seconds(latents, width) < SEVERAL * searching_seconds(latents, width)


def comparing_seconds(latents: int, width: int) -> float:
    """Seconds of comparing every pair on the slow machine."""
    return latents**2 / 2 * (REFERENCE_PAIR + REFERENCE_PRODUCT * width)


def searching_seconds(latents: int, width: int) -> float:
    """Seconds of pynndescent on the slow machine."""
    return latents * math.log2(max(latents, 2)) * (REFERENCE_VISIT + REFERENCE_DIMENSION * width)


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
        return searching_seconds(latents, width)
    if latents < WORTH_TIMING:
        return comparing_seconds(latents, width)
    product = seconds_of_pair(number_type(latents, width), width)
    return latents**2 / 2 * (product + REFERENCE_SCAN)


def description(latents: int, width: int) -> str:
    """How the neighbours of this many latents will be found, and how long it takes here."""
    way = "every pair of latents is compared"
    if not compares_every_pair(latents, width):
        way = "pynndescent searches, because comparing every pair takes several times as long"
    return f"Neighbours: {way}, in about {numbers.duration(seconds_here(latents, width))}."
