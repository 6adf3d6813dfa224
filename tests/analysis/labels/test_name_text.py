"""Terms as a name."""

import numpy as np
import pytest

from analysis.labels.descriptions import ACCENTED, Kind, Readable
from analysis.labels.name_text import name_text


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ([(Kind.PLAIN, "noun"), (Kind.PLAIN, "verb")], "noun · verb"),
        ([(Kind.GROUP, "commas"), (Kind.PLAIN, "noun")], "commas · noun"),
        ([(Kind.GROUP, "commas"), (Kind.AFTER, "Oh")], "commas · text after “Oh”"),
        (
            [(Kind.AFTER, "raise"), (Kind.PLAIN, "x1"), (Kind.AFTER_GROUP, "slashes")],
            "text after “raise” or slashes · x1",
        ),
        (
            [(Kind.AFTER_GROUP, "commas"), (Kind.GROUP, "commas")],
            "commas and the text after them",
        ),
        (
            [(Kind.GROUP, "commas"), (Kind.AFTER_GROUP, "commas"), (Kind.AFTER, "Oh")],
            "commas and the text after them · text after “Oh”",
        ),
        ([(Kind.GROUP, "commas"), (Kind.AFTER_GROUP, "tabs")], "commas · text after tabs"),
        ([(Kind.LETTER, "X")], "the letter X"),
        ([(Kind.LETTER, "A"), (Kind.LETTER, "B")], "the capital letters A and B"),
        ([(Kind.LETTER, "a"), (Kind.PLAIN, "an")], "a · an"),
        ([(Kind.SIGN, "▸"), (Kind.SIGN, "☺")], "the signs “▸” or “☺”"),
    ],
)
def test_names(terms: list[tuple[Kind, str]], text: str) -> None:
    assert _name(terms, [""] * len(terms)) == text


def test_pieces_have_examples() -> None:
    pieces = [(Kind.MIDDLE, "j"), (Kind.PLAIN, "sea"), (Kind.ENDING, "ing"), (Kind.BEGINNING, "st")]
    assert _name(pieces[:2], ["Ejemplo", ""]) == "words with -j- (Ejemplo) · sea"
    assert _name(pieces[:1], [""]) == "words with -j-"
    assert (
        _name(pieces, ["Ejemplo", "", "going", "stop"])
        == "words with -j-, -ing or st- (Ejemplo, going) · sea"
    )
    assert _name([pieces[0], pieces[2]], ["same"] * 2) == "words with -j- or -ing (same)"


def test_a_group_of_letters_shows_some() -> None:
    terms = [(Kind.LETTERS, ACCENTED), (Kind.BEGINNING, "dé")]
    name = _name(terms, ["ä, ö", "définir"])
    assert name == "accented letters (ä, ö) · words with dé- (définir)"


def _name(terms: list[tuple[Kind, str]], examples: list[str]) -> str:
    readable = Readable(
        np.arange(len(terms), dtype=np.int32), [kind for kind, _ in terms], [t for _, t in terms]
    )
    return name_text(range(len(terms)), examples, readable)
