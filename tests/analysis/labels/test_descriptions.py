"""What terms are called, and how descriptions are joined to a phrase."""

import numpy as np
import pytest

from analysis.labels.descriptions import (
    ACCENTED,
    SINGLE,
    Kind,
    described,
    is_accented,
    listed,
    readable_terms,
)
from analysis.labels.terms import LEAST_PHRASE, token_terms
from tests.analysis.labels.corpora import token_table

WORDS = {
    " whale": (Kind.PLAIN, "whale"),
    "utf8": (Kind.PLAIN, "utf8"),
    "草": (Kind.PLAIN, "草"),
    "é": (Kind.LETTER, "é"),
    " A": (Kind.LETTER, "A"),
    " B2": (Kind.LETTER, "B2"),
    " x86": (Kind.PLAIN, "x86"),
    " 1984": (Kind.GROUP, "numbers"),
    "3.5": (Kind.GROUP, "numbers"),
    ".": (Kind.GROUP, "full stops"),
    "...": (Kind.GROUP, "full stops"),
    "。": (Kind.GROUP, "full stops"),
    "↵": (Kind.GROUP, "line breaks"),
    "↵↵": (Kind.GROUP, "blank lines"),
    "([": (Kind.GROUP, "opening brackets"),
    "):": (Kind.GROUP, "closing brackets with colons"),
    '."': (Kind.GROUP, "full stops with quotation marks"),
    "    ": (Kind.GROUP, "spaces"),
    " ": (Kind.GROUP, "spaces"),
    "⇥": (Kind.GROUP, "tabs"),
    "⟨e4 bd⟩": (Kind.GROUP, "parts of rare characters"),
    "():": (Kind.SIGN, "():"),
    "☺": (Kind.SIGN, "☺"),
}


@pytest.mark.parametrize("token", WORDS)
def test_what_a_word_or_sign_is_called(token: str) -> None:
    terms = token_terms(token_table([" x", "?", token, "?", " x"]))
    readable = readable_terms(terms)
    place = readable.of_term[terms.word[2]]
    assert (readable.kinds[place], readable.texts[place]) == WORDS[token]


def test_what_a_piece_and_a_word_before_are_called() -> None:
    terms = token_terms(
        token_table([" straw", "berr", "ies", " 1", "2", ",", " sea", "⟨c3⟩", "ok"])
    )
    readable = readable_terms(terms)
    pieces = [readable.of_term[t] for t in terms.piece if t >= 0]
    assert [(readable.kinds[p], readable.texts[p]) for p in pieces] == [
        (Kind.BEGINNING, "straw"),
        (Kind.MIDDLE, "berr"),
        (Kind.ENDING, "ies"),
        (Kind.GROUP, "numbers"),
        (Kind.GROUP, "numbers"),
    ]
    before = [readable.of_term[t] for t in terms.before if t >= 0]
    assert (Kind.AFTER, "strawberries") in {(readable.kinds[p], readable.texts[p]) for p in before}
    after_comma = readable.of_term[terms.before[6]]
    assert (readable.kinds[after_comma], readable.texts[after_comma]) == (
        Kind.AFTER_GROUP,
        "commas",
    )


def test_both_terms_of_a_phrase_are_one() -> None:
    terms = token_terms(token_table(*[[" United", " States"]] * LEAST_PHRASE))
    readable = readable_terms(terms)
    assert terms.second[1] != terms.first[0]
    place = readable.of_term[terms.second[1]]
    assert place == readable.of_term[terms.first[0]]
    assert readable.texts[place] == "United States"
    assert readable.plain[place]


def test_signs_with_one_name_are_one_term() -> None:
    terms = token_terms(token_table([" x", "(", " x", "[", " x", "(["]))
    readable = readable_terms(terms)
    assert len({int(readable.of_term[terms.word[row]]) for row in (1, 3, 5)}) == 1


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ([(Kind.GROUP, "full stops"), (Kind.GROUP, "line breaks")], "full stops and line breaks"),
        ([(Kind.ENDING, "ing")], "words ending in -ing"),
        ([(Kind.ENDING, "ing"), (Kind.ENDING, "ed")], "words ending in -ing or -ed"),
        (
            [(Kind.BEGINNING, "st"), (Kind.GROUP, "numbers"), (Kind.BEGINNING, "sp")],
            "words beginning with st- or sp- and numbers",
        ),
        ([(Kind.MIDDLE, "ä")], "words containing -ä-"),
        ([(Kind.SIGN, "():")], "the sign “():”"),
        ([(Kind.SIGN, "():"), (Kind.SIGN, "☺")], "the signs “():” or “☺”"),
        ([(Kind.LETTER, "a")], "the letter a"),
        ([(Kind.LETTER, "A")], "the letter A"),
        ([(Kind.LETTER, "a"), (Kind.LETTER, "B")], "the letters a and B"),
        ([(Kind.LETTER, "A"), (Kind.LETTER, "B")], "the capital letters A and B"),
        ([(Kind.AFTER, "open")], "text after “open”"),
        ([(Kind.AFTER_GROUP, "commas")], "text after commas"),
        ([], ""),
    ],
)
def test_descriptions(terms: list[tuple[Kind, str]], text: str) -> None:
    assert described([kind for kind, _ in terms], [text for _, text in terms]) == text


def test_words_are_quoted_where_they_are_not_a_name() -> None:
    kinds, texts = [Kind.PLAIN, Kind.PLAIN, Kind.GROUP], ["noun", "verb", "commas"]
    assert described(kinds, texts, "or") == "“noun”, “verb” or commas"
    assert listed(["a"], "and") == "a"
    assert listed(["a", "b", "c"], "and") == "a, b and c"


def test_terms_of_every_kind_are_called_by_their_kind() -> None:
    phrases = [[" United", " States"]] * LEAST_PHRASE
    terms = token_terms(token_table([" straw", "berr", "ies", " whale"], *phrases))
    readable = readable_terms(terms)
    kinds = [readable.kinds[place] for place in readable.of_term]
    ends = (terms.first_piece, terms.first_before, terms.first_second)
    words, pieces, before, phrases_and_rest = (
        set(part.tolist()) for part in np.split(np.array(kinds, dtype=object), ends)
    )
    assert words == phrases_and_rest == {Kind.PLAIN}
    assert pieces == {Kind.BEGINNING, Kind.MIDDLE, Kind.ENDING}
    assert before == {Kind.AFTER}


def test_groups_of_letters_are_no_name_of_a_term() -> None:
    readable = readable_terms(token_terms(token_table([" gr", "ü", "n"])))
    assert readable.texts[-2:] == [ACCENTED, SINGLE]
    assert readable.kinds[-2:] == [Kind.LETTERS] * 2
    assert readable.of_term.max() == len(readable.texts) - 3
    assert described([Kind.LETTERS], [SINGLE]) == "single letters in words"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("é", True),
        ("Ä", True),
        ("e", False),
        ("én", False),
        ("½", False),
        ("", False),
        ("я", False),
    ],
)
def test_letters_with_a_mark(text: str, expected: bool) -> None:
    assert is_accented(text) == expected
