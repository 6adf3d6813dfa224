"""Search labels, explanations and top tokens, for a text or a regular expression."""

import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.selection.word_index import COLUMNS, MANY_LATENTS, SPACE, WordIndex, word_index

Matches = Callable[[pa.Array], Bools]
"""Which of some texts match."""
MOST_SECONDS = 1.0
"""CPU time of one regular expression."""
_MOST_AT_ONCE = 65_536
"""Texts between two looks at the clock; the first look is after one text."""


def containing(text: str) -> Matches:
    """Texts that contain this one, in upper or lower case."""
    return lambda texts: np.asarray(pc.match_substring(texts, text, ignore_case=True))


def matching(pattern: str) -> Matches:
    """Texts in which a regular expression of RE2 matches somewhere, in upper or lower case.

    RE2 takes a time that is linear in the length of the text. Because the factor grows with the
    expression, the time is also limited: raises InputError after MOST_SECONDS of CPU time for all
    calls together.
    """
    spent = 0.0

    def matches(texts: pa.Array) -> Bools:
        nonlocal spent
        found = np.zeros(len(texts), dtype=bool)
        start, at_once = 0, 1
        while start < len(texts):
            began = time.thread_time()
            part = texts.slice(start, at_once)
            found[start : start + at_once] = pc.match_substring_regex(
                part, pattern, ignore_case=True
            )
            spent += time.thread_time() - began
            if spent > MOST_SECONDS:
                raise InputError(
                    f"Selection: the regular expression /{pattern}/ takes longer than "
                    f"{MOST_SECONDS:g} s for this bundle; write one with fewer repetitions."
                )
            start += at_once
            at_once = min(2 * at_once, _MOST_AT_ONCE)
        return found

    return matches


def latents_containing(bundle: Bundle, text: str) -> Bools:
    """Latents whose label, explanation or one of whose top tokens contains a text: [n_latents].

    The same as `latents_matching` with `containing(text)`, by the words of a large bundle.
    """
    matches, pieces = containing(text), text.split(SPACE)
    index = index_of_words(bundle) if any(pieces) else None
    if index is None:
        return latents_matching(bundle, matches)
    mask = index.latents_with(matches(index.words))
    if len(pieces) > 1:
        some = np.flatnonzero(_with_pieces(index, pieces) & ~mask)
        for column in COLUMNS:
            texts = bundle.latents[column].take(pa.array(some)).combine_chunks()
            mask[some[matches(texts)]] = True
    return mask


def index_of_words(bundle: Bundle) -> WordIndex | None:
    """The index of a bundle's words; None if it has few latents or too many words for one."""
    return word_index(bundle) if bundle.latents.num_rows >= MANY_LATENTS else None


def _with_pieces(index: WordIndex, pieces: list[str]) -> Bools:
    """Latents with words in which all pieces of a text with spaces may be.

    The first piece ends a word, the last one begins a word, and the others are words.
    """
    mask: Bools = np.ones(index.n_latents, dtype=bool)
    tests = [pc.ends_with, *[pc.match_substring] * (len(pieces) - 2), pc.starts_with]
    for piece, test in zip(pieces, tests, strict=True):
        if piece:
            hits = test(index.words, piece, ignore_case=True)
            mask &= index.latents_with(np.asarray(hits))
    return mask


def latents_matching(bundle: Bundle, matches: Matches) -> Bools:
    """Latents whose label, explanation or one of whose top tokens matches: a mask [n_latents]."""
    mask: Bools = np.zeros(bundle.latents.num_rows, dtype=bool)
    for column in COLUMNS:
        first = 0
        for texts in bundle.latents[column].chunks:
            # Of texts that are all empty, such as absent explanations, one is enough.
            is_empty = not pc.any(pc.greater(pc.binary_length(texts), 0)).as_py()
            found = matches(texts.slice(0, 1) if is_empty else texts)
            mask[first : first + len(texts)] |= found
            first += len(texts)
    words = bundle.top_words
    hits = matches(words.words)
    mask[words.latents[hits[words.codes]]] = True
    return mask
