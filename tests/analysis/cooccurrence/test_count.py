"""Joint counts and strongest partners against dense matrices of the planted world."""

from pathlib import Path

import numba
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from analysis.activations import document_rows, write_activation_tables
from analysis.bundle import Activations, Parameters
from analysis.cooccurrence import count
from analysis.cooccurrence.association import (
    TwoByTwo,
    jaccard,
    joint,
    npmi,
    p_a_given_b,
    p_b_given_a,
    phi,
)
from analysis.cooccurrence.count import count_partners, joint_matrix, joint_rows, pair_table
from analysis.imported import import_activations
from tests.analysis.conftest import Stored
from tests.planted import LATENTS, planted_activations

KEPT, MINIMUM = 8, 10


def partners(stored: Stored, folder: Path, **settings: int) -> bytes:
    count_partners(
        stored.activations,
        stored.documents,
        stored.planted.n_tokens,
        folder,
        partners_kept=KEPT,
        minimum_joint=MINIMUM,
        **settings,
    )
    return (folder / "partners.parquet").read_bytes()


def test_joint_rows_are_the_gram_matrix(stored: Stored) -> None:
    gram = stored.bits.T @ stored.bits
    assert np.array_equal(joint_rows(stored.activations, 0, LATENTS), gram)
    assert np.array_equal(joint_rows(stored.activations, 37, 90), gram[37:90])


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


def test_partners_hold_the_best_by_every_ranked_measure(stored: Stored, tmp_path: Path) -> None:
    partners(stored, tmp_path)
    table = pq.read_table(tmp_path / "partners.parquet")
    gram, n = stored.bits.T @ stored.bits, stored.planted.n_tokens
    active = np.diag(gram)
    latent, partner = table["latent"].to_numpy(), table["partner"].to_numpy()
    assert np.array_equal(table["joint_tokens"].to_numpy(), gram[latent, partner])
    assert (latent != partner).all() and (table["joint_tokens"].to_numpy() > 0).all()
    for a in range(LATENTS):
        found = set(partner[latent == a].tolist())
        allowed: set[int] = set()
        square = TwoByTwo.from_margins(gram[a], np.full(LATENTS, active[a]), active, n)
        for measure in (phi, jaccard, npmi, p_b_given_a, p_a_given_b, joint):
            floor = MINIMUM if measure is npmi else 1
            others = [b for b in range(LATENTS) if b != a and gram[a, b] >= floor]
            # Rounded, so that values that are equal but for their last bits tie, as in theory.
            score = np.round(measure(square), 12)
            best = sorted(others, key=lambda b: (-score[b], b))
            if len(best) > KEPT:
                threshold = score[best[KEPT - 1]]
                must = {b for b in best[:KEPT] if score[b] > threshold}
                may = {b for b in best if score[b] == threshold} | must
            else:
                must = may = set(best)
            assert must <= found
            allowed |= may
        assert found <= allowed


def test_ties_go_to_the_smaller_id(tmp_path: Path) -> None:
    # Six identical latents: all measures tie, and the two with the smallest ids are kept.
    rows = np.zeros((1, 6), dtype=np.int32) + 5
    kept = count._strongest(rows, np.full(6, 5), 3, 100, 2, 1)
    assert kept.partners.tolist() == [0, 1] and kept.joint.tolist() == [5, 5]


def test_rows_of_a_latent_descend_in_phi(stored: Stored, tmp_path: Path) -> None:
    partners(stored, tmp_path)
    table = pq.read_table(tmp_path / "partners.parquet")
    latent, partner = table["latent"].to_numpy(), table["partner"].to_numpy()
    active = stored.bits.sum(axis=0)
    value = phi(
        TwoByTwo.from_margins(
            table["joint_tokens"].to_numpy(),
            active[latent],
            active[partner],
            stored.planted.n_tokens,
        )
    )
    same = latent[1:] == latent[:-1]
    assert (np.diff(latent) >= 0).all()
    assert (np.diff(value)[same] <= 0).all()


def test_joint_documents(stored: Stored, tmp_path: Path) -> None:
    partners(stored, tmp_path)
    table = pq.read_table(tmp_path / "partners.parquet")
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    fires = np.array([stored.bits[document == d].any(axis=0) for d in np.unique(document)])
    shared = fires.astype(int).T @ fires.astype(int)
    expected = shared[table["latent"].to_numpy(), table["partner"].to_numpy()]
    assert np.array_equal(table["joint_documents"].to_numpy(), expected)


def test_same_bytes_for_any_tile_piece_and_number_of_threads(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = partners(stored, tmp_path)
    # One document word and a few latents at a time.
    assert partners(stored, tmp_path, memory_bytes=200_000) == whole
    assert partners(stored, tmp_path, memory_bytes=1) == whole
    monkeypatch.setattr(count, "PIECE_ACTIVATIONS", 777)
    assert partners(stored, tmp_path) == whole
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert partners(stored, tmp_path) == whole
    finally:
        numba.set_num_threads(before)


def test_nothing_unfinished_is_left(stored: Stored, tmp_path: Path) -> None:
    partners(stored, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["partners.parquet"]


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
        grams.append(joint_rows(activations, 0, LATENTS))
    assert np.array_equal(*grams) and grams[0].sum() > 0


def store(file: Path, folder: Path) -> Activations:
    (folder / "shards").mkdir(parents=True)
    import_activations(file, None, LATENTS, folder / "shards", parameters=Parameters())
    return write_activation_tables(folder / "shards", folder, LATENTS)


def test_planted_duplicates_are_first_partners(stored: Stored, tmp_path: Path) -> None:
    partners(stored, tmp_path)
    table = pq.read_table(tmp_path / "partners.parquet").to_pandas()
    first = table.groupby("latent")["partner"].first()
    for a, b in stored.planted.duplicates:
        assert first[a] == b and first[b] == a


def test_dead_latents_have_no_partners(stored: Stored, tmp_path: Path) -> None:
    partners(stored, tmp_path)
    table = pq.read_table(tmp_path / "partners.parquet")
    dead = set(stored.planted.dead)
    assert not dead & set(table["latent"].to_pylist() + table["partner"].to_pylist())


def test_document_rows_of_the_token_table(stored: Stored) -> None:
    rows = document_rows(stored.tables)
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    assert rows.documents.tolist() == np.unique(document).tolist()
    assert np.array_equal(rows.documents[rows.index_of(np.arange(len(document)))], document)
