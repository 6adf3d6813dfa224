"""The terms of each token: words, pieces of words and phrases, as people read them.

A language model reads pieces of words; people read words. So each row of the token table has up to
five terms:

- the **word** that contains the token;
- the **piece**, if the token is only part of a word: "straw…", "…ing", or "…berr…" in its middle;
- the word **before** it ("united →");
- the **phrase** of the word and the one before it, and that of the word and the one after it
  ("united states", for both of its words), if it occurs often enough.

A piece continues the word to its left if both are letters or both are digits, without a space
between them. In scripts without spaces a word is an entry of a lexicon (`unspaced.py`). Words that
differ only in case are the same term, which is shown in its most frequent form.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa

from analysis.labels.surfaces import NOT_JOINED, joint, surface
from analysis.labels.units import Units, sequence_hashes, token_units
from analysis.labels.unspaced import segmented
from analysis.labels.unspaced_scripts import is_unspaced
from analysis.runtime.arrays import Bools, Int32s, Ints

MOST_PIECES = 12
"""Most pieces of a word, so that a text without spaces does not make endless words."""

SPACED_UNITS = 0.02
"""If a smaller share of the distinct units has a leading space, each of them counts as a word."""
LEAST_PHRASE = 5
"""Counted occurrences of two words in a row from which they are a phrase."""


@dataclass(frozen=True)
class TokenTerms:
    """The terms of each row of the token table; -1 if it has none of that kind."""

    kinds: tuple[np.ndarray, ...]
    """int32 [N] of each kind: word, piece, before, second and first word of a phrase."""
    shown: list[str]
    """[V], every term as it is shown."""
    core: list[str]
    """[V], its letters in lower case; a term whose core contains another's repeats it."""
    frequency: np.ndarray
    """float64 [V], share of the counted tokens that have the term."""
    rate: np.ndarray
    """float64 [V], occurrences of the term per counted token; a word of several tokens is one."""
    occurrence: np.ndarray
    """int32 [N], which word of the corpus contains the token, counted from 0."""
    first_piece: int
    """Terms from this one on are pieces."""
    first_before: int
    """Terms from this one on are words before."""
    first_second: int
    """Terms from this one on are phrases, as terms of their second word."""
    first_first: int
    """Terms from this one on are the same phrases, as terms of their first word."""

    @property
    def word(self) -> np.ndarray:
        """int32 [N], the word that contains the token."""
        return self.kinds[0]

    @property
    def piece(self) -> np.ndarray:
        """int32 [N], the unit of the token if it is only part of a word."""
        return self.kinds[1]

    @property
    def before(self) -> np.ndarray:
        """int32 [N], the word before it in the document."""
        return self.kinds[2]

    @property
    def second(self) -> np.ndarray:
        """int32 [N], the phrase whose second word contains the token."""
        return self.kinds[3]

    @property
    def first(self) -> np.ndarray:
        """int32 [N], the phrase whose first word contains the token."""
        return self.kinds[4]


def token_terms(tokens: pa.Table, counted: np.ndarray | None = None) -> TokenTerms:
    """The terms of the bundle's `tokens` table [N], without a lexicon.

    `counted` bool [N] selects the tokens that count for the frequencies; None is the kept ones.
    """
    counted = np.asarray(tokens["kept"], bool) if counted is None else counted
    return terms_of_units(token_units(tokens), counted)


def terms_of_units(units: Units, counted: Bools, lexicon: Collection[str] = ()) -> TokenTerms:
    """The terms of the rows [N] of some units.

    `counted` bool [N] selects the tokens that count for the frequencies. `lexicon` has words of
    scripts without spaces, in lower case.
    """
    left, right = _joints(units.texts)
    code = units.code
    continues = units.follows.copy()
    continues[1:] &= (left[code[1:]] == right[code[:-1]]) & (left[code[1:]] > 0)
    _cut_long(continues)
    continues |= segmented(units, lexicon)

    starts = np.flatnonzero(~continues)
    word, words = _word_terms(units, starts)
    piece, pieces = _piece_terms(units, continues)
    is_next = units.follows[starts]
    before = np.where(is_next, np.append(-1, word[:-1])[: len(word)], -1)
    occurrence = np.cumsum(~continues) - 1
    second, phrases = _phrase_terms(word, before, words, _counts(units, counted, occurrence))
    first = np.append(second[1:], -1)[: len(second)]
    firsts = np.cumsum([len(words), len(pieces), len(words), len(phrases)]).tolist()
    row = occurrence[units.of_row].astype(np.int32)
    kinds = tuple(
        rows.astype(np.int32)
        for rows in (word[row], piece[units.of_row], before[row], second[row], first[row])
    )
    for kind, offset in zip(kinds[1:], firsts, strict=True):
        kind[kind >= 0] += offset
    shown = [*words, *pieces, *(f"{text} →" for text in words), *phrases, *phrases]
    core = [*words, *(p.strip("…") for p in pieces), *words, *phrases, *phrases]
    return TokenTerms(
        kinds=kinds,
        shown=shown,
        core=[text.casefold() for text in core],
        frequency=_frequency(kinds, counted, len(shown)),
        rate=_rate(kinds, (row, units.of_row, row, row, row), counted, len(shown)),
        occurrence=row,
        first_piece=firsts[0],
        first_before=firsts[1],
        first_second=firsts[2],
        first_first=firsts[3],
    )


