"""Which terms are forms of which."""

import numpy as np
import pytest

from analysis.labels.descriptions import ACCENTED, SINGLE, Kind, Readable
from analysis.labels.word_forms import forms

Term = tuple[Kind, str]


def _forms(*terms: Term) -> np.ndarray:
    readable = Readable(
        np.arange(len(terms), dtype=np.int32), [kind for kind, _ in terms], [t for _, t in terms]
    )
    return forms(list(range(len(terms))), readable)


@pytest.mark.parametrize(
    ("term", "form", "expected"),
    [
        ((Kind.PLAIN, "change"), (Kind.PLAIN, "Changes"), True),
        ((Kind.PLAIN, "object"), (Kind.PLAIN, "objetos"), True),  # obje-ct, obje-tos
        ((Kind.PLAIN, "path"), (Kind.PLAIN, "paths"), True),
        ((Kind.PLAIN, "there"), (Kind.PLAIN, "therefore"), False),  # four letters more
        ((Kind.PLAIN, "ties"), (Kind.PLAIN, "tier"), False),  # three letters in common
        ((Kind.PLAIN, "the"), (Kind.PLAIN, "them"), False),
        ((Kind.PLAIN, "path"), (Kind.ENDING, "path"), True),
        ((Kind.PLAIN, "path"), (Kind.ENDING, "paths"), False),
        ((Kind.ENDING, "path"), (Kind.PLAIN, "Path"), True),
        ((Kind.BEGINNING, "se"), (Kind.MIDDLE, "se"), True),
        ((Kind.BEGINNING, "se"), (Kind.PLAIN, "sea"), False),
        ((Kind.LETTER, "a"), (Kind.BEGINNING, "a"), True),
        ((Kind.PLAIN, "the house"), (Kind.PLAIN, "the houses"), False),
        ((Kind.PLAIN, "house"), (Kind.PLAIN, "house of"), False),
        ((Kind.GROUP, "commas"), (Kind.GROUP, "quotation marks with commas"), True),
        ((Kind.GROUP, "quotation marks with commas"), (Kind.GROUP, "commas"), False),
        ((Kind.GROUP, "commas"), (Kind.AFTER_GROUP, "commas"), False),
        ((Kind.AFTER_GROUP, "commas"), (Kind.AFTER_GROUP, "commas with dashes"), True),
        ((Kind.AFTER, "raise"), (Kind.AFTER, "raised"), False),
        ((Kind.AFTER, "raise"), (Kind.PLAIN, "raise"), False),
        ((Kind.LETTERS, ACCENTED), (Kind.MIDDLE, "é"), True),
        ((Kind.LETTERS, ACCENTED), (Kind.LETTER, "à"), True),
        ((Kind.LETTERS, ACCENTED), (Kind.MIDDLE, "e"), False),
        ((Kind.LETTERS, ACCENTED), (Kind.MIDDLE, "él"), False),
        ((Kind.LETTERS, SINGLE), (Kind.BEGINNING, "d"), True),
        ((Kind.LETTERS, SINGLE), (Kind.LETTER, "d"), False),
        ((Kind.LETTERS, SINGLE), (Kind.BEGINNING, "de"), False),
        ((Kind.LETTERS, SINGLE), (Kind.PLAIN, "d"), False),
        ((Kind.MIDDLE, "é"), (Kind.LETTERS, ACCENTED), False),
    ],
)
def test_a_form_of_a_term(term: Term, form: Term, expected: bool) -> None:
    assert _forms(term, form)[0, 1] == expected
    assert _forms(form, term)[1, 0] == expected


def test_every_term_is_a_form_of_itself() -> None:
    terms = [(Kind.PLAIN, "a b"), (Kind.AFTER, "x"), (Kind.SIGN, "☺"), (Kind.LETTERS, SINGLE)]
    assert (_forms(*terms) == np.eye(4)).all()
