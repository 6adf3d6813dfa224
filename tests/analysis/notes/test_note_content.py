"""What a note may hold, and how what was typed is cleaned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.notes.note_content import (
    LONGEST_NAME,
    LONGEST_TAG,
    LONGEST_TEXT,
    MOST_TAGS,
    NoteContent,
    clean_tags,
    cleaned,
    note_content,
)
from analysis.runtime.errors import InputError


def test_an_empty_note_has_nothing_to_read() -> None:
    assert note_content().is_empty and note_content(" ", [" "], "\n").is_empty
    for content in (
        note_content(name="a"),
        note_content(tags=["a"]),
        note_content(text="a"),
        note_content(status="checked"),
    ):
        assert not content.is_empty


def test_tags_are_lower_case_sorted_and_unique() -> None:
    assert clean_tags(["Days", "days ", "", "a/b", "7"]) == ("7", "a/b", "days")


@pytest.mark.parametrize("tag", ["two words", "a,b", '"a"', "a&b", "(a)", "-a", "a=b", "_a"])
def test_a_tag_is_a_word_that_a_selection_can_name(tag: str) -> None:
    with pytest.raises(InputError, match="is not a tag; write one word"):
        clean_tags([tag])


def test_limits() -> None:
    note_content("n" * LONGEST_NAME, ["t" * LONGEST_TAG], "x" * LONGEST_TEXT)
    note_content(tags=map(str, range(MOST_TAGS)))
    with pytest.raises(InputError, match="name of a note has 201 characters"):
        note_content(name="n" * (LONGEST_NAME + 1))
    with pytest.raises(InputError, match="text of a note has 10,001 characters"):
        note_content(text="x" * (LONGEST_TEXT + 1))
    with pytest.raises(InputError, match="not a tag"):
        note_content(tags=["t" * (LONGEST_TAG + 1)])
    with pytest.raises(InputError, match="21 tags, but a note has at most 20"):
        note_content(tags=map(str, range(MOST_TAGS + 1)))
    with pytest.raises(InputError, match="status 'done' is unknown; choose one of open, checked"):
        note_content(status="done")


def test_markup_stays_and_controls_go() -> None:
    text = "<b>$x$</b> :red[a]\n\tשלום \u202eabc"
    assert cleaned(text) == text
    assert cleaned("a\0b\x07c\ud800d\r\ne\rf") == "abcd\ne\nf"
    assert cleaned("e\u0301") == "é"
    assert note_content(name=" a\n b\t").name == "a b"


@given(st.text())
def test_cleaned_text_can_be_stored_anywhere_and_is_stable(text: str) -> None:
    once = cleaned(text)
    assert ("\0" not in once and once.encode() and cleaned(once) == once) or once == ""
    assert NoteContent(text=once).text == once
