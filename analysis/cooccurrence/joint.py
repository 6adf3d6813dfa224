"""Exact joint counts on demand: of any pair, and of every pair of a selection.

Both read the stored activations of the asked latents alone. The counts of the whole SAE are made
once, when the bundle is built (`partners.py`); here nothing is taken from that list, so pairs that
it does not keep are counted as well.
"""

import numba
import numpy as np
import numpy.typing as npt

from analysis.bundle import Activations
from analysis.cooccurrence.association import TwoByTwo

LARGEST_MATRIX = 2_000
SPAN_ROWS = 1 << 22
"""Rows of the token table that are worked on at a time: 32 MB, which a cache holds."""

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.uint32]


def pair_table(activations: Activations, a: int, b: int, n_tokens: int) -> TwoByTwo:
    """The whole 2x2 table of two latents over the kept tokens, from the stored activations."""
    first, _ = activations.of_latent(a)
    second, _ = activations.of_latent(b)
    return TwoByTwo.from_margins(shared(first, second), len(first), len(second), n_tokens)


@numba.njit(nogil=True, cache=True)
def shared(first: Rows | Ints, second: Rows | Ints) -> int:
    """How many numbers two ascending arrays share."""
    i, j, total = 0, 0, 0
    while i < len(first) and j < len(second):
        x, y = first[i], second[j]
        total += x == y
        i += x <= y
        j += y <= x
    return total


def joint_matrix(activations: Activations, latents: npt.ArrayLike) -> Ints:
    """Joint counts [m, m] of up to 2,000 latents, in their order; the diagonal counts tokens.

    Reads the row groups of these latents alone. ValueError: more latents, or one twice.
    """
    wanted = np.asarray(latents, dtype=np.int64)
    order = np.argsort(wanted)
    if len(wanted) > LARGEST_MATRIX or len(np.unique(wanted)) < len(wanted):
        raise ValueError(f"a joint matrix is of at most {LARGEST_MATRIX} different latents")
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
    rows: Rows,
    ends: Ints,
    cursor: Ints,
    start: int,
    newest: Ints,
    following: Ints,
    owner: npt.NDArray[np.int32],
    matrix: Ints,
) -> None:
    """Count the pairs on token rows from `start` on, [len(newest)] of them.

    A row holds a chain of the activations that were met on it, the newest first: newest [span] is
    where it begins, following [m] how it goes on, owner [m] whose it is. Each activation meets all
    earlier ones once. cursor [latents] moves on; matrix is filled on both sides.
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
