"""The terms of each token: words and pieces of words, as people read them.

A language model reads pieces of words; people read words. So each row of the token table has up to
three terms: the **word** that contains the token, the **piece** if the token is only part of a word
("…ing", "straw…"), and the word **before** it ("united →"). A latent is named by the terms that it
follows most closely.

A piece continues the word to its left if both are letters or both are digits, without a space
between them. Scripts written without spaces are not joined. Bytes shown as ⟨e4 bd⟩ are joined into
the characters that they encode. Words that differ only in case are the same term, which is shown in
its most frequent form.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_PIECES = 12
"""Most pieces of a word, so that scripts without spaces do not make endless words."""

LONGEST_SHOWN = 40
"""Characters of a term that are shown; the rest is cut."""
SPACED_TOKENS = 0.02
"""If a smaller share of the distinct tokens has a leading space, each token counts as a word."""

NOT_JOINED, LETTER, DIGIT = 0, 1, 2
_BYTES = re.compile(r"((?:⟨[0-9a-f]{2}(?: [0-9a-f]{2})*⟩)+)")
_UNSPACED = ((0x0E00, 0x0EFF), (0x2E80, 0xABFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
_FIRST_UNSPACED_BYTE = 0xE3
"""UTF-8 lead byte from which on most characters belong to scripts without spaces."""


@dataclass(frozen=True)
class TokenTerms:
    """The terms of each row of the token table; -1 if it has none of that kind."""

    word: np.ndarray
    """int32 [N], the word that contains the token."""
    piece: np.ndarray
    """int32 [N], the token itself if it is only part of a word."""
    before: np.ndarray
    """int32 [N], the word before it in the document."""
    shown: list[str]
    """[V], every term as it is shown."""
    core: list[str]
    """[V], its letters in lower case; a term whose core contains another's repeats it."""
    frequency: np.ndarray
    """float64 [V], share of the counted tokens that have the term."""
    occurrence: np.ndarray
    """int32 [N], which word of the corpus contains the token, counted from 0."""
    first_piece: int
    """Terms from this one on are of the kind `piece`."""
    first_before: int
    """Terms from this one on are of the kind `before`."""


def token_terms(tokens: pa.Table, counted: np.ndarray | None = None) -> TokenTerms:
    """The terms of the bundle's `tokens` table [N].

    `counted` bool [N] selects the tokens that count for the frequencies; None is the kept ones.
    """
    codes, texts = _dictionary(tokens["token"])
    document, position = tokens["document"].to_numpy(), tokens["position"].to_numpy()
    left, right = _joints(texts)
    follows = (document[1:] == document[:-1]) & (position[1:] == position[:-1] + 1)
    continues = np.zeros(len(codes), dtype=bool)
    continues[1:] = follows & (left[codes[1:]] == right[codes[:-1]]) & (left[codes[1:]] > 0)
    _cut_long(continues)

    starts = np.flatnonzero(~continues)
    word_of_row = np.cumsum(~continues) - 1
    word, words = _word_terms(codes, texts, starts)
    piece, pieces = _piece_terms(codes, texts, continues)
    word = word[word_of_row]
    first_row = starts[word_of_row] if len(starts) else starts
    before = _word_before(word, first_row, np.append(False, follows))
    offset = len(words)
    piece[piece >= 0] += offset
    before[before >= 0] += offset + len(pieces)
    shown = [*words, *pieces, *(f"{text} →" for text in words)]
    core = [t.casefold() for t in [*words, *(p.strip("…") for p in pieces), *words]]
    counted = np.asarray(tokens["kept"], bool) if counted is None else counted
    return TokenTerms(
        word,
        piece,
        before,
        shown,
        core,
        frequency=_frequency((word, piece, before), counted, len(shown)),
        occurrence=word_of_row.astype(np.int32),
        first_piece=offset,
        first_before=offset + len(pieces),
    )


