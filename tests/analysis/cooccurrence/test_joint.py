"""Joint counts on demand against dense matrices of the planted world."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from analysis.bundle import Activations, Parameters
from analysis.cooccurrence import joint as count
from analysis.cooccurrence.joint import joint_matrix, pair_table
from analysis.harvest.imported import import_activations
from analysis.harvest.store import write_activation_tables
from tests.analysis.conftest import Stored
from tests.analysis.cooccurrence.dense import gram_of
from tests.planted import LATENTS, planted_activations


def test_joint_matrix_is_scipys_product_in_the_given_order(stored: Stored) -> None:
    chosen = np.random.default_rng(0).permutation(LATENTS)[:70]
    bits = sparse.csr_array(stored.bits[:, chosen])
    found = joint_matrix(stored.activations, chosen)
    assert np.array_equal(found, (bits.T @ bits).toarray())
    assert np.array_equal(np.diag(found), stored.bits.sum(axis=0)[chosen])


def test_joint_matrix_of_none_and_of_too_many(stored: Stored) -> None:
    assert joint_matrix(stored.activations, np.empty(0, dtype=int)).shape == (0, 0)
    assert joint_matrix(stored.activations, [190, 191]).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="different"):
        joint_matrix(stored.activations, [3, 3])


def test_pair_table_counts_every_cell(stored: Stored) -> None:
    n = stored.planted.n_tokens
    for a, b in ((0, 1), (1, 8), (199, 5), (190, 3), (7, 7)):
        found = pair_table(stored.activations, a, b, n)
        on_a, on_b = stored.bits[:, a] > 0, stored.bits[:, b] > 0
        assert (found.n11, found.n10) == ((on_a & on_b).sum(), (on_a & ~on_b).sum())
        assert (found.n01, found.n00) == ((~on_a & on_b).sum(), (~on_a & ~on_b).sum())


def test_joint_matrix_of_any_span_of_rows(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    gram = gram_of(stored.values > 0)
    assert np.array_equal(joint_matrix(stored.activations, np.arange(LATENTS)), gram)
    monkeypatch.setattr(count, "SPAN_ROWS", 777)
    assert np.array_equal(joint_matrix(stored.activations, np.arange(LATENTS)), gram)


def test_documents_in_any_order_count_the_same(tmp_path: Path) -> None:
    made = planted_activations(tmp_path / "in", documents=6, document_tokens=80)
    made.tokens.unlink()
    table = pq.read_table(made.activations)
    swap = table.set_column(
        0, "document", [np.array([3, 0, 5, 1, 4, 2])[table["document"].to_numpy()]]
    )
    pq.write_table(swap, tmp_path / "swapped.parquet")
    grams = []
    for name, file in (("a", made.activations), ("b", tmp_path / "swapped.parquet")):
        activations = store(file, tmp_path / name)
        grams.append(joint_matrix(activations, np.arange(LATENTS)))
    assert np.array_equal(grams[0], grams[1]) and grams[0].sum() > 0


def store(file: Path, folder: Path) -> Activations:
    (folder / "shards").mkdir(parents=True)
    import_activations(file, None, LATENTS, folder / "shards", parameters=Parameters())
    return write_activation_tables(folder / "shards", folder, LATENTS)
