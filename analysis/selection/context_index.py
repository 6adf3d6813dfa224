"""Which latents have a text in their strongest contexts.

The index holds the text of the corpus and the places of the contexts, but no text twice: a search
finds the text in the corpus, and then the contexts around these places.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, KeptTokens
from analysis.bundle.damage import damaged
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.runtime.arrays import Bools, Int32s, Ints
from analysis.runtime.errors import InputError
from analysis.selection.marked_ranges import mark_ranges

MOST_BYTES = 256_000_000
"""Of the text of a corpus that is searched."""
MOST_CONTEXTS = 24_000_000
"""Contexts in the index, with 8 bytes each: 24 of each latent at a million latents."""
KIND = "top"
"""Contexts in which a latent is strongest."""
_LATENT = 31
"""Bits of a latent in the number by which contexts are sorted."""
_AT_ONCE = 1 << 18
"""Bytes that are compared at once."""


class _Corpus(NamedTuple):
    text: np.ndarray
    """uint8 [bytes]: all tokens in lower case, joined, in UTF-8."""
    starts: Int32s
    """[tokens + 1] where each token begins."""
    positions: Int32s
    """[tokens] position of each token in its document."""


@dataclass(frozen=True)
class ContextIndex:
    """The text of a corpus, and the contexts of the latents."""

    n_latents: int
    text: np.ndarray
    """uint8 [bytes]: all tokens in lower case, joined, in UTF-8."""
    starts: Int32s
    """[tokens + 1] where each token begins."""
    kept: KeptTokens
    first: Int32s
    """[tokens + 1] the first context whose picked token is this row of the token table or later."""
    latents: Int32s
    """[contexts] whose context it is, by the row of the picked token."""
    length: int
    """Tokens of a context, of which length // 2 come before the picked token."""

    def latents_with(self, text: str) -> Bools:
        """Latents that have the whole text in one of the contexts: a mask [n_latents].

        Upper and lower case are equal. The text may span several tokens.
        """
        mask = np.zeros(self.n_latents, dtype=bool)
        needle = lower_bytes(text)
        if not needle:
            mask[self.latents] = True
            return mask
        first, last = self.spans_of(needle)
        document = self.kept.documents_of(first)
        low = np.maximum(last - self.length + 1 + self.length // 2, self.kept.row_starts[document])
        high = np.minimum(first + self.length // 2, self.kept.row_ends[document] - 1)
        inside = low <= high
        low, high = _joined(low[inside], high[inside])
        mark_ranges(mask, self.latents, self.first[low], self.first[high + 1])
        return mask

    def spans_of(self, needle: bytes) -> tuple[Ints, Ints]:
        """The rows of the first and the last token of each place of a text (`lower_bytes`).

        A place is inside one document. Both arrays ascend.
        """
        begins = _places(self.text, np.frombuffer(needle, dtype=np.uint8))
        first = _place_among(self.starts, begins, "right") - 1
        last, end = first.copy(), begins + len(needle)
        # A text spans few tokens: one step each is faster than a search in all of them.
        spanning = np.flatnonzero(end > self.starts[last + 1])
        while len(spanning):
            last[spanning] += 1
            spanning = spanning[end[spanning] > self.starts[last[spanning] + 1]]
        inside = last < self.kept.row_ends[self.kept.documents_of(first)]
        return first[inside], last[inside]


def first_contexts(rows: Int32s, tokens: int) -> Int32s:
    """[tokens + 1] the first of some rows [contexts], once they ascend, that is each or later."""
    first = np.zeros(tokens + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=tokens), out=first[1:])
    return first


@kept_for_bundle
def context_index(bundle: Bundle) -> ContextIndex:
    """Read the contexts and the text of a bundle; takes seconds for a large bundle.

    Raises InputError if the corpus or the number of contexts is too large to be searched.
    """
    corpus = _corpus(bundle)
    rows, latents = _contexts(bundle, corpus.positions)
    first = first_contexts(rows, len(corpus.positions))
    # As one number, because sorting places by millions of rows takes five times as long.
    both = (rows.astype(np.int64) << _LATENT) | latents
    both.sort()
    return ContextIndex(
        bundle.latents.num_rows,
        corpus.text,
        corpus.starts,
        bundle.kept_tokens,
        first,
        (both & ((1 << _LATENT) - 1)).astype(np.int32),
        bundle.manifest.parameters.context_tokens,
    )


def _corpus(bundle: Bundle) -> _Corpus:
    texts, lengths, positions, size = [], [], [], 0
    for rows in bundle.pieces("tokens"):
        words = _lower(rows["token"].cast(pa.string()).combine_chunks())
        texts.append(_bytes_of(words))
        lengths.append(pc.binary_length(words).to_numpy())
        positions.append(rows["position"].to_numpy())
        size += len(texts[-1])
        if size > MOST_BYTES:
            raise InputError(
                f"Selection: context() searches corpora of up to {MOST_BYTES // 1_000_000} MB of "
                "text, and that of this bundle is larger; search labels and tokens instead."
            )
    return _Corpus(
        np.concatenate(texts),
        np.concatenate([[0], *lengths]).cumsum(dtype=np.int32),
        np.concatenate(positions),
    )


def _contexts(bundle: Bundle, positions: Int32s) -> tuple[Int32s, Int32s]:
    """The rows of the picked tokens and the latents of the contexts."""
    table = bundle.contexts
    rows, latents, total = [], [], 0
    for every in table.pieces(["latent", "kind", "document", "position"]):
        piece = every.filter(pc.equal(every["kind"].cast(pa.string()), KIND))
        total += piece.num_rows
        if total > MOST_CONTEXTS:
            raise InputError(
                f"Selection: context() searches up to {MOST_CONTEXTS:,} contexts, and this bundle "
                "has more; search labels and tokens instead."
            )
        picked = picked_rows(bundle, piece, positions)
        rows.append(picked.astype(np.int32))
        latents.append(piece["latent"].to_numpy())
    none = np.empty(0, dtype=np.int32)
    return np.concatenate([none, *rows]), np.concatenate([none, *latents])


def picked_rows(bundle: Bundle, contexts: pa.Table, positions: Int32s) -> Ints:
    """The row of the token table [n] of the picked token of each context.

    `positions` [N] of all tokens in their documents. Raises InputError if a context is nowhere.
    """
    kept = bundle.kept_tokens
    document = np.searchsorted(kept.documents, contexts["document"].to_numpy())
    position = contexts["position"].to_numpy()
    picked = kept.row_starts[document] + position
    picked = np.minimum(picked, kept.row_ends[document] - 1)
    # An imported document may lack positions, so that its rows begin or continue elsewhere.
    for moved in np.flatnonzero(positions[picked] != position):
        start, stop = kept.row_starts[document[moved]], kept.row_ends[document[moved]]
        picked[moved] = start + np.searchsorted(positions[start:stop], position[moved])
        if picked[moved] == stop or positions[picked[moved]] != position[moved]:
            raise damaged(bundle.contexts.path, "has positions that their documents lack")
    return picked


def lower_bytes(text: str) -> bytes:
    """A text as it is searched: in lower case, in UTF-8."""
    return _lower(pa.array([text]))[0].as_py().encode()


def _lower(texts: pa.Array) -> pa.Array:
    return pc.utf8_lower(texts)


def _bytes_of(texts: pa.Array) -> np.ndarray:
    """The texts joined, as uint8."""
    joined = texts.cast(pa.large_string()).cast(pa.large_binary())
    _, offsets, data = joined.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[joined.offset : joined.offset + len(joined) + 1]
    return (
        np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]] if data else np.empty(0, np.uint8)
    )


def _joined(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """The union of intervals of rows whose ends ascend, as intervals that do not touch."""
    begins = np.ones(len(low), dtype=bool)
    begins[1:] = low[1:] > high[:-1] + 1
    ends = np.append(begins[1:], True)[: len(low)]
    return low[begins], high[ends]


def _place_among(ascending: Int32s, values: Ints, side: Literal["left", "right"]) -> Ints:
    """`np.searchsorted` without a copy of the array as int64."""
    return np.searchsorted(ascending, values.astype(np.int32), side=side)


def _places(text: np.ndarray, needle: np.ndarray) -> Ints:
    """Where the needle begins in the text, ascending; both uint8."""
    found = [np.empty(0, dtype=np.int64)]
    begins_end = len(text) - len(needle) + 1
    for start in range(0, begins_end, _AT_ONCE):
        stop = min(start + _AT_ONCE, begins_end)
        hits = text[start:stop] == needle[0]
        if len(needle) > 1:
            hits &= text[start + 1 : stop + 1] == needle[1]
        places = np.flatnonzero(hits) + start
        for offset in range(2, len(needle)):
            places = places[text[places + offset] == needle[offset]]
        found.append(places)
    return np.concatenate(found)
