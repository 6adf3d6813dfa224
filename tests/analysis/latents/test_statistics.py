"""Statistics of latents against numpy on the dense matrix."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Activations, KeptTokens, write_table
from analysis.latents.statistics import activation_histogram, latent_statistics
from tests.analysis.conftest import Stored


def test_statistics_are_numpys(stored: Stored) -> None:
    n = stored.planted.n_tokens
    rows = latent_statistics(stored.activations, stored.kept, n).to_pylist()
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    for latent, row in enumerate(rows):
        on = stored.values[:, latent] > 0
        values = stored.values[on, latent].astype(np.float64)
        assert row["latent"] == latent and row["active_tokens"] == on.sum()
        assert row["active_documents"] == len(np.unique(document[on]))
        assert row["density"] == on.sum() / n
        if not len(values):
            assert row["mean"] is row["std"] is row["median"] is row["p90"] is row["max"] is None
            continue
        found = [row[name] for name in ("mean", "std", "median", "p90", "max")]
        quantiles = np.quantile(values, [0.5, 0.9])
        assert found == pytest.approx(
            [values.mean(), values.std(), *quantiles, values.max()], rel=1e-6
        )


def test_planted_flags(stored: Stored) -> None:
    table = latent_statistics(stored.activations, stored.kept, stored.planted.n_tokens)
    flags = table["flag"].to_pylist()
    assert {i for i, flag in enumerate(flags) if flag == "dead"} == set(stored.planted.dead)
    assert {i for i, flag in enumerate(flags) if flag == "dense"} == set(stored.planted.dense)
    assert "ultralow" not in flags


@pytest.mark.parametrize(
    ("active", "n_tokens", "flag"),
    [
        (0, 5, "dead"),
        (1, 1_000_001, "ultralow"),
        (1, 1_000_000, "live"),
        (2, 2_000_001, "ultralow"),
        (3, 2_000_001, "live"),
        (1, 10, "live"),
        (2, 19, "dense"),
        (1, 1, "dense"),
    ],
)
def test_flags_at_their_thresholds(tmp_path: Path, active: int, n_tokens: int, flag: str) -> None:
    """`n_tokens` is given directly, so an ultralow latent needs no million rows."""
    rows = pa.table({"token": np.arange(active, dtype=np.uint32), "activation": np.ones(active)})
    write_table(tmp_path, "activations_by_latent", rows)
    kept = KeptTokens.of(np.zeros(5, dtype=np.int64), np.ones(5, dtype=bool))
    table = latent_statistics(
        Activations(tmp_path, np.array([active]), np.zeros(5, np.int64)), kept, n_tokens
    )
    assert table["flag"].to_pylist() == [flag]
    assert table["density"].to_pylist() == [active / n_tokens]


def test_memory_setting_changes_nothing(stored: Stored) -> None:
    given = stored.activations, stored.kept, stored.planted.n_tokens
    assert latent_statistics(*given).equals(latent_statistics(*given, memory_bytes=1))


def test_histogram_counts_every_activation(stored: Stored) -> None:
    counts, edges = activation_histogram(stored.activations, 12, bins=25)
    values = stored.values[:, 12][stored.values[:, 12] > 0]
    assert counts.sum() == len(values) and len(edges) == 26
    assert edges[0] == 0 and edges[-1] == values.max()
    inside = (values >= edges[3]) & (values < edges[4])
    assert counts[3] == inside.sum()


def test_histogram_of_a_dead_latent(stored: Stored) -> None:
    counts, edges = activation_histogram(stored.activations, 190, bins=10)
    assert counts.tolist() == [0] * 10 and edges[-1] == 1


def test_a_histogram_has_forty_bins_unless_told_otherwise(stored: Stored) -> None:
    values = stored.values[:, 12][stored.values[:, 12] > 0]
    counts, edges = activation_histogram(stored.activations, 12)
    assert len(counts) == 40
    assert counts[:20].sum() == (values < np.float32(edges[20])).sum()


def test_documents_of_a_latent_do_not_depend_on_the_latent_before_it(tmp_path: Path) -> None:
    """Each latent begins in the document in which the one before it ends."""
    tokens = np.array([0, 1, 6, 7, 8], dtype=np.uint32)
    write_table(
        tmp_path, "activations_by_latent", pa.table({"token": tokens, "activation": np.ones(5)})
    )
    document = np.repeat([0, 1], 5)
    kept = KeptTokens.of(document, np.ones(10, dtype=bool))
    activations = Activations(tmp_path, np.array([1, 3, 4, 5]), np.zeros(10, np.int64))
    assert latent_statistics(activations, kept, 10)["active_documents"].to_pylist() == [1, 2, 1, 1]
