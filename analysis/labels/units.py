"""Units: the tokens of a text, with the pieces of one character joined.

A byte-level tokenizer can cut a character; its parts are shown as ⟨e4 bd⟩⟨a0⟩. Such tokens are
joined into one unit, because no reader can read them alone. All other tokens are units. A unit is
the smallest part of the text that has terms (`terms.py`).
"""

import re
from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.labels.cut_characters import cut_of, decoded
from analysis.runtime.arrays import Bools, Int32s, Ints

_TOKENIZER_SPACE = re.compile("^[Ġ▁]")


@dataclass(frozen=True)
class Units:
    """The U units of N rows of the token table."""

    of_row: Int32s
    """int32 [N], the unit of each row."""
    starts: Ints
    """int64 [U], its first row."""
    code: Int32s
    """int32 [U], index of its text."""
    texts: list[str]
    """The distinct texts, with a leading space where a word begins."""
    follows: Bools
    """bool [U], whether it comes directly after the unit before it in the same document."""


def token_units(tokens: pa.Table) -> Units:
    """The units of the bundle's `tokens` table [N]."""
    codes, texts = _dictionary(tokens["token"])
    document, position = tokens["document"].to_numpy(), tokens["position"].to_numpy()
    follows = np.zeros(len(codes), dtype=bool)
    follows[1:] = (document[1:] == document[:-1]) & (position[1:] == position[:-1] + 1)
    cuts = np.array([cut_of(text) for text in texts], dtype=np.int8).reshape(-1, 3)
    joined = _joined(codes, follows, cuts)
    starts = np.flatnonzero(~joined)
    ends = np.append(starts[1:], len(codes)).astype(np.int64)
    _, first, code = np.unique(
        sequence_hashes(codes, starts, ends), return_index=True, return_inverse=True
    )
    return Units(
        of_row=(np.cumsum(~joined) - 1).astype(np.int32),
        starts=starts,
        code=code.astype(np.int32),
        texts=[decoded("".join(texts[c] for c in codes[starts[i] : ends[i]])) for i in first],
        follows=follows[starts],
    )


@numba.njit(cache=True)
def sequence_hashes(codes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A 64-bit FNV-1a hash of each of the sequences codes[starts[i]:ends[i]]."""
    result = np.empty(len(starts), dtype=np.uint64)
    for i in range(len(starts)):
        value = np.uint64(14695981039346656037)
        for j in range(starts[i], ends[i]):
            value = (value ^ np.uint64(codes[j] + 1)) * np.uint64(1099511628211)
        result[i] = value
    return result


def _dictionary(column: pa.ChunkedArray) -> tuple[Int32s, list[str]]:
    """Codes int32 [N] into the distinct texts of a column; tokenizer marks become spaces."""
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], column.type)
    texts = [_TOKENIZER_SPACE.sub(" ", text or "") for text in whole.dictionary.to_pylist()]
    return whole.indices.to_numpy(zero_copy_only=False).astype(np.int32), texts


@numba.njit(cache=True)
def _joined(codes: np.ndarray, follows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """bool [N], whether a row ends a character that the row before it begins.

    cuts int8 [texts, 3] are those of `cut_of`.
    """
    joined = np.zeros(len(codes), dtype=np.bool_)
    lacking = 0
    for i in range(len(codes)):
        begins, lacks, only = cuts[codes[i]]
        if follows[i] and begins > 0 and lacking >= begins:
            joined[i] = True
            lacking = lacking - begins if only else lacks
        else:
            lacking = lacks
    return joined
