"""One spelling for what is indexed and what is typed."""

import pytest

from analysis.selection.search.folded_text import folded, own_word, whole_characters, words_of


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("Función", "funcion"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ที่นี่", "ที่นี่"),
        ("今日", "今日"),
        ("a\0b", "ab"),
        ("\ud800", "?"),
    ],
)
def test_case_and_accents_do_not_count(text: str, spelling: str) -> None:
    assert folded(text) == spelling


def test_words_have_no_signs() -> None:
    assert words_of("import_module: don't") == ["import", "module", "don", "t"]


@pytest.mark.parametrize(
    ("token", "word"), [(" {", "{"), ("今日", "今日"), ("whale", ""), (" ", "")]
)
def test_signs_and_unspaced_scripts_are_words_of_their_own(token: str, word: str) -> None:
    assert own_word(token) == word


def test_bytes_become_characters_of_the_token_where_they_begin() -> None:
    tokens = ["a", " ⟨e4⟩⟨bb⟩", "⟨8a⟩⟨e6⟩", "⟨97⟩⟨a5⟩", "b", "⟨ff⟩"]
    assert whole_characters(tokens) == ["a", " 今", "日", "", "b", "\ufffd"]


def test_forty_characters_of_a_word_count() -> None:
    assert words_of("a" * 50) == ["a" * 40]
    assert own_word("(" * 50) == "(" * 40
