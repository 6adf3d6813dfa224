"""The text of a selection is split into tokens with their places."""

import pytest

from analysis.runtime.errors import InputError
from analysis.selection.lexer import tokens_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("max<=1e-3", [("word", "max"), ("symbol", "<="), ("number", "1e-3")]),
        ("x=-1..2.5", [("word", "x"), ("symbol", "="), ("range", "-1..2.5")]),
        ("1e-4..1E+2", [("range", "1e-4..1E+2")]),
        (".5...5", [("range", ".5...5")]),
        ("3,4", [("number", "3"), ("symbol", ","), ("number", "4")]),
        ("3d", [("word", "3d")]),
        ("1.. 1..x 1.2.3", [("word", "1.."), ("word", "1..x"), ("word", "1.2.3")]),
        ('"a \\" b"c', [("string", '"a \\" b"'), ("word", "c")]),
        ('"a\nb"', [("string", '"a\nb"')]),
        ("a AND not b", [("word", "a"), ("symbol", "&"), ("symbol", "!"), ("word", "b")]),
        ("/a b/", [("pattern", "/a b/")]),
        ("/a/b", [("word", "/a/b")]),
        ("/a/&b", [("pattern", "/a/"), ("symbol", "&"), ("word", "b")]),
        ("(/a|b/)", [("symbol", "("), ("pattern", "/a|b/"), ("symbol", ")")]),
        ("//", [("word", "//")]),
        ("note~x", [("word", "note"), ("symbol", "~"), ("word", "x")]),
        ('note~"a b"', [("word", "note"), ("symbol", "~"), ("string", '"a b"')]),
        ("footnote~x ~y note", [("word", "footnote~x"), ("word", "~y"), ("word", "note")]),
        ("", []),
        ("  ", []),
    ],
)
def test_tokens(text: str, tokens: list[tuple[str, str]]) -> None:
    assert [(token.kind, token.text) for token in tokens_of(text)] == tokens


def test_places_are_indices_into_the_text() -> None:
    text = '  whale &  "New York" and x=1..2 '
    written = [text[token.place : token.end] for token in tokens_of(text)]
    assert written == ["whale", "&", '"New York"', "and", "x", "=", "1..2"]


def test_a_quote_that_is_not_closed_is_named() -> None:
    with pytest.raises(InputError, match="the quote at character 3 is not closed"):
        list(tokens_of('a "b'))
