"""Exact joint counts on demand: for one pair, and for every pair of a selection.

Both read only the stored activations of the given latents. They do not use the partner table, so
they also count pairs that it does not keep.
"""

import numba
import numpy as np
import numpy.typing as npt

from analysis.bundle import Activations
from analysis.cooccurrence.association import TwoByTwo
from analysis.runtime.arrays import Int32s, Ints, UInt32s

LARGEST_MATRIX = 2_000
"""Most latents of a joint matrix."""
SPAN_ROWS = 1 << 22
"""Rows of the token table that are counted at a time: 32 MB, which fits a cache."""


def pair_table(activations: Activations, a: int, b: int, n_tokens: int) -> TwoByTwo:
    """The 2x2 table of two latents over `n_tokens` kept tokens, from the stored activations."""
    first, _ = activations.of_latent(a)
    second, _ = activations.of_latent(b)
    return TwoByTwo.from_margins(shared(first, second), len(first), len(second), n_tokens)


@numba.njit(nogil=True, cache=True)
def shared(first: UInt32s | Ints, second: UInt32s | Ints) -> int:
    """Number of values that two ascending arrays [m] and [n] have in common."""
    i, j, total = 0, 0, 0
    while i < len(first) and j < len(second):
        x, y = first[i], second[j]
        total += x == y
        i += x <= y
        j += y <= x
    return total


def joint_matrix(activations: Activations, latents: npt.ArrayLike) -> Ints:
    """Joint tokens int64 [m, m] of up to 2,000 latents, in their order.

    The diagonal holds the active tokens of each latent. Raises ValueError if there are more
    latents, or one occurs twice.
    """
    wanted = np.asarray(latents, dtype=np.int64)
    order = np.argsort(wanted)
    if len(wanted) > LARGEST_MATRIX or len(np.unique(wanted)) < len(wanted):
        raise ValueError(f"a joint matrix takes at most {LARGEST_MATRIX:,} different latents")
    matrix = np.zeros((len(wanted), len(wanted)), dtype=np.int64)
    rows, counts = activations.tokens_of(wanted[order])
    ends = np.cumsum(counts)
    cursor = ends - counts
    following, owner = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int32)
    for start in range(0, len(activations.token_ends), SPAN_ROWS):
        size = min(SPAN_ROWS, len(activations.token_ends) - start)
        newest = np.full(size, -1, dtype=np.int64)
        _count_span(rows, ends, cursor, start, newest, following, owner, matrix)
    back = np.argsort(order)
    return matrix[np.ix_(back, back)]


@numba.njit(nogil=True, cache=True)
def _count_span(
    rows: UInt32s,
    ends: Ints,
    cursor: Ints,
    start: int,
    newest: Ints,
    following: Ints,
    owner: Int32s,
    matrix: Ints,
) -> None:
    """Count the pairs of latents on token rows start .. start + len(newest) - 1.

    The activations on one row form a chain, from the latest one counted to the first: newest [span]
    is the head of each row's chain, following [m] the next link, owner [m] the latent. Each
    activation is paired with all earlier ones of its row. Adds to both halves of `matrix` and
    advances `cursor` [latents], the next activation of each latent.
    """
    for i in range(len(ends)):
        k = cursor[i]
        while k < ends[i] and rows[k] < start + len(newest):
            row = np.int64(rows[k]) - start
            owner[k] = i
            other = newest[row]
            while other >= 0:
                matrix[i, owner[other]] += 1
                matrix[owner[other], i] += 1
                other = following[other]
            matrix[i, i] += 1
            following[k] = newest[row]
            newest[row] = k
            k += 1
        cursor[i] = k
