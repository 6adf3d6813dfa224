"""A table's file is verified while it is read, and never takes more memory than allowed."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle.table_file import MEMORY_SETTING, TableFile, file_identity, memory_limit
from analysis.bundle.tables import ROW_GROUP, read_table, write_table
from analysis.runtime.errors import InputError


def documents(folder: Path, count: int = 5, title: str = "t") -> Path:
    columns = {
        "document": np.arange(count),
        "title": [title] * count,
        "source": [""] * count,
        "tokens": np.ones(count, np.int32),
    }
    write_table(folder, "documents", pa.table(columns))
    return folder / "documents.parquet"


def test_the_footer_says_whether_pages_have_checksums(tmp_path: Path) -> None:
    path = documents(tmp_path)
    assert TableFile(path).has_checksums
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    assert not TableFile(path).has_checksums


def test_columns_and_row_groups(tmp_path: Path) -> None:
    write_table(
        tmp_path, "activations_by_token", pa.table({"latent": np.arange(2 * ROW_GROUP + 1)})
    )
    file = TableFile(tmp_path / "activations_by_token.parquet")
    assert (file.rows, file.groups) == (2 * ROW_GROUP + 1, 3)
    assert file.read(["latent"], [2])["latent"].to_pylist() == [2 * ROW_GROUP]
    assert file.read(groups=[]).num_rows == 0
    assert file.read()["latent"].to_pylist() == list(range(file.rows))
    assert [len(batch) for batch in file.batches(40_000, ["latent"])][:2] == [40_000, 40_000]


def test_texts_are_in_memory_once(tmp_path: Path) -> None:
    path = documents(tmp_path, 50_000, "t" * 10_000)
    rows = read_table(path)
    assert rows["title"][49_999].as_py().endswith("t…")
    assert rows.nbytes < 50_000 * 5_000
    # 20 bytes for a row, and the text itself.
    assert TableFile(path).read().nbytes < 50_000 * 20 + 2 * 10_000


def test_large_tables_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = documents(tmp_path, 10_000)
    monkeypatch.setenv(MEMORY_SETTING, "0.00033")
    assert TableFile(path).read().num_rows == 10_000
    monkeypatch.setenv(MEMORY_SETTING, "0.00027")
    message = f"reading it takes about 0.0 GB, and the limit is 0.00027 GB; raise {MEMORY_SETTING}"
    with pytest.raises(InputError, match=message):
        TableFile(path).read()
    assert TableFile(path).read(["tokens", "source"]).num_rows == 10_000
    with pytest.raises(InputError, match=message):
        list(TableFile(path).batches(10, ["document", "title", "source", "tokens"]))


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan"])
def test_the_setting_is_a_positive_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(MEMORY_SETTING, text)
    with pytest.raises(InputError, match=f"{MEMORY_SETTING} is '{text}'; set it to"):
        memory_limit()
    monkeypatch.delenv(MEMORY_SETTING)
    assert memory_limit() == 1e9


def test_a_file_that_was_replaced_is_not_read(tmp_path: Path) -> None:
    path = documents(tmp_path)
    opened, unread = TableFile(path), TableFile(path)
    opened.read()
    other = documents(tmp_path, 6)
    for file in (opened, unread):
        with pytest.raises(InputError, match=r"/documents.parquet: was replaced or removed"):
            file.read()
    other.unlink()
    with pytest.raises(InputError, match="was replaced or removed"):
        opened.read()


def test_identity_changes_with_the_file(tmp_path: Path) -> None:
    path = documents(tmp_path)
    first = file_identity(path)
    os.utime(path, ns=(0, 0))
    assert file_identity(path) != first


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    path = documents(tmp_path)
    content = path.read_bytes()
    damages = (b"", b"PAR1", content[:-1], content[:-8] + b"\xff\xff\xff\x7fPAR1", content[100:])
    for damage in damages:
        path.write_bytes(damage)
        with pytest.raises(InputError, match=r"/documents.parquet: (is not a readable|cannot be)"):
            TableFile(path).read()


def test_lists_of_texts_are_read_across_row_groups(tmp_path: Path) -> None:
    # Arrow reads a list of dictionaries only from one row group at a time.
    path = tmp_path / "lists.parquet"
    tokens = [[f"token {i}", "a"] for i in range(20)]
    pq.write_table(pa.table({"tokens": tokens}), path, row_group_size=8)
    file = TableFile(path)
    assert file.groups == 3
    assert file.read()["tokens"].to_pylist() == tokens
    assert file.read(groups=[0, 2])["tokens"].to_pylist() == tokens[:8] + tokens[16:]
