"""The stored activations, by token and by latent, against the planted matrix."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import (
    Parameters,
)
from analysis.harvest import imported
from analysis.harvest.corpus import Document
from analysis.harvest.store import write_activation_tables
from tests.analysis.conftest import Stored
from tests.planted import LATENTS


def test_memory_setting_changes_no_byte(stored: Stored, tmp_path: Path) -> None:
    write_activation_tables(stored.shards, tmp_path, LATENTS, memory_bytes=100_000)
    for name in ("tokens", "documents", "activations_by_token", "activations_by_latent"):
        made = [(folder / f"{name}.parquet").read_bytes() for folder in (tmp_path, stored.tables)]
        assert made[0] == made[1], name


def test_shard_size_changes_nothing_stored(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "SHARD_TOKENS", 1_234)
    shards = tmp_path / "shards"
    shards.mkdir()
    files = stored.planted.activations, stored.planted.tokens
    imported.import_activations(*files, LATENTS, shards, parameters=Parameters())
    assert len(list(shards.glob("*.arrow"))) == 17
    write_activation_tables(shards, tmp_path, LATENTS)
    for table in ("activations_by_token", "activations_by_latent", "documents"):
        name = f"{table}.parquet"
        assert (tmp_path / name).read_bytes() == (stored.tables / name).read_bytes()
    tokens = [pq.read_table(f / "tokens.parquet").to_pylist() for f in (tmp_path, stored.tables)]
    assert tokens[0] == tokens[1]


def test_token_and_document_tables(stored: Stored) -> None:
    tokens = pq.read_table(stored.tables / "tokens.parquet")
    given = pq.read_table(stored.planted.tokens)
    for name in ("document", "position", "token"):
        assert tokens[name].to_pylist() == given[name].to_pylist()
    assert np.array_equal(tokens["active_latents"].to_numpy(), stored.bits.sum(axis=1))
    documents = pq.read_table(stored.tables / "documents.parquet")
    assert documents["document"].to_pylist() == list(range(60))
    assert documents["tokens"].to_pylist() == [333] * 60


def test_documents_are_named_from_the_corpus(stored: Stored, tmp_path: Path) -> None:
    named = [Document(i, f"title {i}", f"source {i}", "") for i in (0, 2, 59, 70)]
    write_activation_tables(stored.shards, tmp_path, LATENTS, documents=named)
    documents = pq.read_table(tmp_path / "documents.parquet").to_pylist()
    assert [documents[i]["title"] for i in (0, 1, 2, 59)] == [
        "title 0",
        "document 1",
        "title 2",
        "title 59",
    ]
    assert documents[2]["source"] == "source 2" and documents[1]["source"] == ""


def test_values_of_the_documents_that_were_written_are_stored(
    stored: Stored, tmp_path: Path
) -> None:
    named = [
        Document(i, "", "", "", values=(("language", "fr" if i % 2 else "en"),))
        for i in (0, 2, 59, 70)
    ]
    write_activation_tables(stored.shards, tmp_path, LATENTS, documents=named)
    values = pq.read_table(tmp_path / "document_values.parquet").to_pylist()
    assert [tuple(row.values()) for row in values] == [
        (0, "language", "en"),
        (2, "language", "en"),
        (59, "language", "fr"),
    ]
    assert pq.read_metadata(stored.tables / "document_values.parquet").num_rows == 0
