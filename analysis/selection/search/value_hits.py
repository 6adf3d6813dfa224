"""Values of the columns of documents that match a text, such as a language or a genre."""

from collections.abc import Iterator
from typing import NamedTuple

from iso639 import Lang
from iso639.exceptions import InvalidLanguageValue

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import counts_of_values, profile_columns
from analysis.selection.search.folded_text import folded

LANGUAGE_COLUMNS = ("language", "lang")
"""Columns whose values may be codes of languages."""
FEWEST_LETTERS = 3
"""Letters of a text that need not be the beginning of a value."""


class ValueHit(NamedTuple):
    """A value of a column of the documents that matches a text."""

    column: str
    value: str
    documents: int
    """Documents of the corpus with this value and at least one kept token."""


def matching_values(bundle: Bundle, text: str) -> list[ValueHit]:
    """Values that match a folded text, the best first.

    A whole value comes before its beginning, and that before a text within it; of equal ones that
    with more documents comes first. Empty if the bundle has no profiles of latents by values,
    because a value selects latents by their profiles.
    """
    ranked = []
    for column in profile_columns(bundle):
        counts = counts_of_values(bundle)[column]
        for value, documents in zip(counts.values, counts.documents.tolist(), strict=True):
            ranks = [rank for name in _names(column, value) if (rank := _rank(name, text)) >= 0]
            if ranks:
                ranked.append((min(ranks), -documents, column, value))
    return [ValueHit(column, value, -less) for _, less, column, value in sorted(ranked)]


def language_name(column: str, value: str) -> str:
    """The English name of a language whose ISO 639 code is the value; else empty."""
    if folded(column) not in LANGUAGE_COLUMNS:
        return ""
    try:
        language = Lang(value)
    except InvalidLanguageValue:
        return ""
    codes = (language.pt1, language.pt2b, language.pt2t, language.pt3)
    return language.name if value in codes else ""


def _names(column: str, value: str) -> Iterator[str]:
    """The folded names by which a value can be searched."""
    yield folded(value)
    if name := language_name(column, value):
        yield folded(name)


def _rank(name: str, text: str) -> int:
    """0 for the whole name, 1 for its beginning, 2 for a text within it, -1 for none of them."""
    if name == text:
        return 0
    if name.startswith(text):
        return 1
    return 2 if len(text) >= FEWEST_LETTERS and text in name else -1
