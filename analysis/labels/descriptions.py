"""Terms in words: what a reader is told about full stops, pieces of words and single letters.

A whole word or phrase is readable as it is. Every other term belongs to a description, such as
"line breaks" or "words ending in -ing"; terms with one description count as one.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from analysis.labels.unspaced_scripts import is_unspaced
from analysis.runtime.arrays import Bools, Int32s

if TYPE_CHECKING:  # it loads numba, which would delay the first page
    from analysis.labels.terms import TokenTerms

_SIGNS = {
    ".。": "full stops",
    ",，、": "commas",
    ":：": "colons",
    ";；": "semicolons",
    "!！¡": "exclamation marks",
    "?？¿": "question marks",
    '"“”„«»「」『』': "quotation marks",
    "'’‘": "apostrophes",
    "([{（［｛": "opening brackets",
    ")]}）］｝": "closing brackets",
    "-‐‑": "hyphens",
    "–—―": "dashes",
    "…": "ellipses",
    "/": "slashes",
    "\\": "backslashes",
    "_": "underscores",
    "=": "equals signs",
    "+": "plus signs",
    "*": "asterisks",
    "#": "hash signs",
    "<>": "angle brackets",
    "&": "ampersands",
    "%": "percent signs",
    "$€£¥": "currency signs",
    "@": "at signs",
    "|": "vertical bars",
    "~": "tildes",
    "^": "carets",
    "`": "backquotes",
    "•·": "bullets",
    "↵␍": "line breaks",
    "⇥": "tabs",
    "␣ ": "spaces",
}
WITH = " with "
"""Joins the names of several signs in one token."""
MOST_SIGNS = 2
"""Kinds of signs up to which a token of several signs is described by their names."""
ACCENTED, SINGLE = "accented letters", "single letters in words"
"""The groups of letters."""
GROUPS = frozenset((*_SIGNS.values(), "numbers", "blank lines", "parts of rare characters"))
"""The names of groups of signs; `WITH` joins two of them."""
_NAME_OF_SIGN = {sign: name for signs, name in _SIGNS.items() for sign in signs}


class Kind(StrEnum):
    """How a term is written in a name."""

    PLAIN = "as it is"
    GROUP = "the name of a group of signs"
    SIGN = "other signs in quotes"
    LETTER = "a single letter"
    LETTERS = "the name of a group of letters"
    BEGINNING = "the beginning of words"
    ENDING = "the ending of words"
    MIDDLE = "the middle of words"
    AFTER = "the word before"
    AFTER_GROUP = "the name of a group of signs before"


@dataclass(frozen=True)
class Readable:
    """What V terms are called; R terms with other texts.

    The last ones are groups of letters. No term is called so, but the letters are forms of them.
    """

    of_term: Int32s
    """int32 [V], the readable term of each term."""
    kinds: list[Kind]
    """[R]"""
    texts: list[str]
    """[R], without the words that the kind adds."""

    @property
    def plain(self) -> Bools:
        """bool [R], the whole words and phrases."""
        return np.array([kind is Kind.PLAIN for kind in self.kinds], dtype=bool)


def readable_terms(terms: "TokenTerms") -> Readable:
    """The readable term of every term; the two kinds of a phrase are one."""
    places: dict[tuple[Kind, str], int] = {}
    texts: list[str] = []
    of_term = np.empty(len(terms.shown), dtype=np.int32)
    for term, shown in enumerate(terms.shown):
        if terms.first_piece <= term < terms.first_before:
            kind, text = piece_kind(shown)
        elif terms.first_before <= term < terms.first_second:
            kind, text = before_kind(shown.removesuffix(" →"))
        else:
            kind, text = word_kind(shown)
        of_term[term] = place = places.setdefault((kind, text.casefold()), len(places))
        if place == len(texts):
            texts.append(text)
    kinds = [kind for kind, _ in places]
    return Readable(of_term, [*kinds, Kind.LETTERS, Kind.LETTERS], [*texts, ACCENTED, SINGLE])


def is_accented(letter: str) -> bool:
    """Whether this is a letter with a mark, such as é."""
    return len(letter) == 1 and letter.isalpha() and unicodedata.decomposition(letter) != ""


def described(kinds: Sequence[Kind], texts: Sequence[str], joint: str = "and") -> str:
    """Terms as one phrase, such as "line breaks and words ending in -ing or -ed"."""
    by_kind: dict[Kind, list[str]] = {}
    for kind, text in zip(kinds, texts, strict=True):
        by_kind.setdefault(kind, []).append(text)
    parts = [part for kind, some in by_kind.items() for part in _parts(kind, some)]
    return listed(parts, joint)


def listed(parts: Sequence[str], joint: str) -> str:
    """Parts as "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"