def _joints(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """What each text can be joined with on its left and on its right, uint8 [n] each."""
    left = np.array([joint(text[0]) if text else NOT_JOINED for text in texts], dtype=np.uint8)
    right = np.array([joint(text[-1]) if text else NOT_JOINED for text in texts], dtype=np.uint8)
    spaced = sum(text.startswith(" ") for text in texts)
    if spaced < SPACED_UNITS * len(texts):
        left[:] = NOT_JOINED
    return left, right


@numba.njit(cache=True)
def _cut_long(continues: np.ndarray) -> None:
    """Start a new word after MOST_PIECES pieces, in place."""
    pieces = 0
    for i in range(len(continues)):
        if continues[i] and pieces < MOST_PIECES:
            pieces += 1
        else:
            continues[i] = False
            pieces = 1


def _word_terms(units: Units, starts: Ints) -> tuple[Int32s, list[str]]:
    """The term int32 of each word, and the terms."""
    ends = np.append(starts[1:], len(units.code)).astype(np.int64)
    _, first, inverse, counts = np.unique(
        sequence_hashes(units.code, starts, ends),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    surfaces = [
        surface("".join(units.texts[c] for c in units.code[starts[i] : ends[i]])) for i in first
    ]
    term, words = _fold(surfaces, counts)
    return term[inverse], words


def _piece_terms(units: Units, continues: Bools) -> tuple[Int32s, list[str]]:
    """The piece int32 [U] of each unit that is only part of a word, and the pieces."""
    goes_on = np.append(continues[1:], False)[: len(continues)]
    part = continues | goes_on
    keys, inverse, counts = np.unique(
        np.where(part, units.code.astype(np.int64) * 4 + 2 * continues + goes_on, -1),
        return_inverse=True,
        return_counts=True,
    )
    pieces = [
        "…" * (key // 2 % 2) + surface(units.texts[key // 4]) + "…" * (key % 2)
        for key in keys.tolist()
    ]
    if len(keys) and keys[0] == -1:
        counts[0] = 0
    term, shown = _fold(pieces, counts)
    piece = term[inverse]
    piece[~part] = -1
    return piece, shown


def _phrase_terms(
    word: Int32s, before: Ints, words: Sequence[str], counts: Ints
) -> tuple[Ints, list[str]]:
    """The phrase of each word and the one before it [words of the corpus], and the phrases.

    counts: the counted tokens of each word of the corpus; phrases of words without a letter and
    those that occur less often than LEAST_PHRASE are left out.
    """
    lettered = np.array([any(c.isalpha() for c in text) for text in words], dtype=bool)
    can = (before >= 0) & (counts > 0)
    can[can] = lettered[word[can]] & lettered[before[can]]
    pair, inverse, times = np.unique(
        before[can] * len(words) + word[can], return_inverse=True, return_counts=True
    )
    kept = times >= LEAST_PHRASE
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    phrase = np.full(len(word), -1, dtype=np.int64)
    phrase[can] = number[inverse]
    first, second = np.divmod(pair[kept], max(len(words), 1))
    texts = [
        _phrase(words[a], words[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return phrase, texts


def _phrase(first: str, second: str) -> str:
    """Two words as they are written; scripts without spaces have none."""
    joined = is_unspaced(first[-1]) and is_unspaced(second[0])
    return first + ("" if joined else " ") + second


def _counts(units: Units, counted: Bools, occurrence: Ints) -> Ints:
    """Counted tokens of each word of the corpus."""
    words = int(occurrence[-1]) + 1 if len(occurrence) else 0
    return np.bincount(occurrence[units.of_row[counted]], minlength=words)


def _fold(surfaces: Sequence[str], counts: np.ndarray) -> tuple[Int32s, list[str]]:
    """Merge surfaces that differ only in case: the term of each, and each term's commonest form."""
    terms: dict[str, int] = {}
    shown: list[str] = []
    term_of = np.empty(len(surfaces), dtype=np.int32)
    for i in np.argsort(-counts, kind="stable").tolist():
        key = surfaces[i].casefold()
        if key not in terms:
            terms[key] = len(shown)
            shown.append(surfaces[i])
        term_of[i] = terms[key]
    return term_of, shown


def _frequency(kinds: Sequence[Int32s], counted: Bools, terms: int) -> np.ndarray:
    """Share of the counted tokens that have each term, float64 [terms]."""
    counts = np.zeros(terms)
    for rows in kinds:
        counts += np.bincount(rows[counted & (rows >= 0)], minlength=terms)
    return counts / max(int(counted.sum()), 1)


def _rate(
    kinds: Sequence[Int32s], owners: Sequence[Int32s], counted: Bools, terms: int
) -> np.ndarray:
    """Occurrences of each term per counted token, float64 [terms].

    owners int32 [N] are the words or units of the corpus to which the terms of a kind belong.
    """
    starts = [counted.copy() for _ in owners]
    rows = np.flatnonzero(counted)
    for start, owner in zip(starts, owners, strict=True):
        start[rows[1:]] = np.diff(owner[rows]) != 0
    counts = np.zeros(terms)
    for kind, start in zip(kinds, starts, strict=True):
        counts += np.bincount(kind[start & (kind >= 0)], minlength=terms)
    return counts / max(len(rows), 1)
