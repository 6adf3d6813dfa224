"""Values of documents, and the table of those that group documents."""

from analysis.bundle import TABLES
from analysis.harvest.document_values import (
    LONGEST_VALUE,
    MOST_COLUMNS,
    MOST_VALUES,
    DocumentValues,
    values_of,
)


def test_words_whole_numbers_and_yes_or_no_are_values() -> None:
    row = {
        "language": "fr", "year": 1851, "fiction": True, "checked": False, "bytes": b"caf\xc3\xa9",
        "score": 0.5, "tags": ["a"], "none": None, "empty": "  ", "spaced": " a ",
        "long": "x" * (LONGEST_VALUE + 1), "n" * (LONGEST_VALUE + 1): "x", "": "x",
        "longest": "x" * LONGEST_VALUE,
    }  # fmt: skip
    assert dict(values_of(row)) == {
        "language": "fr",
        "year": "1851",
        "fiction": "yes",
        "checked": "no",
        "bytes": "café",
        "spaced": "a",
        "longest": "x" * LONGEST_VALUE,
    }


def test_the_table_is_sorted_by_document() -> None:
    collected = DocumentValues()
    collected.add(3, (("language", "en"), ("genre", "letters")))
    collected.add(7, (("genre", "code"),))
    collected.add(9, (("language", "en"), ("genre", "letters")))
    table = collected.table()
    assert table.schema == TABLES["document_values"]
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (3, "language", "en"),
        (3, "genre", "letters"),
        (7, "genre", "code"),
        (9, "language", "en"),
        (9, "genre", "letters"),
    ]
    assert DocumentValues().table().num_rows == 0


def test_a_column_with_many_values_is_left_out() -> None:
    collected = DocumentValues()
    for document in range(MOST_VALUES + 5):
        collected.add(document, (("id", str(document)), ("half", str(document // 2))))
    assert set(collected.table()["column"].to_pylist()) == {"half"}
    full = DocumentValues()
    for document in range(MOST_VALUES):
        full.add(document, (("id", str(document)),))
    assert full.table().num_rows == MOST_VALUES


def test_only_the_first_columns_are_kept() -> None:
    collected = DocumentValues()
    collected.add(0, tuple((f"c{i}", "x") for i in range(MOST_COLUMNS + 3)))
    assert len(set(collected.table()["column"].to_pylist())) == MOST_COLUMNS


def test_columns_with_many_values_take_the_place_of_no_other() -> None:
    collected = DocumentValues()
    languages = []
    for document in range(MOST_VALUES + 1):
        ids = tuple((f"id{i}", str(document)) for i in range(MOST_COLUMNS))
        collected.add(document, (*ids, ("language", "fr")))
        languages.append((document, "language", "fr"))
    assert [tuple(row.values()) for row in collected.table().to_pylist()] == languages
