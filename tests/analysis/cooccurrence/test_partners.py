"""The partner table of the planted world: counts, documents, cosines, resuming, many workers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster

from analysis.cooccurrence import partners
from analysis.cooccurrence.association import TwoByTwo, phi
from analysis.cooccurrence.partners import PartnerCount, block_spans
from analysis.cooccurrence.strongest import Ranking
from analysis.runtime.progress import Progress
from analysis.runtime.workers import DaskWorkers, LocalWorkers, Workers
from tests.analysis.conftest import Stored
from tests.analysis.cooccurrence.dense import gram_of, must_and_may
from tests.planted import LATENTS
from tests.planted_relations import write_world

RANKING = Ranking(8, 10)


def counted(stored: Stored, folder: Path, workers: Workers | None = None) -> PartnerCount:
    count = PartnerCount(folder, RANKING)
    count.prepare(stored.activations, stored.kept)
    count.run(workers or LocalWorkers())
    return count


def written(count: PartnerCount, tables: Path) -> bytes:
    tables.mkdir()
    count.write_table(tables)
    return (tables / "partners.parquet").read_bytes()


@pytest.fixture(scope="module")
def table(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("partners")
    written(counted(stored, folder / "work"), folder / "tables")
    return pq.read_table(folder / "tables" / "partners.parquet")


def ends(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return table["latent"].to_numpy(), table["partner"].to_numpy()


def test_partners_are_the_strongest_by_every_ranking(stored: Stored, table: pa.Table) -> None:
    gram, n = gram_of(stored.values > 0), stored.planted.n_tokens
    latent, partner = ends(table)
    assert np.array_equal(table["joint_tokens"].to_numpy(), gram[latent, partner])
    assert (latent != partner).all() and (table["joint_tokens"].to_numpy() > 0).all()
    for a in range(LATENTS):
        must, may = must_and_may(gram, n, a, RANKING)
        assert must <= set(partner[latent == a].tolist()) <= may


def test_joint_documents(stored: Stored, table: pa.Table) -> None:
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    fires = np.array([stored.bits[document == d].any(axis=0) for d in np.unique(document)])
    both = gram_of(fires)
    assert np.array_equal(table["joint_documents"].to_numpy(), both[ends(table)])


def test_cosine_of_the_activations(stored: Stored, table: pa.Table) -> None:
    values = stored.values.astype(np.float64)
    lengths = np.linalg.norm(values, axis=0)
    latent, partner = ends(table)
    direct = (values.T @ values)[latent, partner] / (lengths[latent] * lengths[partner])
    stored_cosine = table["activation_cosine"].to_numpy()
    assert stored_cosine == pytest.approx(direct, abs=6e-4)
    rounded = np.round(stored_cosine.astype(np.float64), 3)
    assert np.array_equal(stored_cosine, rounded.astype(np.float32)), "three decimals are stored"


def test_pearson_of_the_activations(stored: Stored, table: pa.Table) -> None:
    values = stored.values.astype(np.float64)
    fires = values.any(axis=0)
    direct = np.asarray(np.corrcoef(values[:, fires].T))
    place = np.cumsum(fires) - 1
    latent, partner = ends(table)
    pearson = table["activation_pearson"].to_numpy()
    assert pearson == pytest.approx(direct[place[latent], place[partner]], abs=6e-4)
    rounded = np.round(pearson.astype(np.float64), 3)
    assert np.array_equal(pearson, rounded.astype(np.float32)), "three decimals are stored"


@pytest.mark.parametrize("mean", [10.0, 1e5])
def test_pearson_of_latents_that_are_always_active(mean: float, tmp_path: Path) -> None:
    # Their cosine is 1.000 to three decimals, whatever their correlation is.
    rng = np.random.default_rng(4)
    common = rng.standard_normal(4_000)
    noise = rng.standard_normal((4_000, 3))
    values = mean + 0.2 * np.column_stack([common, 0.6 * common + 0.8 * noise[:, 0], noise[:, 1:]])
    values[:, 3] = mean / 3  # constant
    values = values.astype(np.float32)
    write_world(
        tmp_path / "tables",
        np.repeat(np.arange(4), 1_000),
        np.ones(4_000, dtype=bool),
        np.ones((4_000, 4), dtype=bool),
        np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32),
        values,
    )
    rows = pq.read_table(tmp_path / "tables" / "partners.parquet")
    latent, partner = ends(rows)
    assert len(latent) == 12
    wide = values.astype(np.float64)
    direct = np.asarray(np.corrcoef(wide[:, :3].T))
    for a, b, cosine, pearson in zip(
        latent, partner, rows["activation_cosine"].to_pylist(),
        rows["activation_pearson"].to_pylist(), strict=True,
    ):  # fmt: skip
        expected = 0.0 if 3 in (a, b) else direct[a, b]
        assert pearson == pytest.approx(expected, abs=6e-4)
        assert cosine == pytest.approx(1, abs=1e-3)


def test_planted_duplicates_are_first_partners(stored: Stored, table: pa.Table) -> None:
    first = table.to_pandas().groupby("latent")["partner"].first()
    for a, b in stored.planted.duplicates:
        assert first[a] == b and first[b] == a


def test_every_planted_implication_is_kept(stored: Stored, table: pa.Table) -> None:
    found = set(zip(*(end.tolist() for end in ends(table)), strict=True))
    assert set(stored.planted.implications) <= found


def test_dead_latents_have_no_partners(stored: Stored, table: pa.Table) -> None:
    latent, partner = ends(table)
    assert not set(stored.planted.dead) & {*latent.tolist(), *partner.tolist()}


def test_rows_ascend_in_latent_and_descend_in_phi(stored: Stored, table: pa.Table) -> None:
    latent, partner = ends(table)
    active = stored.bits.sum(axis=0)
    joint = table["joint_tokens"].to_numpy()
    value = phi(
        TwoByTwo.from_margins(joint, active[latent], active[partner], stored.planted.n_tokens)
    )
    same = latent[1:] == latent[:-1]
    assert (np.diff(latent) >= 0).all() and (np.diff(value)[same] <= 1e-12).all()


def test_blocks_cover_every_latent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partners, "BLOCK_ACTIVATIONS", 10)
    monkeypatch.setattr(partners, "BLOCK_LATENTS", 3)
    spans = list(block_spans(np.array([50, 2, 0, 0, 0, 4, 9, 1])))
    assert spans == [(0, 1), (1, 4), (4, 6), (6, 8)]


def test_an_interrupted_count_resumes_and_gives_the_same_table(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(counted(stored, tmp_path / "a"), tmp_path / "tables-a")
    monkeypatch.setattr(partners, "BLOCK_LATENTS", 30)
    count = counted(stored, tmp_path / "b")
    assert len(count.blocks()) == 7
    missing = [count.file(2), count.file(5)]
    made = {file: file.stat().st_mtime_ns for file in map(count.file, (0, 1, 3, 4, 6))}
    for file in missing:
        file.unlink()
    reports: list[tuple[str, int, int]] = []
    count.run(LocalWorkers(), Progress("count", lambda *report: reports.append(report)))
    assert all(file.stat().st_mtime_ns == time for file, time in made.items())
    assert reports[-1] == ("count", LATENTS, LATENTS) and reports == sorted(reports)
    assert written(count, tmp_path / "tables-b") == whole
    count.remove()
    assert not count.folder.exists()


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


def test_a_cluster_writes_the_same_bytes(
    stored: Stored, tmp_path: Path, cluster: LocalCluster
) -> None:
    here = counted(stored, tmp_path / "here")
    there = counted(stored, tmp_path / "there", DaskWorkers(cluster.scheduler_address))
    assert written(there, tmp_path / "a") == written(here, tmp_path / "b")
