"""What a reader typed, as questions for the index. Any text is a query, and none raises."""

import sqlite3
from dataclasses import dataclass

from analysis.selection.search.folded_text import folded, words_of

LONGEST_QUERY = 200
"""Characters that are searched."""
TRIGRAM = 3
"""Characters from which full text is found by its index."""
MOST_FORMS = 6
SHORTEST_STEM = 4
"""Characters that two forms of a word have in common at their beginning."""
LONGEST_ENDING = 3
"""Characters that either may have after them."""
MOST_SCANNED = 20_000
"""Rows in which a text of one or two characters is searched."""
_FORM_CANDIDATES = """
select word from (
    select distinct word from terms where word >= :low and word < :high
    union select distinct word from activity where word >= :low and word < :high limit 2000)
"""


@dataclass(frozen=True)
class TextQuery:
    """A folded text."""

    text: str

    @staticmethod
    def of(typed: str) -> "TextQuery":
        """The query of a typed text; outer spaces do not count."""
        return TextQuery(" ".join(folded(typed[:LONGEST_QUERY]).split()))

    @property
    def words(self) -> list[str]:
        """The words of the text, or the text if it has only signs."""
        return words_of(self.text) or [self.text]

    @property
    def phrase(self) -> str:
        """The text as a phrase of FTS5, in which nothing has a meaning of its own."""
        return '"' + self.text.replace('"', '""') + '"'

    def rows_with(self, index: sqlite3.Connection, table: str, most: int) -> list[tuple[int, str]]:
        """The ids and texts of rows of a full-text table that contain the text, by id."""
        if not self.text:
            return []
        if len(self.text) >= TRIGRAM:
            where, value = f"{table} match ?", self.phrase
        else:
            where, value = f"instr(text, ?) and rowid <= {MOST_SCANNED}", self.text
        # The names of the tables are ours.
        sql = f"select rowid, text from {table} where {where} order by rowid limit ?"
        return index.execute(sql, (value, most)).fetchall()


def forms_of(index: sqlite3.Connection, word: str) -> dict[str, int]:
    """Other words that begin as a word does, and the letters by which they differ, nearest first.

    As in `analysis.labels.word_forms`.
    """
    if len(word) < SHORTEST_STEM:
        return {}
    stem = word[: max(SHORTEST_STEM, len(word) - LONGEST_ENDING)]
    range_of_stem = {"low": stem, "high": stem + "\U0010ffff"}
    near = sorted(
        (len(word) + len(other) - 2 * common, other)
        for (other,) in index.execute(_FORM_CANDIDATES, range_of_stem)
        if other != word
        and max(len(word), len(other)) - (common := _common(word, other)) <= LONGEST_ENDING
    )
    return {other: letters for letters, other in near[:MOST_FORMS]}


def _common(word: str, other: str) -> int:
    pairs = enumerate(zip(word, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(word), len(other)))
