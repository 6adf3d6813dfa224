"""Split the text of a selection into tokens."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from analysis.runtime.errors import InputError
from analysis.selection.grammar import WORD_OPERATORS

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<pattern>/(?:[^/\\]|\\.)+/(?=[\s&|()]|$))
    | (?P<range>{_NUMBER}\.\.{_NUMBER}(?![\w.]))
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<symbol><=|>=|[<>=&|!(),]|(?<=note)~)
    | (?P<word>note(?=~)|[^\s"<>=&|!(),]+)
    )""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A token of a selection."""

    kind: str
    """string, pattern, range, number, symbol or word."""
    text: str
    """As it is written; the words `and`, `or` and `not` as symbols."""
    place: int
    """Index of its first character in the text."""
    end: int
    """Index after its last character in the text."""


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a selection. Raises InputError if a quote is not closed."""
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            quote = len(text) - len(text[place:].lstrip())
            raise InputError(
                f"Selection: the quote at character {quote + 1} is not closed; add a quote."
            )
        kind = str(match.lastgroup)
        content, start = match.group(kind), match.start(kind)
        if kind == "word" and content.lower() in WORD_OPERATORS:
            kind, content = "symbol", WORD_OPERATORS[content.lower()]
        yield Token(kind, content, start, match.end())
        place = match.end()
