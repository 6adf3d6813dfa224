"""Which texts are repaired and which are skipped."""

import pytest

from analysis.harvest import odd_rows
from analysis.harvest.odd_rows import (
    CUT,
    NO_TEXT,
    OTHER_ENCODING,
    SURROGATES,
    UNDECODED,
    OddRows,
    decoded,
    short_storable,
    storable,
)


@pytest.mark.parametrize(("good", "read"), [(99, True), (98, False)])
def test_a_hundredth_of_a_text_may_be_undecoded(good: int, read: bool) -> None:
    odd = OddRows()
    text, undecoded = decoded(b"a" * good + b"\xe9")
    assert undecoded
    assert (storable(text, "line 3", odd, undecoded=True) is not None) == read
    assert odd.first == {UNDECODED if read else OTHER_ENCODING: "line 3"}


def test_rows_are_counted_and_only_the_first_place_is_kept() -> None:
    odd = OddRows()
    assert storable("a\0b", "line 1", odd) == "a\ufffdb"
    assert storable("\0", "line 9", odd) == "\ufffd"
    assert odd.sentences() == [
        "Rows with NUL characters, repaired (U+FFFD): 2, the first is line 1."
    ]


def test_titles_can_be_stored() -> None:
    titles = (None, 5, b"\xff", "a\ud83d\0")
    assert [short_storable(one) for one in titles] == ["", "5", "\ufffd", "a\ufffd\ufffd"]


def test_a_text_is_cut_after_the_most_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_rows, "MAX_DOCUMENT_CHARACTERS", 5)
    odd = OddRows()
    assert storable("abcde", "line 1", odd) == "abcde" and not odd.counts
    assert storable("abcdef", "line 2", odd) == "abcde"
    assert odd.counts == {CUT: 1} and odd.first == {CUT: "line 2"}


def test_blank_texts_are_skipped_and_half_pairs_repaired() -> None:
    odd = OddRows()
    assert [storable(text, "line 1", odd) for text in ("", " \n\t")] == [None, None]
    assert storable("é\ud83d", "line 3", odd) == "é\ufffd"
    assert storable("é", "line 4", odd) == "é"
    assert odd.counts == {NO_TEXT: 2, SURROGATES: 1}
    assert decoded("é".encode()) == ("é", False)
