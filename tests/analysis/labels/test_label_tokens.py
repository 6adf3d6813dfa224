"""Tokens that a label is about, against the terms of the whole corpus."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.labels import SEPARATOR
from analysis.labels.descriptions import Kind, Readable, readable_terms
from analysis.labels.label_tokens import (
    label_is_about,
    name_is_about,
    stands_alone,
    terms_of_name,
)
from analysis.labels.name_text import name_text
from analysis.labels.terms import TokenTerms, token_terms
from analysis.labels.word_forms import forms
from tests.pages.conftest import ROOT

AROUND = 40
"""Tokens on each side of the one that is asked about."""


@cache
def corpus() -> tuple[list[str], TokenTerms, Readable]:
    """Some documents of the demo: their tokens and terms."""
    bundle: Bundle = open_bundle(ROOT / "data" / "demo")
    tokens = bundle.tokens.slice(60_000, 20_000)
    terms = token_terms(tokens)
    return tokens["token"].cast(pa.string()).to_pylist(), terms, readable_terms(terms)


def rows_inside() -> list[int]:
    """Rows whose passages are in one document, with the words of the corpus."""
    tokens, _, _ = corpus()
    document = (
        open_bundle(ROOT / "data" / "demo").tokens.slice(60_000, 20_000)["document"].to_numpy()
    )
    rows = np.random.default_rng(3).choice(len(tokens), 1200, replace=False)
    rows = rows[(rows > AROUND) & (rows < len(tokens) - AROUND)]
    same = document[rows - AROUND] == document[rows + AROUND]
    spaced = [any(t.startswith(" ") for t in passage(int(row))[0]) for row in rows]
    return [int(row) for row in rows[same & np.array(spaced)]]


def passage(row: int) -> tuple[list[str], int]:
    return corpus()[0][row - AROUND : row + AROUND], AROUND


def test_a_latent_label_is_about_the_tokens_with_its_terms() -> None:
    _, terms, _ = corpus()
    rng = np.random.default_rng(4)
    checked = 0
    for row in rows_inside():
        own = [int(kind[row]) for kind in terms.kinds if kind[row] >= 0]
        other = int(rng.integers(len(terms.shown)))
        for one in (*own, other):
            label = SEPARATOR.join(["zzz", terms.shown[one]])
            shown = {terms.shown[t].casefold() for t in own}
            is_about = terms.shown[one].casefold() in shown
            assert label_is_about(label, *passage(row)) == is_about, (label, passage(row))
            checked += is_about
    assert checked > 1000
    assert not label_is_about("", *passage(100))


def test_a_name_is_about_the_tokens_with_forms_of_its_terms() -> None:
    _, terms, readable = corpus()
    rng = np.random.default_rng(5)
    counts = [0, 0]
    for row in rows_inside():
        own = [int(readable.of_term[kind[row]]) for kind in terms.kinds if kind[row] >= 0]
        named = int(rng.choice([*own, *rng.integers(len(readable.texts), size=3)]))
        name = name_text([named], [""], readable)
        if terms_of_name(name) != [(readable.kinds[named], readable.texts[named])]:
            continue  # a text that looks like a description, such as the word "numbers"
        texts = [(readable.kinds[i], readable.texts[i].casefold()) for i in (named, *own)]
        expected = texts[0] in texts[1:] or bool(forms([named, *own], readable)[0, 1:].any())
        assert name_is_about(f"{name} + others", *passage(row)) == expected, (name, passage(row))
        counts[expected] += 1
    assert min(counts) > 100


@pytest.mark.parametrize(
    ("name", "tokens", "is_about"),
    [
        ("new york", [" in", " New", " York"], True),
        ("new york", [" in", " Old", " York"], False),
        ("new york", [" New", " York", " City"], False),
        ("salt · new york", [" in", " New", " York"], True),
        ("text after “the”", [" in", " The", " York"], True),
        ("text after “the”", [" in", " a", " York"], False),
    ],
)
def test_a_phrase_and_a_word_before_are_found_in_a_passage(
    name: str, tokens: list[str], is_about: bool
) -> None:
    assert name_is_about(name, tokens, 2) == is_about


@pytest.mark.parametrize(
    ("kinds", "texts", "examples"),
    [
        ([Kind.PLAIN, Kind.PLAIN], ["salt", "new york"], ["", ""]),
        ([Kind.GROUP, Kind.GROUP], ["line breaks", "full stops with quotation marks"], ["", ""]),
        ([Kind.ENDING, Kind.BEGINNING, Kind.MIDDLE], ["o", "bu", "gu"], ["esto", "buena", ""]),
        ([Kind.ENDING, Kind.PLAIN], ["-", "dash"], ["", ""]),
        ([Kind.AFTER, Kind.AFTER, Kind.AFTER_GROUP], ["class", "raise", "numbers"], ["", "", ""]),
        ([Kind.GROUP, Kind.AFTER_GROUP], ["commas", "commas"], ["", ""]),
        ([Kind.LETTERS], ["accented letters"], ["ě, ř, ą"]),
        ([Kind.LETTER, Kind.LETTER], ["T", "U"], ["", ""]),
        ([Kind.LETTER, Kind.LETTER, Kind.LETTER], ["t", "u", "v"], ["", "", ""]),
        ([Kind.SIGN, Kind.SIGN, Kind.GROUP], ["½", "¼", "numbers"], ["", "", ""]),
    ],
)
def test_a_name_is_read_back_into_its_terms(
    kinds: list[Kind], texts: list[str], examples: list[str]
) -> None:
    readable = Readable(np.empty(0, np.int32), kinds, texts)
    name = name_text(range(len(kinds)), examples, readable)
    for written in (name, f"mixed: {name}", f"{name} + others", f"{name} (2)"):
        assert sorted(terms_of_name(written)) == sorted(zip(kinds, texts, strict=True)), written


@pytest.mark.parametrize(
    ("tokens", "peak", "alone"),
    [
        ([" poi", " and", "remo"], 1, False),
        ([" poi", " and", " a"], 1, True),
        ([" poi", " and", ","], 1, True),
        ([" in", "and"], 1, False),
        ([" the", " La", "place"], 1, False),
        ([" 1", ".", "0"], 1, False),
        ([" end", "."], 1, True),
        ([" end", ".", " The"], 1, True),
    ],
)
def test_a_piece_of_a_word_or_of_a_number_does_not_stand_alone(
    tokens: list[str], peak: int, alone: bool
) -> None:
    assert stands_alone(tokens, peak) is alone
