"""Words are joined from pieces, and characters from bytes."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.labels.terms import (
    LEAST_PHRASE,
    MOST_PIECES,
    TokenTerms,
    terms_of_units,
    token_terms,
)
from analysis.labels.units import token_units


def terms_of(*documents: list[str], kept: list[bool] | None = None) -> TokenTerms:
    texts = [text for document in documents for text in document]
    return token_terms(
        pa.table(
            {
                "document": np.repeat(np.arange(len(documents)), [len(d) for d in documents]),
                "position": np.concatenate([np.arange(len(d), dtype=np.int32) for d in documents]),
                "token": pa.array(texts).dictionary_encode(),
                "kept": kept or [True] * len(texts),
            }
        )
    )


def shown(terms: TokenTerms, rows: np.ndarray) -> list[str | None]:
    return [None if row < 0 else terms.shown[row] for row in rows.tolist()]


def test_pieces_are_joined_to_words() -> None:
    terms = terms_of([" The", " straw", "berr", "ies", ",", " 2", "0", "2", "3", "↵", "cat"])
    berries = ["strawberries"] * 3
    assert shown(terms, terms.word) == [
        "The", *berries, ",", "2023", "2023", "2023", "2023", "↵", "cat",
    ]  # fmt: skip
    assert shown(terms, terms.piece) == [
        None, "straw…", "…berr…", "…ies", None, "2…", "…0…", "…2…", "…3", None, None,
    ]  # fmt: skip


def test_the_word_before_is_that_of_the_whole_word_and_stays_in_the_document() -> None:
    terms = terms_of([" New", " Eng", "land"], [" New", " York"])
    assert shown(terms, terms.before) == [None, "New →", "New →", None, "New →"]


def test_words_that_differ_in_case_are_one_term_in_its_commonest_form() -> None:
    terms = terms_of([" The", " the", " the", " THE", " Paris"])
    assert len(set(terms.word[:4].tolist())) == 1
    assert shown(terms, terms.word)[-2:] == ["the", "Paris"]


def test_a_gap_or_a_new_document_ends_a_word() -> None:
    terms = terms_of([" straw"], ["berry"])
    assert shown(terms, terms.word) == ["straw", "berry"]
    table = pa.table(
        {
            "document": [0, 0],
            "position": pa.array([3, 7], pa.int32()),
            "token": pa.array([" straw", "berry"]).dictionary_encode(),
            "kept": [True, True],
        }
    )
    gap = token_terms(table)
    assert shown(gap, gap.word) == ["straw", "berry"]
    assert shown(gap, gap.before) == [None, None]


def test_bytes_become_the_characters_that_they_are_part_of() -> None:
    terms = terms_of([" caf", "⟨c3⟩", "⟨a9⟩", " ", "⟨e4 bd⟩", "⟨a0⟩", "⟨e5⟩", "⟨a5 bd⟩", " x"])
    assert shown(terms, terms.word)[:3] == ["café"] * 3
    assert shown(terms, terms.word)[4:8] == ["你", "你", "好", "好"]
    assert shown(terms, terms.piece)[:4] == ["caf…", "…é", "…é", None]


def test_scripts_without_spaces_are_not_joined() -> None:
    terms = terms_of([" x", "日", "本", "語", " Привет", "ик"])
    assert shown(terms, terms.word) == ["x", "日", "本", "語", "Приветик", "Приветик"]


def test_punctuation_and_spaces_are_visible() -> None:
    terms = terms_of([" a", " ", "    ", "...", " (self", "↵↵", ""])
    assert shown(terms, terms.word) == ["a", "␣", "␣×4", "...", "self", "↵↵", "␣"]


def test_tokens_without_any_spaces_are_whole_words() -> None:
    terms = terms_of(["the", "whale", "swims"] * 30)
    assert shown(terms, terms.word)[:3] == ["the", "whale", "swims"]
    assert (terms.piece == -1).all()


def test_marks_of_tokenizers_are_read_as_spaces() -> None:
    terms = terms_of(["Ġthe", "Ġwhale", "s", "▁swim"])
    assert shown(terms, terms.word) == ["the", "whales", "whales", "swim"]


def test_a_rate_counts_occurrences_per_kept_token() -> None:
    """A word of several tokens occurs once; so does a character of several bytes."""
    terms = terms_of([" straw", "berry", " caf", "⟨c3⟩", "⟨a9⟩", " straw", "berry"])
    word, piece = terms.rate[terms.word], terms.rate[terms.piece]
    assert word.tolist() == [2 / 7, 2 / 7, 1 / 7, 1 / 7, 1 / 7, 2 / 7, 2 / 7]
    assert piece.tolist() == [2 / 7, 2 / 7, 1 / 7, 1 / 7, 1 / 7, 2 / 7, 2 / 7]
    assert terms.rate[terms.before[-1]] == 1 / 7
    assert terms.frequency[terms.word].tolist() == [4 / 7, 4 / 7, 3 / 7, 3 / 7, 3 / 7, 4 / 7, 4 / 7]


def test_two_words_that_occur_often_enough_are_a_phrase_for_both() -> None:
    text = [" the", " United", " Sta", "tes", ","]
    terms = terms_of(
        *[text] * LEAST_PHRASE, [" the", " sea"] * (LEAST_PHRASE - 1), [" the", " sea"]
    )
    assert shown(terms, terms.second)[:5] == [
        None, "the United", "United States", "United States", None,
    ]  # fmt: skip
    assert shown(terms, terms.first)[:5] == [
        "the United", "United States", None, None, None,
    ]  # fmt: skip
    place = terms.shown.index("United States")
    assert terms.shown[place + terms.first_first - terms.first_second] == "United States"
    assert "the sea" in terms.shown
    fewer = terms_of(*[text] * (LEAST_PHRASE - 1))
    assert "United States" not in fewer.shown
    assert (fewer.second == -1).all() and (fewer.first == -1).all()


def test_only_counted_tokens_make_a_phrase() -> None:
    documents = [[" a", " b"]] * LEAST_PHRASE
    assert "a b" in terms_of(*documents).shown
    assert "a b" not in terms_of(*documents, kept=[True] * 9 + [False]).shown


def test_an_entry_of_the_lexicon_is_one_word() -> None:
    document = ["我", "吃", "草", "莓", "。"]
    table = pa.table(
        {
            "document": np.zeros(5, np.int64),
            "position": np.arange(5, dtype=np.int32),
            "token": pa.array(document).dictionary_encode(),
        }
    )
    terms = terms_of_units(token_units(table), np.ones(5, dtype=bool), {"草莓"})
    assert shown(terms, terms.word) == ["我", "吃", "草莓", "草莓", "。"]
    assert shown(terms, terms.piece) == [None, None, "草…", "…莓", None]
    assert terms.occurrence.tolist() == [0, 1, 2, 2, 3]


def test_frequencies_count_only_kept_tokens() -> None:
    terms = terms_of([" a", " b", " a", " a"], kept=[True, True, True, False])
    a, b = terms.word[0], terms.word[1]
    assert terms.frequency[a] == 2 / 3
    assert terms.frequency[b] == 1 / 3


def test_a_word_has_a_largest_number_of_pieces() -> None:
    terms = terms_of([" x", *["y"] * 30])
    longest = max(len(terms.shown[t]) for t in terms.word.tolist())
    assert longest == MOST_PIECES


def test_an_empty_table_has_no_terms() -> None:
    terms = terms_of([])
    assert len(terms.word) == len(terms.shown) == 0


def test_a_word_of_twelve_pieces_is_one_and_the_thirteenth_begins_another() -> None:
    pieces = [" x", *"abcdefghijkl"]
    terms = terms_of(pieces)
    assert shown(terms, terms.word) == ["xabcdefghijk"] * 12 + ["l"]


@pytest.mark.parametrize(("spaced", "is_joined"), [(2, True), (1, False)])
def test_words_are_joined_if_two_of_a_hundred_tokens_begin_with_a_space(
    spaced: int, is_joined: bool
) -> None:
    texts = [f" {chr(0x3B1 + i)}" for i in range(spaced)]
    texts += [chr(0x400 + i) for i in range(100 - spaced)]
    terms = terms_of(texts)
    assert (terms.occurrence[-1] == terms.occurrence[-2]) == is_joined


def test_a_shown_term_has_at_most_forty_characters() -> None:
    terms = terms_of([" " + "a" * 40, " " + "b" * 41])
    assert shown(terms, terms.word) == ["a" * 40, "b" * 39 + "…"]


def test_spaces_are_counted_from_two_on() -> None:
    terms = terms_of([" a", "  ", " b"])
    assert shown(terms, terms.word)[1] == "␣×2"


def test_bytes_are_joined_unless_their_character_is_of_a_script_without_spaces() -> None:
    for lead, joined in (("c3 a9", True), ("e2 80 94", False), ("e3 81 82", False)):  # é — あ
        terms = terms_of([" a", f"⟨{lead}⟩"])
        assert (terms.word[0] == terms.word[1]) == joined


@pytest.mark.parametrize(
    ("character", "is_joined"),
    [
        ("b", True),
        ("\u0301", True),  # a combining accent
        ("9", False),
        ("²", False),  # a number, but not a digit
        ("ก", False),  # Thai, Lao, Tibetan
        ("ﬀ", True),
        ("豈", False),  # U+F900
        ("𠀀", False),  # U+20000
    ],
)
def test_letters_continue_a_word(character: str, is_joined: bool) -> None:
    terms = terms_of([" a", character])
    assert (terms.word[0] == terms.word[1]) == is_joined


def test_digits_continue_digits_only() -> None:
    terms = terms_of([" 1", "2", "²"])
    assert terms.word[0] == terms.word[1] != terms.word[2]


def test_a_word_is_shown_without_the_marks_around_it() -> None:
    terms = terms_of([' ("whale",', " don't"])
    assert shown(terms, terms.word) == ["whale", "don't"]
