"""Split the documents into those from which names are made and those held out to score them.

The split is by document, because the tokens of one document depend on each other. Documents are
ranked by a hash of their id and the seed, and the first third is held out, rounded down. So the
share is exact, the order of the corpus does not matter, and a corpus of one or two documents holds
out none.
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


def split_tokens(tokens: pa.Table, seed: int) -> Split:
    """Which rows of the token table are for naming, and which are held out."""
    document, kept = tokens["document"].to_numpy(), np.asarray(tokens["kept"], bool)
    ids = np.unique(document)
    is_held_out = held_out_documents(ids, seed)
    held_out = is_held_out[np.searchsorted(ids, document)]
    return Split(ids, is_held_out, kept & ~held_out, kept & held_out)


def held_out_documents(documents: Ints, seed: int) -> Bools:
    """Which of the documents [D], given by their distinct ids, are held out, bool [D]."""
    order = np.lexsort((documents, _hashes(documents.astype(np.uint64), seed)))
    held_out = np.zeros(len(documents), dtype=bool)
    held_out[order[: len(documents) // HELD_OUT]] = True
    return held_out


def _hashes(values: UInt64s, seed: int) -> UInt64s:
    """A 64-bit hash of each value, different for each seed."""
    hashes = values
    for salt in (seed % 2**64, GOLDEN_GAMMA):
        hashes = mixed(hashes ^ np.uint64(salt))
    return hashes
