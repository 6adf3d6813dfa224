"""Windows are pieces of their documents, with the activations of their latents."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import (
    TABLES,
    Activations,
    KeptTokens,
    Parameters,
    TableFile,
    write_table,
)
from analysis.latents.contexts import write_contexts
from analysis.latents.windows import WindowReader, read_tokens, rows_around
from analysis.runtime.errors import InputError
from tests.analysis.conftest import Stored


@pytest.fixture(scope="module")
def contexts(stored: Stored) -> pa.Table:
    parameters = Parameters(context_tokens=11, contexts_per_kind=4, seed=7)
    write_contexts(stored.activations, stored.kept, stored.tables, parameters=parameters)
    return pq.read_table(stored.tables / "contexts.parquet")


def reader_of(stored: Stored) -> WindowReader:
    return WindowReader(stored.tables, stored.kept, stored.activations)


@pytest.mark.parametrize("length", [1, 11, 40])
def test_every_window_is_a_piece_of_its_document(
    stored: Stored, contexts: pa.Table, length: int
) -> None:
    tokens = pq.read_table(stored.tables / "tokens.parquet").to_pandas()
    text, document = tokens["token"].astype(str).to_numpy(), tokens["document"].to_numpy()
    rows = reader_of(stored).read(contexts, length)
    assert rows.column_names == [*contexts.column_names, "tokens", "activations", "peak"]
    for row in rows.to_pylist():
        at = row["document"] * 333 + row["position"]
        window = np.arange(at - row["peak"], at - row["peak"] + len(row["tokens"]))
        assert row["tokens"] == text[window].tolist()
        assert (document[window] == row["document"]).all()
        assert row["activations"] == stored.values[window, row["latent"]].tolist()
        assert row["activation"] == row["activations"][row["peak"]] > 0
        assert row["peak"] == min(row["position"], length // 2)
        after = min(333 - row["position"], length - length // 2)
        assert len(row["tokens"]) == row["peak"] + after


def test_rows_keep_their_order_and_may_be_none(stored: Stored, contexts: pa.Table) -> None:
    order = pa.array(np.random.default_rng(0).permutation(contexts.num_rows)[:40])
    some = contexts.take(order)
    read = reader_of(stored).read(some, 5)
    assert read.select(contexts.column_names).equals(some)
    assert read.equals(reader_of(stored).read(contexts, 5).take(order))
    assert reader_of(stored).read(contexts.slice(0, 0), 5).num_rows == 0


def test_texts_alone_are_those_of_the_windows_without_reading_activations(
    stored: Stored, contexts: pa.Table, tmp_path: Path
) -> None:
    shutil.copy(stored.tables / "tokens.parquet", tmp_path)
    texts = WindowReader(tmp_path, stored.kept, stored.activations).read_texts(contexts, 7)
    without = replace(stored.activations, folder=tmp_path)  # it has no table of activations
    assert WindowReader(tmp_path, stored.kept, without).read_texts(contexts, 7).equals(texts)
    assert texts.equals(reader_of(stored).read(contexts, 7).drop_columns(["activations"]))


def imported(folder: Path) -> tuple[WindowReader, dict[str, Any]]:
    """Two documents that lack positions; latent 0 is active on b, e and g, latent 1 nowhere."""
    tokens: dict[str, Any] = {
        "document": [3, 3, 3, 3, 8, 8, 8],
        "position": [0, 5, 6, 40, 2, 3, 90],
        "token": list("abcdefg"),
        "kept": [True] * 7,
        "active_latents": [0, 1, 0, 0, 1, 0, 1],
    }
    write_table(folder, "tokens", pa.table(tokens))
    active = pa.table({"token": [1, 4, 6], "activation": [2.0, 3.0, 4.0]})
    write_table(folder, "activations_by_latent", active)
    kept = KeptTokens.of(np.array(tokens["document"]), np.array(tokens["kept"]))
    activations = Activations(folder, np.array([3, 3]), np.cumsum(tokens["active_latents"]))
    return WindowReader(folder, kept, activations), tokens


def contexts_at(places: list[tuple[int, int]], latent: int = 0) -> pa.Table:
    rows = [
        {"latent": latent, "kind": "top", "activation": 1.0, "document": d, "position": p}
        for d, p in places
    ]
    return pa.Table.from_pylist(rows, TABLES["contexts"])


def test_positions_may_be_missing_from_imported_documents(tmp_path: Path) -> None:
    reader, _ = imported(tmp_path)
    read = reader.read(contexts_at([(8, 90), (3, 5), (3, 40)]), 3).to_pylist()
    assert [row["tokens"] for row in read] == [["f", "g"], ["a", "b", "c"], ["c", "d"]]
    assert [row["activations"] for row in read] == [[0.0, 4.0], [0.0, 2.0, 0.0], [0.0, 0.0]]
    assert [row["peak"] for row in read] == [1, 1, 1]


def test_a_position_that_the_document_lacks_is_damage(tmp_path: Path) -> None:
    reader, _ = imported(tmp_path)
    for place in ((3, 7), (3, 41), (8, 0)):
        with pytest.raises(InputError, match="has positions that their documents lack"):
            reader.read(contexts_at([place]), 3)


def test_a_position_below_zero_in_a_window_is_damage(tmp_path: Path) -> None:
    reader, tokens = imported(tmp_path)
    tokens["position"][2] = -3
    write_table(tmp_path, "tokens", pa.table(tokens))
    with pytest.raises(InputError, match="the column position has values"):
        read_tokens(TableFile(tmp_path / "tokens.parquet"), np.array([1, 2]))
    text, _ = read_tokens(TableFile(tmp_path / "tokens.parquet"), np.array([1, 3]))
    assert text.to_pylist() == ["b", "d"]
    assert reader.kept.rows == len(tokens["position"])


def test_a_dead_latent_has_no_activations(tmp_path: Path) -> None:
    reader, _ = imported(tmp_path)
    (row,) = reader.read(contexts_at([(3, 5)], latent=1), 3).to_pylist()
    assert row["activations"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("length", "rows"), [(4, [8, 9, 10, 11]), (5, [8, 9, 10, 11, 12])])
def test_of_an_even_window_the_first_half_comes_before_the_picked_token(
    length: int, rows: list[int]
) -> None:
    kept = KeptTokens.of(np.repeat([0, 1], 50), np.ones(100, dtype=np.bool_))
    around = rows_around(kept, np.array([10, 50, 49]), length)
    assert around.rows[:length].tolist() == rows
    assert around.peak.tolist() == [2, 0, 2]
    assert around.lengths.tolist() == [length, length - 2, 3]
