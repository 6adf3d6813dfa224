"""Tables are written in the declared schema and read by latent."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle, table_file
from analysis.bundle.schema import TABLES
from analysis.bundle.table_file import MEMORY_SETTING, TableFile
from analysis.bundle.tables import (
    ROW_GROUP,
    LatentTable,
    TableWriter,
    read_rows,
    write_table,
)
from analysis.runtime.errors import InputError


def test_rows_of_some_latents(tmp_path: Path) -> None:
    latents = np.repeat(np.arange(20_000, dtype=np.int32), 5)
    columns = {
        "latent": latents,
        "rank": np.tile(np.arange(5, dtype=np.int16), 20_000),
        "neighbour": latents[::-1],
        "cosine": np.zeros(len(latents), np.float32),
    }
    write_table(tmp_path, "neighbours", pa.table(columns))
    table = LatentTable(tmp_path / "neighbours.parquet")
    assert table.rows == 100_000
    wanted = [0, 13_106, 13_107, 13_108, 19_999, 50_000]
    found = table.of(wanted)["latent"].to_pylist()
    assert found == [latent for latent in wanted[:-1] for _ in range(5)]
    # The rows of 13,107 are in two row groups: it is the last of one and the first of the other.
    for latent in (13_106, 13_107, 13_108):
        assert table.of(latent)["latent"].to_pylist() == [latent] * 5
    assert table.of([]).num_rows == 0
    some = table.of([19_999], ["latent", "neighbour"])
    assert some.to_pydict() == {"latent": [19_999] * 5, "neighbour": [0] * 5}
    assert table.groups_of(np.array([0, 13_106, 13_108, 50_000])).tolist() == [0, 0, 1, 1]
    pieces = [*table.pieces(["latent", "neighbour"])]
    assert [piece.num_rows for piece in pieces] == [ROW_GROUP, 100_000 - ROW_GROUP]
    assert pa.concat_tables(pieces)["neighbour"].to_numpy().tolist() == latents[::-1].tolist()


def test_only_the_rows_that_are_wanted_count_towards_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.arange(300_000)
    columns = {"latent": rows // 15, "rank": rows % 15, "neighbour": rows, "cosine": rows / 3e5}
    write_table(tmp_path, "neighbours", pa.table(columns))
    table = LatentTable(tmp_path / "neighbours.parquet")
    wanted = np.arange(0, 20_000, 10)
    whole = table.of(wanted)
    assert whole["neighbour"].to_pylist() == rows[np.isin(rows // 15, wanted)].tolist()
    # A row group takes about 1.3 MB, all rows 4.2 MB, and a tenth of them .4 MB.
    monkeypatch.setenv(MEMORY_SETTING, "0.002")
    monkeypatch.setattr(table_file, "PIECE_BYTES", 2_000_000)
    assert table.of(wanted).equals(whole)
    with pytest.raises(InputError, match="reading it takes about"):
        table.of(np.arange(20_000))
    monkeypatch.setattr(table_file, "PIECE_BYTES", 3_000_000)
    with pytest.raises(InputError, match="reading it takes about"):
        table.of(wanted)


def test_the_contexts_of_a_latent_are_in_few_rows_to_decode(
    tmp_path: Path, planted_bundle: Bundle
) -> None:
    few = planted_bundle.contexts.all()
    rows = pa.concat_tables([few] * (33_000 // few.num_rows + 1)).sort_by("latent")
    write_table(tmp_path, "contexts", rows)
    file = pq.ParquetFile(tmp_path / "contexts.parquet").metadata
    assert [file.row_group(i).num_rows for i in range(2)] == [16_384, 16_384]
    wanted = np.asarray(rows["latent"]) == 7
    assert LatentTable(tmp_path / "contexts.parquet").of(7).num_rows == wanted.sum() > 0


def documents(count: int) -> pa.Table:
    columns = {
        "document": np.arange(count),
        "title": [f"t{i}" for i in range(count)],
        "source": [""] * count,
        "tokens": np.ones(count, np.int32),
    }
    return pa.table(columns)


def test_pieces_are_written_in_the_declared_schema(tmp_path: Path) -> None:
    rows = documents(5).select(["tokens", "title", "source", "document"])
    with TableWriter(tmp_path, "documents") as writer:
        for start in range(5):
            writer.write(rows.slice(start, 1))
    stored = pq.read_table(tmp_path / "documents.parquet")
    assert [field.metadata for field in stored.schema] == [
        field.metadata for field in TABLES["documents"]
    ]
    assert stored.schema.equals(TABLES["documents"])
    assert stored["document"].to_pylist() == [0, 1, 2, 3, 4]


def test_row_groups_are_full_whatever_the_pieces(tmp_path: Path) -> None:
    with TableWriter(tmp_path, "activations_by_token") as writer:
        for start in range(0, 3 * 50_000, 50_000):
            writer.write(pa.table({"latent": np.arange(start, start + 50_000)}))
    file = pq.ParquetFile(tmp_path / "activations_by_token.parquet")
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [65_536, 65_536, 150_000 - 2 * 65_536]
    assert file.read()["latent"].to_pylist() == list(range(150_000))


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    write_table(tmp_path, "documents", documents(0))
    assert pq.read_table(tmp_path / "documents.parquet").schema.equals(TABLES["documents"])


def test_a_missing_column_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="title"):
        write_table(tmp_path, "documents", documents(3).drop_columns(["title"]))


def test_rows_are_read_over_the_border_of_row_groups(tmp_path: Path) -> None:
    write_table(tmp_path, "activations_by_token", pa.table({"latent": np.arange(3 * ROW_GROUP)}))
    shared = TableFile(tmp_path / "activations_by_token.parquet")
    end = 3 * ROW_GROUP
    spans = ((0, 1), (ROW_GROUP - 1, ROW_GROUP + 1), (ROW_GROUP, 2 * ROW_GROUP), (5, 5))
    for start, stop in (*spans, (end - 1, end)):
        read = read_rows(shared, start, stop)["latent"].to_pylist()
        assert read == list(range(start, stop))
