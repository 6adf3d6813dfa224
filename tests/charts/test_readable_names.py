"""Names for a map."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from charts.core.text import cells, visible
from charts.readable_names import LONGEST_NAME, Clarity, is_word, short_name


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("his · their · her", "his, their, her"),
        ("Microsoft · …ro…", "Microsoft"),
        ("/ · etc →", "etc →"),
        ("mixed: and · of", "and, of"),
        ("日 · の", "日, の"),
        ("1990 · 2001", "1990, 2001"),
        ("Organizar · org · incrustadas · insérer", "Organizar, org, incrustadas"),
        ("quotation marks with apostrophes and text", "quotation marks"),
        ("Bundesverfassungsgerichtsentscheidung", "Bundesverfassungsgerichtsen…"),
    ],
)
def test_readable_terms_that_fit_are_kept(label: str, text: str) -> None:
    assert short_name(label).text == text


@pytest.mark.parametrize(
    ("label", "clarity"),
    [
        ("his · their", Clarity.WORDS),
        ("full stops", Clarity.WORDS),
        ("words ending in -en, -t or -hen", Clarity.PIECES),
        ("words beginning with un-", Clarity.PIECES),
        ("the letter è", Clarity.PIECES),
        ("well-known · co-op", Clarity.WORDS),
        ("↵", Clarity.SIGNS),
        ("/ · …ro…", Clarity.SIGNS),
        ("a · b", Clarity.SIGNS),
        ("⟨0xE2⟩", Clarity.SIGNS),
        ("caf\ufffd", Clarity.SIGNS),
        ("", Clarity.SIGNS),
        (None, Clarity.SIGNS),
    ],
)
def test_how_clear_a_name_is(label: str | None, clarity: Clarity) -> None:
    assert short_name(label).clarity is clarity


def test_only_names_that_begin_with_mixed_are_mixed() -> None:
    assert short_name("mixed: and · of").is_mixed
    assert not short_name("mixed signals").is_mixed


@given(st.text())
def test_no_name_is_wider_than_the_limit_or_has_control_characters(label: str) -> None:
    name = short_name(label)
    assert cells(name.text) <= LONGEST_NAME
    assert not any(char in name.text for char in "\n\r\t\0\u202e")
    assert (name.clarity is Clarity.SIGNS) == (not any(map(is_word, _terms(label))))


def _terms(label: str) -> list[str]:
    return visible(label[:400]).strip().removeprefix("mixed: ").split(" · ")


@pytest.mark.parametrize(("term", "says_something"), [("ab--", True), ("ab---", False)])
def test_half_of_a_word_are_letters_or_digits(term: str, says_something: bool) -> None:
    assert is_word(term) is says_something


@pytest.mark.parametrize(
    ("words", "text"), [(9, "w" * 9 + " " + "v" * 17 + "…"), (10, "w" * 10 + " …")]
)
def test_a_name_is_cut_between_words_after_a_third_of_its_width(words: int, text: str) -> None:
    assert short_name("w" * words + " " + "v" * 40).text == text
