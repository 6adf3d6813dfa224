"""The tables of components are equal for any memory, and equal the components of each cluster."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse

from analysis.clusters import component_tables as module
from analysis.clusters.component_tables import write_components
from analysis.clusters.principal_components import SAMPLE, principal_components, sampled
from analysis.runtime.progress import Progress
from tests.analysis.conftest import Stored


def test_blocks_and_batches_change_nothing(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 500)
    rng = np.random.default_rng(0)
    W_dec = rng.standard_normal((stored.bits.shape[1], 24)).astype(np.float32)
    of = np.arange(150) % 6
    memberships = pa.table(
        {"latent": np.arange(150, dtype=np.int32), "cluster": of.astype(np.int32)}
    )
    active = [int(stored.bits[:, np.flatnonzero(of == c)].any(axis=1).sum()) for c in range(6)]
    clusters = pa.table({"cluster": np.arange(6, dtype=np.int32), "active_tokens": active})
    written = []
    for name, memory_bytes in (("whole", 1 << 28), ("small", 1 << 14)):
        (tmp_path / name).mkdir()
        write_components(
            stored.activations, W_dec, clusters, memberships, tmp_path / name,
            memory_bytes=memory_bytes,
        )  # fmt: skip
        files = ("cluster_components.parquet", "cluster_loadings.parquet")
        written.append([(tmp_path / name / file).read_bytes() for file in files])
    assert written[0] == written[1]
    rows = pq.read_table(tmp_path / "whole" / "cluster_components.parquet")
    assert set(rows["cluster"].to_pylist()) == set(range(6))
    assert all(0 < n < 700 for n in rows["tokens"].to_pylist())
    bits = pq.read_table(tmp_path / "whole" / "cluster_loadings.parquet")["loadings"]
    assert (bits.combine_chunks().flatten().to_numpy().view(np.uint32) & 0x1FFF == 0).all()


def test_rows_equal_the_components_of_each_cluster(stored: Stored, tmp_path: Path) -> None:
    """The activations of the sampled tokens come from the dense matrix."""
    W_dec = np.random.default_rng(1).standard_normal((stored.bits.shape[1], 24)).astype(np.float32)
    members = [np.arange(10), np.array([3, 160, 161])]
    memberships = pa.table(
        {
            "latent": np.concatenate(members).astype(np.int32),
            "cluster": np.repeat([0, 1], [10, 3]).astype(np.int32),
        }
    )
    active = [int(stored.bits[:, ids].any(axis=1).sum()) for ids in members]
    clusters = pa.table({"cluster": np.arange(2, dtype=np.int32), "active_tokens": active})
    reported: list[tuple[str, int, int]] = []
    progress = Progress("components", lambda *given: reported.append(given))
    count = write_components(
        stored.activations, W_dec, clusters, memberships, tmp_path, progress=progress
    )
    assert count == 2
    assert reported[-1] == ("components", 2, 2)
    components = pq.read_table(tmp_path / "cluster_components.parquet").to_pandas()
    loadings = pq.read_table(tmp_path / "cluster_loadings.parquet").to_pandas()
    for cluster, ids in enumerate(members):
        values = stored.values[:, ids]
        rows = np.flatnonzero(values.any(axis=1))
        rows = rows[sampled(rows, active[cluster], SAMPLE)]
        truth = principal_components(scipy.sparse.csr_matrix(values[rows]), W_dec[ids])
        own = components[components["cluster"] == cluster]
        np.testing.assert_allclose(own["share"], truth.shares, rtol=1e-5)
        assert own["component"].tolist() == list(range(1, len(truth.shares) + 1))
        assert set(own["tokens"]) == {len(rows)}
        lines = loadings[loadings["cluster"] == cluster]
        assert lines["latent"].tolist() == ids.tolist()
        np.testing.assert_allclose(np.stack(lines["loadings"]), truth.loadings, rtol=6e-4)
