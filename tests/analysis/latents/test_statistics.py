"""Statistics of latents against numpy on the dense matrix."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.latents.flags import FLAGS
from analysis.latents.statistics import activation_histogram, flag_codes, latent_statistics
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


def test_flag_rules_at_their_bounds() -> None:
    density = np.array([0.0, 9.99e-7, 1e-6, 0.1, 0.1001])
    found = [FLAGS[code] for code in flag_codes(density)]
    assert found == ["dead", "ultralow", "live", "live", "dense"]


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
