"""The stored activations, by token and by latent, against the planted matrix."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import (
    Parameters,
    activations,
    chosen_tokens,
    kept_tokens,
    latent_blocks,
    latent_spans,
)
from analysis.harvest import imported
from analysis.harvest.corpus import Document
from analysis.harvest.store import write_activation_tables
from tests.analysis.conftest import Stored
from tests.planted import LATENTS


def test_by_latent_and_by_token_are_the_matrix(stored: Stored) -> None:
    for latent in (0, 57, 165, 190, 199):
        tokens, values = stored.activations.of_latent(latent)
        assert np.array_equal(tokens, np.flatnonzero(stored.values[:, latent]))
        assert np.array_equal(values, stored.values[tokens, latent])
    for row in (0, 1, 9_999, stored.planted.n_tokens - 1):
        latents, values = stored.activations.of_token(row)
        assert np.array_equal(latents, np.flatnonzero(stored.values[row]))
        assert np.array_equal(values, stored.values[row, latents])


def test_ranges_of_latents_and_tokens(stored: Stored) -> None:
    tokens, values, counts = stored.activations.of_latents(20, 33)
    latent, row = np.nonzero(stored.values[:, 20:33].T)
    assert np.array_equal(tokens, row) and np.array_equal(counts, np.bincount(latent))
    assert np.array_equal(values, stored.values[:, 20:33].T[latent, row])
    again, counted = stored.activations.tokens_of_latents(20, 33)
    assert np.array_equal(again, tokens) and np.array_equal(counted, counts)
    latents, active = stored.activations.latents_of_tokens(500, 900)
    row, latent = np.nonzero(stored.values[500:900])
    assert np.array_equal(latents, latent)
    assert np.array_equal(active, np.bincount(row, minlength=400))


def test_chosen_latents_read_together_or_alone(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = np.array([3, 57, 58, 165, 190, 199])
    latent, row = np.nonzero(stored.values[:, chosen].T)
    for apart in (activations.ROW_GROUP, 1):
        monkeypatch.setattr(activations, "ROW_GROUP", apart)
        tokens, counts = chosen_tokens(stored.activations, chosen)
        assert np.array_equal(tokens, row)
        assert np.array_equal(counts, np.bincount(latent, minlength=len(chosen)))
    tokens, counts = chosen_tokens(stored.activations, np.empty(0, dtype=np.int64))
    assert len(tokens) == len(counts) == 0


def test_kept_tokens_are_counted_by_document(stored: Stored) -> None:
    kept = kept_tokens(stored.tables)
    assert np.array_equal(kept.before, np.arange(stored.planted.n_tokens))
    assert np.array_equal(kept.ends, stored.kept.row_ends)


def test_latent_blocks_cover_everything_once(stored: Stored) -> None:
    blocks = list(latent_blocks(stored.activations, memory_bytes=30_000))
    assert len(blocks) > 20
    assert np.concatenate([b.tokens for b in blocks]).shape == (stored.bits.sum(),)
    assert [b.first for b in blocks][1:] == list(
        np.cumsum([len(b.ends) for b in blocks])[:-1].tolist()
    )


def test_latent_spans_keep_the_bound_or_hold_one_latent() -> None:
    counts = np.array([5, 0, 3, 20, 1, 1, 8, 0])
    spans = list(latent_spans(counts, 8))
    assert spans == [(0, 3), (3, 4), (4, 6), (6, 8)]


def test_memory_setting_changes_no_byte(stored: Stored, tmp_path: Path) -> None:
    write_activation_tables(stored.shards, tmp_path, LATENTS, memory_bytes=100_000)
    for name in ("tokens", "documents", "activations_by_token", "activations_by_latent"):
        made = [(folder / f"{name}.parquet").read_bytes() for folder in (tmp_path, stored.tables)]
        assert made[0] == made[1], name


def test_shard_size_changes_nothing_stored(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "SHARD_TOKENS", 1_234)
    monkeypatch.setattr(imported, "PIECE_ROWS", 5_000)
    shards = tmp_path / "shards"
    shards.mkdir()
    files = stored.planted.activations, stored.planted.tokens
    imported.import_activations(*files, LATENTS, shards, parameters=Parameters())
    assert len(list(shards.iterdir())) == 17
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
