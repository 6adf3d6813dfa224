"""Split the documents into those from which names are made and those held out to score them.

The split is by document, because the tokens of one document depend on each other. Documents are
ranked by a hash of their id and the seed, and the first third is held out, rounded down. So the
share is exact, the order of the corpus does not matter, and a corpus of one or two documents holds
out none. The naming documents are split in two halves, so that what holds in one of them only can
be noticed without the held-out documents.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analysis.runtime.arrays import Bools, Ints, UInt64s
from analysis.runtime.hashing import GOLDEN_GAMMA, mixed

HELD_OUT = 3
"""One document in this many is held out."""


@dataclass(frozen=True)
class Split:
    """The documents and the rows of the token table, in two parts."""

    ids: Ints
    """int64 [D], the documents."""
    is_held_out: Bools
    """bool [D]"""
    naming: Bools
    """bool [N], kept tokens of the naming documents."""
    held_out: Bools
    """bool [N], kept tokens of the held-out documents."""
    second_half: Bools
    """bool [N], kept tokens of every second naming document, in the order of their hashes."""


def split_tokens(tokens: pa.Table, seed: int) -> Split:
    """Which rows of the token table are for naming, and which are held out."""
    document, kept = tokens["document"].to_numpy(), np.asarray(tokens["kept"], bool)
    ids = np.unique(document)
    order = _order(ids, seed)
    is_held_out, is_second = np.zeros((2, len(ids)), dtype=bool)
    is_held_out[order[: len(ids) // HELD_OUT]] = True
    is_second[order[len(ids) // HELD_OUT + 1 :: 2]] = True
    held_out, second = (part[np.searchsorted(ids, document)] for part in (is_held_out, is_second))
    return Split(ids, is_held_out, kept & ~held_out, kept & held_out, kept & second)


def held_out_documents(documents: Ints, seed: int) -> Bools:
    """Which of the documents [D], given by their distinct ids, are held out, bool [D]."""
    held_out = np.zeros(len(documents), dtype=bool)
    held_out[_order(documents, seed)[: len(documents) // HELD_OUT]] = True
    return held_out


def _order(documents: Ints, seed: int) -> Ints:
    """The places of the documents [D], by a hash of their ids."""
    return np.lexsort((documents, _hashes(documents.astype(np.uint64), seed)))


def _hashes(values: UInt64s, seed: int) -> UInt64s:
    """A 64-bit hash of each value, different for each seed."""
    hashes = values
    for salt in (seed % 2**64, GOLDEN_GAMMA):
        hashes = mixed(hashes ^ np.uint64(salt))
    return hashes
