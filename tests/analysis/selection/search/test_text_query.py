"""What a reader typed, as questions for the index."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection.search.text_query import TextQuery, forms_of


def _texts(*texts: str) -> sqlite3.Connection:
    index = sqlite3.connect(":memory:")
    index.execute("create virtual table texts using fts5(text, tokenize='trigram')")
    index.executemany("insert into texts (text) values (?)", [(text,) for text in texts])
    return index


@pytest.mark.parametrize("typed", ["今日", "ที่", "日", "今日は"])
def test_scripts_without_spaces_are_found(typed: str) -> None:
    index = _texts("今日は晴れ", "อยู่ที่นี่", "other")
    rows = TextQuery.of(typed).rows_with(index, "texts", 9)
    assert len(rows) == 1 and TextQuery.of(typed).text in rows[0][1]


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_finds_what_contains_it(typed: str, other: str) -> None:
    query = TextQuery.of(typed)
    texts = [f"x{query.text}y", TextQuery.of(other).text]
    matching = {text for _, text in query.rows_with(_texts(*texts), "texts", 9)}
    expected = {text for text in texts if query.text and query.text in text}
    assert matching == expected


def test_forms_differ_in_the_ending_nearest_first() -> None:
    index = sqlite3.connect(":memory:")
    index.execute("create table terms (word text)")
    index.execute("create table activity (word text)")
    words = ["whale", "whaling", "wharf", "whaleman", "whaleboats", "whales"]
    index.executemany("insert into terms values (?)", [(word,) for word in words])
    assert forms_of(index, "whales") == {"whale": 1, "whaleman": 4, "whaling": 5}
    assert forms_of(index, "wha") == {}


def test_at_most_200_characters_are_searched() -> None:
    assert TextQuery.of("a" * 300).text == "a" * 200


def test_two_characters_are_searched_in_the_first_twenty_thousand_rows() -> None:
    index = _texts()
    rows = [(20_000, "abc"), (20_001, "abd")]
    index.executemany("insert into texts (rowid, text) values (?, ?)", rows)
    assert TextQuery.of("ab").rows_with(index, "texts", 9) == rows[:1]
    assert TextQuery.of("abd").rows_with(index, "texts", 9) == rows[1:]


def test_a_word_has_at_most_six_forms_with_four_letters_in_common() -> None:
    index = sqlite3.connect(":memory:")
    index.execute("create table terms (word text)")
    index.execute("create table activity (word text)")
    index.executemany("insert into terms values (?)", [(f"ship{c}",) for c in "abcdefgh"])
    assert forms_of(index, "ship") == {f"ship{c}": 1 for c in "abcdef"}
    assert forms_of(index, "shi") == {}