def _dictionary(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes int32 [N] into the distinct texts of a column; tokenizer marks become spaces."""
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], column.type)
    texts = [re.sub("^[Ġ▁]", " ", text or "") for text in whole.dictionary.to_pylist()]
    return whole.indices.to_numpy(zero_copy_only=False).astype(np.int32), texts


def _joints(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """What each text can be joined with on its left and on its right, uint8 [n] each."""
    left = np.array([_left_joint(text) for text in texts], dtype=np.uint8)
    right = np.array([_right_joint(text) for text in texts], dtype=np.uint8)
    spaced = sum(text.startswith(" ") for text in texts)
    if spaced < SPACED_TOKENS * len(texts):
        left[:] = NOT_JOINED
    return left, right


def _left_joint(text: str) -> int:
    if match := _BYTES.match(text):
        lead = int(match[1][1:3], 16)
        return NOT_JOINED if lead >= _FIRST_UNSPACED_BYTE else LETTER
    return _joint(text[0]) if text else NOT_JOINED


def _right_joint(text: str) -> int:
    if text.endswith("⟩") and _BYTES.search(text):
        return LETTER
    return _joint(text[-1]) if text else NOT_JOINED


def _joint(character: str) -> int:
    if any(low <= ord(character) <= high for low, high in _UNSPACED):
        return NOT_JOINED
    category = unicodedata.category(character)
    if category[0] in "LM":
        return LETTER
    return DIGIT if category == "Nd" else NOT_JOINED


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


def _word_terms(
    codes: np.ndarray, texts: Sequence[str], starts: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """The term int32 of each word, and the terms."""
    ends = np.append(starts[1:], len(codes)).astype(np.int64)
    _, first, inverse, counts = np.unique(
        _hashes(codes, starts, ends), return_index=True, return_inverse=True, return_counts=True
    )
    surfaces = [_surface("".join(texts[c] for c in codes[starts[i] : ends[i]])) for i in first]
    term, words = _fold(surfaces, counts)
    return term[inverse], words


@numba.njit(cache=True)
def _hashes(codes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A 64-bit FNV-1a hash of the codes of each word."""
    result = np.empty(len(starts), dtype=np.uint64)
    for i in range(len(starts)):
        value = np.uint64(14695981039346656037)
        for j in range(starts[i], ends[i]):
            value = (value ^ np.uint64(codes[j] + 1)) * np.uint64(1099511628211)
        result[i] = value
    return result


def _piece_terms(
    codes: np.ndarray, texts: Sequence[str], continues: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """The piece int32 [N] of each token that is only part of a word, and the pieces."""
    part = continues | np.append(continues[1:], False)
    keys, inverse, counts = np.unique(
        np.where(part, codes.astype(np.int64) * 2 + continues, -1),
        return_inverse=True,
        return_counts=True,
    )
    pieces = [
        f"…{_surface(texts[key // 2])}" if key % 2 else f"{_surface(texts[key // 2])}…"
        for key in keys.tolist()
    ]
    if len(keys) and keys[0] == -1:
        counts[0] = 0
    term, shown = _fold(pieces, counts)
    piece = term[inverse]
    piece[~part] = -1
    return piece, shown


def _word_before(word: np.ndarray, first_row: np.ndarray, follows: np.ndarray) -> np.ndarray:
    """The word int32 [N] directly before the word of each row; -1 at a document's start."""
    has_one = follows[first_row]
    return np.where(has_one, word[first_row - 1], -1).astype(np.int32)


def _fold(surfaces: Sequence[str], counts: np.ndarray) -> tuple[np.ndarray, list[str]]:
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


def _surface(text: str) -> str:
    """A word or piece as it is shown: without surrounding spaces, and bytes as characters."""
    text = _BYTES.sub(lambda match: _decoded(match[1]), text)
    bare = text.strip(" ")
    if not bare:
        return "␣" if len(text) <= 1 else f"␣×{len(text)}"
    letters = [i for i, c in enumerate(bare) if unicodedata.category(c)[0] in "LMN"]
    if letters and "⟨" not in bare:
        bare = bare[letters[0] : letters[-1] + 1]
    return bare if len(bare) <= LONGEST_SHOWN else bare[: LONGEST_SHOWN - 1] + "…"


def _decoded(marks: str) -> str:
    """The text that bytes such as ⟨e4 bd⟩⟨a0⟩ encode; unchanged if they are not valid UTF-8."""
    raw = bytes.fromhex(marks.replace("⟨", " ").replace("⟩", " "))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return marks


def _frequency(kinds: Sequence[np.ndarray], counted: np.ndarray, terms: int) -> np.ndarray:
    """Share of the counted tokens that have each term, float64 [terms]."""
    counts = np.zeros(terms)
    for rows in kinds:
        counts += np.bincount(rows[counted & (rows >= 0)], minlength=terms)
    return counts / max(int(counted.sum()), 1)
