"""Words are joined from pieces, and characters from bytes."""

import numpy as np
import pyarrow as pa

from analysis.labels.terms import MOST_PIECES, TokenTerms, token_terms


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
        None, "straw…", "…berr", "…ies", None, "2…", "…0", "…2", "…3", None, None,
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
    assert shown(terms, terms.piece)[1] == "…⟨c3⟩"


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
