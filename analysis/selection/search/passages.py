"""The corpus cut into passages for full text, with the place and the word of every token."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.runtime.arrays import Ints
from analysis.selection.search.folded_text import (
    LONGEST_WORD,
    folded,
    own_word,
    whole_characters,
    word_spans,
)

CORE = 256
"""Tokens of a passage."""
OVERLAP = 16
"""Tokens of the next passage that are repeated, so that a text of so many tokens is found."""


@dataclass(frozen=True)
class Passage:
    """Tokens of one document."""

    document: int
    first: int
    """Row of the token table."""
    core: int
    """Tokens that are in no later passage."""
    tokens: list[str]
    """[n] as they are shown, without the bytes of cut characters."""

    @property
    def folded_tokens(self) -> list[str]:
        """[n]"""
        return [folded(token) for token in self.tokens]

    def words(self) -> list[str]:
        """The folded word of every token of the core."""
        tokens = self.folded_tokens
        text = "".join(tokens)
        ends = np.cumsum([len(token) for token in tokens])
        spans = word_spans(text)
        return [
            own_word(token) or _word_between(text, spans, int(end) - len(token), int(end))
            for token, end in zip(tokens[: self.core], ends, strict=False)
        ]


def _word_between(text: str, spans: list[tuple[int, int]], start: int, end: int) -> str:
    """The first word that reaches into text[start:end]."""
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] > start:
            high = middle
        else:
            low = middle + 1
    if low == len(spans) or spans[low][0] >= end:
        return ""
    return text[spans[low][0] : spans[low][1]][:LONGEST_WORD]


class _Pending(NamedTuple):
    """Tokens of the document that is being read."""

    document: int
    first: int
    tokens: list[str]


def passages(bundle: Bundle) -> Iterator[Passage]:
    """All passages of the corpus, in order. One row group of the token table is in memory."""
    pending, row = _Pending(-1, 0, []), 0
    for piece in bundle.pieces("tokens"):
        tokens = piece["token"].cast(pa.string()).to_pylist()
        for start, stop, document in _documents(piece["document"].to_numpy()):
            if document != pending.document:
                yield from _cut(pending, is_whole=True)
                pending = _Pending(document, row + start, [])
            pending.tokens.extend(tokens[start:stop])
            used = 0
            for passage in _cut(pending, is_whole=False):
                yield passage
                used += passage.core
            pending = _Pending(document, pending.first + used, pending.tokens[used:])
        row += len(tokens)
    yield from _cut(pending, is_whole=True)


def _documents(ids: Ints) -> Iterator[tuple[int, int, int]]:
    """Runs of one document: first row, the row after the last, id."""
    edges = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
    for start, stop in itertools.pairwise(edges):
        if stop > start:
            yield start, stop, int(ids[start])


def _cut(pending: _Pending, *, is_whole: bool) -> Iterator[Passage]:
    """The passages that can be cut off; all of them if the document is whole."""
    start, tokens = 0, pending.tokens
    while start < len(tokens) if is_whole else len(tokens) - start > CORE + OVERLAP:
        left = len(tokens) - start
        core = left if left <= CORE + OVERLAP else _core(tokens, start)
        shown = whole_characters(tokens[start : start + core + OVERLAP])
        yield Passage(pending.document, pending.first + start, core, shown)
        start += core


def _core(tokens: list[str], start: int) -> int:
    """Tokens up to the last that begins a word, at most CORE."""
    for core in range(CORE, CORE - OVERLAP, -1):
        if not tokens[start + core][:1].isalnum():
            return core
    return CORE
