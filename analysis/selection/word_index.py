"""The words of labels, explanations and top tokens, so that a search reads each of them once.

A text without a space is in a label if it is in one of the pieces between the label's spaces. Many
latents share their words: a million latents have a few hundred thousand distinct ones. For a text
with spaces the pieces give candidates, whose labels and explanations are then read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.runtime.arrays import Bools, Int32s, Ints
from analysis.selection.marked_ranges import mark_ranges

COLUMNS = ("label", "explanation")
SPACE = " "
MANY_LATENTS = 200_000
"""Fewer are searched as fast without an index."""
MOST_PIECES = 40_000_000
"""Pieces and top tokens: 40 of each latent at a million latents, with 4 bytes each in the index and
16 while it is made."""
_AT_ONCE = 65_536
"""Texts that are split at once."""
_WORD = 32
"""Bits of a latent below the word in a sorted key."""


@dataclass(frozen=True)
class WordIndex:
    """Which latents have which words."""

    n_latents: int
    words: pa.Array
    """Distinct pieces of labels and explanations between spaces, and whole top tokens."""
    first: Ints
    """[words + 1] where the latents of each word begin."""
    latents: Int32s
    """The latents that have each word, one after another."""

    def latents_with(self, hits: Bools) -> Bools:
        """Latents that have any of the words for which `hits` [words] is true: [n_latents]."""
        mask = np.zeros(self.n_latents, dtype=bool)
        words = np.flatnonzero(hits)
        mark_ranges(mask, self.latents, self.first[words], self.first[words + 1])
        return mask


@kept_for_bundle
def word_index(bundle: Bundle) -> WordIndex | None:
    """The index of a bundle; None if it would have too many pieces.

    Takes a few seconds at a million latents that all have an explanation.
    """
    if _count(bundle) > MOST_PIECES:
        return None
    texts, owners = zip(*_pieces(bundle), strict=True)
    unified = pa.chunked_array(texts, pa.dictionary(pa.int32(), pa.string())).unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in unified.chunks]).astype(np.int64)
    keys = (codes << _WORD) | np.concatenate(owners)
    del codes, owners, texts
    keys.sort()
    is_new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
    keys = keys[is_new]
    words = unified.chunk(0).dictionary
    first = np.searchsorted(keys, np.arange(len(words) + 1, dtype=np.int64) << _WORD)
    return WordIndex(bundle.latents.num_rows, words, first, keys.astype(np.int32))


def _pieces(bundle: Bundle) -> Iterator[tuple[pa.DictionaryArray, Ints]]:
    """All pieces and top tokens, and the latent of each."""
    top = bundle.top_words
    yield pa.DictionaryArray.from_arrays(pa.array(top.codes, pa.int32()), top.words), top.latents
    for column in COLUMNS:
        for start in range(0, bundle.latents.num_rows, _AT_ONCE):
            texts = bundle.latents[column].slice(start, _AT_ONCE).combine_chunks()
            some = np.flatnonzero(pc.greater(pc.binary_length(texts), 0))
            lists = pc.split_pattern(texts.take(pa.array(some)), SPACE)
            owners = some[pc.list_parent_indices(lists).to_numpy()] + start
            yield lists.flatten().dictionary_encode(), owners


def _count(bundle: Bundle) -> int:
    """How many pieces and top tokens there are, at most."""
    table = bundle.latents
    spaces = sum(pc.sum(pc.count_substring(table[name], SPACE)).as_py() or 0 for name in COLUMNS)
    return int(spaces) + len(COLUMNS) * table.num_rows + len(bundle.top_words.codes)
