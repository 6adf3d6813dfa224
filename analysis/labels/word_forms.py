"""Which terms a reader takes for forms of one another.

"Change" stands for "changes" and "changed" too, and "path" for the piece "path…". A token has the
form of

- a **word** if its word begins as that one does and differs only in the ending (`SHORTEST_STEM`
  letters in common, at most `LONGEST_ENDING` after them), or if its piece has the same letters;
- a **piece** or **letter** if its piece, letter or word has the same letters, wherever it is;
- a **group of letters** if its piece is one of these letters;
- **signs** if they are among its signs: "full stops" for "full stops with quotation marks";
- any other term only if it has that term.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from analysis.labels.descriptions import ACCENTED, WITH, Kind, Readable, is_accented
from analysis.runtime.arrays import Bools

SHORTEST_STEM = 4
"""Letters that two words must share at their beginning."""
LONGEST_ENDING = 3
"""Letters that either word may have after what they share."""
PIECES = (Kind.BEGINNING, Kind.MIDDLE, Kind.ENDING)
"""Pieces of words."""
LETTERS = (*PIECES, Kind.LETTER)
"""Terms that are letters wherever they are."""
SIGNS = (Kind.GROUP, Kind.AFTER_GROUP)
"""Groups of signs."""


def forms(terms: Sequence[int], readable: Readable) -> Bools:
    """bool [n, n], whether the second of two of the readable terms [n] is a form of the first."""
    result = np.eye(len(terms), dtype=bool)
    texts = [(readable.kinds[term], readable.texts[term].casefold()) for term in terms]
    for places in _with_common_letters(terms, readable).values():
        for i in places:
            for j in places:
                result[i, j] |= is_form(*texts[j], *texts[i])
    return result


def _with_common_letters(terms: Sequence[int], readable: Readable) -> dict[str, list[int]]:
    """The places of terms that can be forms of one another, by what they have in common."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, term in enumerate(terms):
        text = readable.texts[term].casefold()
        if readable.kinds[term] in SIGNS:
            for sign in text.split(WITH):
                groups[f"signs {sign}"].append(place)
        elif readable.kinds[term] is Kind.LETTERS:
            groups["single letters"].append(place)
        else:
            groups[text].append(place)
            if len(text) == 1:
                groups["single letters"].append(place)
            if len(text) > SHORTEST_STEM:
                groups[text[:SHORTEST_STEM]].append(place)
    return groups


def is_form(kind: Kind, text: str, of_kind: Kind, of_text: str) -> bool:
    """Whether a term is a form of another one; both texts are case-folded."""
    if of_kind in SIGNS:
        return kind is of_kind and of_text in text.split(WITH)
    if of_kind is Kind.LETTERS:
        return kind in LETTERS and _is_in_group(kind, text, of_text)
    if of_kind is Kind.PLAIN and " " not in of_text:
        is_word = kind is Kind.PLAIN and " " not in text
        return _is_inflected(text, of_text) if is_word else kind in LETTERS and text == of_text
    return of_kind in LETTERS and kind in (*LETTERS, Kind.PLAIN) and text == of_text


def _is_in_group(kind: Kind, letter: str, group: str) -> bool:
    if group == ACCENTED:
        return is_accented(letter)
    return kind in PIECES and len(letter) == 1 and letter.isalpha()


def _is_inflected(word: str, other: str) -> bool:
    if word == other:
        return True
    pairs = enumerate(zip(word, other, strict=False))
    common = next((i for i, (a, b) in pairs if a != b), min(len(word), len(other)))
    return common >= SHORTEST_STEM and max(len(word), len(other)) - common <= LONGEST_ENDING
