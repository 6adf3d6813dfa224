"""Short names for a map, and whether a reader can make sense of them."""

import re
import unicodedata
from enum import IntEnum
from typing import NamedTuple

from analysis.labels import SEPARATOR
from analysis.labels.unspaced_scripts import is_unspaced
from charts.core.text import cells, visible

LONGEST_NAME = 28
"""Columns of a fixed-width font that a name on a map may have."""
MIXED = "mixed: "
"""How a name begins that does not fit the cluster as a whole (`analysis.labels.cluster_names`)."""
_PIECE = re.compile(r"(?<!\w)-\w|\w-(?!\w)|^the letters? ")
"""A description of pieces of words: -ing, un-, -tion-, or single letters."""
_JOINT = ", "
"""Between two terms: a dot would look like a point of the map."""
_BREAKS = (_JOINT, " and ", " or ", " with ", " ")


class Clarity(IntEnum):
    """How well a name can be read; lower is better."""

    WORDS = 0
    PIECES = 1
    """Descriptions of pieces of words."""
    SIGNS = 2
    """Punctuation, pieces and bytes as they are, or nothing."""


class ShortName(NamedTuple):
    """A name for a map."""

    text: str
    clarity: Clarity
    is_mixed: bool


def short_name(label: str | None) -> ShortName:
    """The readable terms of a label that fit on a map.

    Terms that are signs or pieces of words are left out if others remain.
    """
    shown = visible((label or "")[:400]).strip()
    is_mixed = shown.startswith(MIXED)
    terms = shown.removeprefix(MIXED).split(SEPARATOR)
    words = [term for term in terms if is_word(term)]
    if not words:
        return ShortName(_fitting(_JOINT.join(terms)), Clarity.SIGNS, is_mixed)
    text = _joined(words)
    clarity = Clarity.PIECES if _PIECE.search(text) else Clarity.WORDS
    return ShortName(text, clarity, is_mixed)


def is_word(term: str) -> bool:
    """Whether a term has letters or digits that say something: no cut pieces, no lone letters."""
    bare = term.strip()
    if "\ufffd" in bare or bare.startswith("…") or bare.endswith("…") or "⟨" in bare:
        return False
    telling = [char for char in bare if unicodedata.category(char)[0] in "LMN"]
    if not telling or len(telling) < len(bare.replace(" ", "")) / 2:
        return False
    return len(telling) > 1 or is_unspaced(telling[0])


def _joined(words: list[str]) -> str:
    """As many of the words as fit, at least a part of the first."""
    text = _fitting(words[0])
    for word in words[1:]:
        longer = f"{text}{_JOINT}{word}"
        if cells(longer) > LONGEST_NAME or text.endswith("…"):
            break
        text = longer
    return text


def _fitting(text: str) -> str:
    """The text, cut between words if it is too long."""
    if cells(text) <= LONGEST_NAME:
        return text
    cut = text
    while cells(cut) > LONGEST_NAME - 1:
        cut = cut[:-1]
    for mark in _BREAKS:
        before, found, _ = cut.rpartition(mark)
        if found and cells(before) >= LONGEST_NAME / 3:
            return f"{before.rstrip(' ,')} …" if mark == " " else before.rstrip(" ,")
    return f"{cut.rstrip()}…"