def quoted(texts: Iterable[str]) -> list[str]:
    """The texts in quotation marks."""
    return [f"“{text}”" for text in texts]


def _parts(kind: Kind, texts: Sequence[str]) -> list[str]:
    """Texts of one kind, with the words that the kind adds."""
    if kind in (Kind.GROUP, Kind.LETTERS):
        return list(texts)
    if kind is Kind.PLAIN:
        return quoted(texts)
    if kind is Kind.LETTER:
        if len(texts) > 1 and all(text.isupper() for text in texts):
            return [f"the capital letters {listed(texts, 'and')}"]
        return [f"the letter{'s' * (len(texts) > 1)} {listed(texts, 'and')}"]
    either = {
        Kind.SIGN: listed(quoted(texts), "or"),
        Kind.BEGINNING: listed([f"{text}-" for text in texts], "or"),
        Kind.ENDING: listed([f"-{text}" for text in texts], "or"),
        Kind.MIDDLE: listed([f"-{text}-" for text in texts], "or"),
        Kind.AFTER: listed(quoted(texts), "or"),
        Kind.AFTER_GROUP: listed(texts, "or"),
    }[kind]
    words = {
        Kind.SIGN: "the signs" if len(texts) > 1 else "the sign",
        Kind.BEGINNING: "words beginning with",
        Kind.ENDING: "words ending in",
        Kind.MIDDLE: "words containing",
        Kind.AFTER: "text after",
        Kind.AFTER_GROUP: "text after",
    }[kind]
    return [f"{words} {either}"]


def before_kind(shown: str) -> tuple[Kind, str]:
    """The kind of the word before a token, and its text without the words that the kind adds."""
    kind, text = word_kind(shown)
    return (Kind.AFTER_GROUP, text) if kind is Kind.GROUP else (Kind.AFTER, shown)


def piece_kind(shown: str) -> tuple[Kind, str]:
    """The same for a piece, such as "…ing"."""
    text = shown.strip("…")
    if "⟨" in text:
        return Kind.GROUP, "parts of rare characters"
    if text.isdigit():
        return Kind.GROUP, "numbers"
    if shown.startswith("…") and shown.endswith("…"):
        return Kind.MIDDLE, text
    return (Kind.ENDING if shown.startswith("…") else Kind.BEGINNING), text


def word_kind(shown: str) -> tuple[Kind, str]:
    """The same for a word or signs."""
    if "⟨" in shown:
        return Kind.GROUP, "parts of rare characters"
    letters = [c for c in shown if unicodedata.category(c)[0] == "L"]
    if letters:
        is_word = len(letters) > 1 or is_unspaced(letters[0]) or len(shown) > 2
        return (Kind.PLAIN, shown) if is_word else (Kind.LETTER, shown)
    signs = shown.split("×", maxsplit=1)[0] if shown.startswith("␣×") else shown
    if any(c.isdigit() for c in signs):
        return Kind.GROUP, "numbers"
    if signs == "↵" * len(signs) and len(signs) > 1:
        return Kind.GROUP, "blank lines"
    names = list(dict.fromkeys(_NAME_OF_SIGN.get(c, "") for c in signs))
    if "" in names or len(names) > MOST_SIGNS:
        return Kind.SIGN, shown
    return Kind.GROUP, WITH.join(names)
