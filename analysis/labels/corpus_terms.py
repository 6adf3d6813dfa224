"""The terms of a corpus of any size: of all its documents, or of an even sample of them.

Memory: `MOST_TOKENS` tokens, one row group of the token table, and one number for each of its rows.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.labels.split import held_out_documents
from analysis.labels.terms import TokenTerms, token_terms
from analysis.runtime.arrays import Bools, Int32s

MOST_TOKENS = 1_000_000
"""Rows of the token table that are read, except that one document is always read whole."""


@dataclass(frozen=True)
class CorpusTerms:
    """The terms of n rows of the token table, and which rows these are."""

    terms: TokenTerms
    """Its arrays have n entries."""
    kept: Bools
    """bool [n]"""
    place: Int32s
    """int32 [N], the index of each row of the token table among the n rows; -1 if not read."""
    documents: int
    """Documents that were read."""
    is_whole: bool
    """Whether all were read."""


def corpus_terms(bundle: Bundle, most_tokens: int = MOST_TOKENS) -> CorpusTerms:
    """Read the terms of evenly spaced documents that have about `most_tokens` tokens together."""
    kept = bundle.kept_tokens
    step = max(1, -(-kept.rows // most_tokens))
    is_read = np.zeros(len(kept.documents), dtype=bool)
    is_read[::step] = True
    of_row = np.repeat(is_read, kept.row_ends - kept.row_starts)
    place = np.where(of_row, np.cumsum(of_row) - 1, -1).astype(np.int32)
    tokens = _rows(bundle, of_row)
    return CorpusTerms(
        terms=token_terms(tokens),
        kept=np.asarray(tokens["kept"], bool),
        place=place,
        documents=int(is_read.sum()),
        is_whole=step == 1,
    )


def held_out_rows(bundle: Bundle) -> Bools:
    """bool [N], the kept rows of the token table in held-out documents."""
    kept = bundle.kept_tokens
    held_out = held_out_documents(kept.documents, bundle.manifest.parameters.seed)
    is_kept = np.diff(kept.before.astype(np.int64), append=kept.total) > 0
    return np.asarray(is_kept & np.repeat(held_out, kept.row_ends - kept.row_starts))


def _rows(bundle: Bundle, wanted: Bools) -> pa.Table:
    """The wanted rows, bool [N], of the token table."""
    pieces, start = [], 0
    for piece in bundle.pieces("tokens"):
        chosen = pa.array(wanted[start : start + piece.num_rows])
        pieces.append(piece.select(["document", "position", "token", "kept"]).filter(chosen))
        start += piece.num_rows
    return pa.concat_tables(pieces)
