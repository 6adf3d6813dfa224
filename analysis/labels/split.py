"""Which documents name the latents, and which are held out to score the names.

The split is by document, since the tokens of one document repeat each other. Documents are ranked
by a hash of their id and the seed, and those of the first third of the ranks are held out: the
share is exact, the order of the corpus does not matter, and a corpus of one or two documents holds
out none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.runtime.hashing import GOLDEN_GAMMA, mixed

HELD_OUT = 3
"""One document of so many is held out."""


@dataclass(frozen=True)
class Split:
    """The documents, and the rows of the token table, in two parts."""

    ids: np.ndarray
    """int64 [D], the documents."""
    is_held_out: np.ndarray
    """bool [D]"""
    naming: np.ndarray
    """bool [N], kept tokens of the naming documents."""
    held_out: np.ndarray
    """bool [N], kept tokens of the held-out documents."""


def split_tokens(tokens: pa.Table, seed: int) -> Split:
    """Which rows of the token table name, and which are held out."""
    document, kept = tokens["document"].to_numpy(), np.asarray(tokens["kept"], bool)
    ids = np.unique(document)
    is_held_out = held_out_documents(ids, seed)
    held_out = is_held_out[np.searchsorted(ids, document)]
    return Split(ids, is_held_out, kept & ~held_out, kept & held_out)


def held_out_documents(documents: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.bool_]:
    """Which of the documents [D], given by their distinct ids, are held out, bool [D]."""
    order = np.lexsort((documents, _hashes(documents.astype(np.uint64), seed)))
    held_out = np.zeros(len(documents), dtype=bool)
    held_out[order[: len(documents) // HELD_OUT]] = True
    return held_out


def _hashes(values: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each value, different for each seed."""
    hashes = values
    for salt in (seed % 2**64, GOLDEN_GAMMA):
        hashes = mixed(hashes ^ np.uint64(salt))
    return hashes
