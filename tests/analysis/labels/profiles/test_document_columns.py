"""The columns of documents, against lists."""

import numpy as np
import pyarrow as pa

from analysis.harvest.document_values import MOST_VALUES
from analysis.labels.profiles.document_columns import document_columns


def _documents(sources: list[str]) -> pa.Table:
    ids = 10 * np.arange(len(sources))
    return pa.table({"document": ids, "source": sources})


def _values(rows: list[tuple[int, str, str]]) -> pa.Table:
    document, column, value = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "document": pa.array(document, pa.int64()),
            "column": pa.array(column, pa.string()).dictionary_encode(),
            "value": pa.array(value, pa.string()).dictionary_encode(),
        }
    )


def test_each_document_has_the_code_of_its_value() -> None:
    values = _values([(0, "language", "fr"), (10, "language", "en"), (30, "language", "en")])
    (language,) = document_columns(_documents(["a"] * 4), values)
    assert (language.name, language.values) == ("language", ("en", "fr"))
    assert language.codes.tolist() == [1, 0, -1, 0]


def test_the_source_is_the_last_column_and_equal_counts_are_in_alphabetical_order() -> None:
    values = _values([(0, "genre", "x"), (10, "genre", "y"), (0, "class", "1"), (10, "class", "0")])
    columns = document_columns(_documents(["b", "a", ""]), values)
    assert [column.name for column in columns] == ["genre", "class", "source"]
    assert columns[2].values == ("a", "b")
    assert columns[2].codes.tolist() == [1, 0, -1]


def test_a_column_with_one_value_or_too_many_is_left_out() -> None:
    assert document_columns(_documents(["a", "a", ""]), _values([])) == []
    assert document_columns(_documents([str(i) for i in range(MOST_VALUES + 1)]), _values([])) == []
    (full,) = document_columns(_documents([str(i) for i in range(MOST_VALUES)]), _values([]))
    assert len(full.values) == MOST_VALUES
