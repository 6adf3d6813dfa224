"""Draws where there is nothing to find: their vectors, files and summaries."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.clusters import null_draws as module
from analysis.clusters.clustering import above_null, assemble, cluster
from analysis.clusters.levels import Cut
from analysis.clusters.null_draws import (
    FEW,
    MANY,
    ROWS,
    SAMPLE,
    Graph,
    NullDraws,
    moment_root,
    noise_vectors,
    null_cut,
    sample_worth,
)
from analysis.decoder.graph import decoder_graph
from tests.analysis.clusters.conftest import planted

SETTINGS = {"seed": 0, "minimum_cluster": 5, "epochs": 5}


@pytest.mark.parametrize(
    ("latents", "draws", "drawn"),
    [(4_000, MANY, 4_000), (4_001, FEW, 4_001), (16_384, FEW, 16_384), (16_385, FEW, 16_384)],
)
def test_the_number_of_draws_depends_on_the_latents(latents: int, draws: int, drawn: int) -> None:
    eligible = np.ones(20_000, dtype=bool)
    eligible[: 20_000 - latents] = False
    one = NullDraws.of("decoder", eligible, seed=0)
    assert (MANY, FEW) == (39, 5)
    assert one.draws == draws and len(one.latents) == drawn
    assert eligible[one.latents].all() and (np.diff(one.latents) > 0).all()
    assert one.is_sample == (latents > drawn)
    assert one.numbers == [*([SAMPLE] if one.is_sample else []), *range(draws)]


def test_noise_has_the_second_moments_of_the_unit_rows() -> None:
    rng = np.random.default_rng(0)
    W = (rng.normal(size=(400, 12)) * np.linspace(3, 0.1, 12) + 0.5).astype(np.float32)
    latents = np.arange(50, 400)
    unit = W[latents] / np.linalg.norm(W[latents], axis=1, keepdims=True)
    root = moment_root(W, latents)
    np.testing.assert_allclose(root.T @ root, unit.T @ unit / 350, atol=1e-5)
    noise = noise_vectors(root, 200_000, [0, 1])
    assert noise.shape == (200_000, 12) and noise.dtype == np.float32
    np.testing.assert_allclose(noise.T @ noise / 200_000, root.T @ root, atol=0.01)
    assert not np.array_equal(noise[:5], noise_vectors(root, 5, [0, 2]))
    assert np.array_equal(noise_vectors(root, 5, [0, 2]), noise_vectors(root, 5, [0, 2]))


def graphs(made: list[int], latents: int) -> Graph:
    vectors = np.random.default_rng(len(made)).normal(size=(latents, 16)).astype(np.float32)
    return decoder_graph(vectors, eligible=np.ones(latents, dtype=bool), k=30), vectors


def test_draws_are_files_and_only_missing_ones_are_made(tmp_path: Path) -> None:
    draws = NullDraws("decoder", np.arange(100, 200), 3, is_sample=True)
    made: list[int] = []

    def graph_of(draw: int) -> Graph:
        made.append(draw)
        return graphs(made, 100)

    reports: list[tuple[int, int]] = []

    class Recorded:
        def __call__(self, done: int, total: int) -> None:
            reports.append((done, total))

    rows = draws.run(graph_of, tmp_path, progress=Recorded(), **SETTINGS)  # type: ignore[arg-type]
    assert made == [SAMPLE, 0, 1, 2]
    assert reports == [(i, 4) for i in range(5)]
    assert rows.schema == ROWS and set(rows["draw"].to_pylist()) == {SAMPLE, 0, 1, 2}
    assert set(rows["space"].to_pylist()) == {"decoder"}
    shown = draws.shown(tmp_path)
    assert shown.latents.tolist() == list(range(100)) and len(shown.trees) == 3
    (tmp_path / "decoder0.npz").write_bytes(b"damaged")
    (tmp_path / "decoder1.arrow").unlink()
    (tmp_path / "decoder2.arrow").write_bytes(b"damaged")
    made.clear()
    draws.run(graph_of, tmp_path, **SETTINGS)  # type: ignore[arg-type]
    assert made == [0, 1, 2]
    again = draws.shown(tmp_path)
    assert again.latents.tolist() == list(range(100)) and len(again.resampled) == 2


def rows_of(*rows: tuple[int, int, str, float, float, float, float]) -> pa.Table:
    names = ("draw", "smallest", "extraction", "covered", "agreement", "stability", "bootstrap")
    """Cuts whose worth is covered x agreement."""
    cuts = [dict(zip(names, row, strict=True)) for row in rows]
    more = {"space": "decoder", "clusters": 4}
    worths = [{"worth": row[3] * row[4]} for row in rows]
    return pa.Table.from_pylist(
        [cut | worth | more for cut, worth in zip(cuts, worths, strict=True)], ROWS
    )


def cut_of(smallest: int, extraction: str) -> Cut:
    labels = np.zeros(4, int)
    return Cut((labels,), 1.0, smallest, extraction, np.ones(1), np.ones(1))  # type: ignore[arg-type]


def test_a_row_has_the_largest_stability_and_bootstrap_of_the_clusters_of_a_cut() -> None:
    labels = np.array([0, 0, 1, 1])
    values = np.array([0.2, 0.7]), np.array([0.9, 0.4])
    cut = Cut((labels,), 1.0, 5, "leaf", *values)
    row = module._row("decoder", 3, cut)
    assert (row["stability"], row["bootstrap"]) == (0.7, 0.9)
    assert (row["draw"], row["smallest"], row["extraction"]) == (3, 5, "leaf")


def test_a_cut_has_the_mean_worth_and_the_largest_values_of_the_same_cut_of_all_draws() -> None:
    rows = rows_of(
        (SAMPLE, 5, "leaf", 0.5, 0.8, 1.0, 1.0),
        (0, 5, "leaf", 0.5, 0.2, 0.6, 0.3),
        (1, 5, "leaf", 0.25, 0.4, 0.4, 0.7),
        (0, 5, "eom", 1.0, 1.0, 0.9, 0.9),
        (0, 8, "leaf", 1.0, 1.0, 0.9, 0.9),
    )
    null = null_cut(rows, cut_of(5, "leaf"), 4)
    assert null.draws == 4
    assert null.agreement == pytest.approx(0.6 / 4)
    assert null.worth == pytest.approx((0.1 + 0.1) / 4)
    assert (null.stability, null.bootstrap) == (0.6, 0.7)
    assert sample_worth(rows, cut_of(5, "leaf")) == pytest.approx(0.4)
    assert sample_worth(rows, cut_of(8, "leaf")) is None


def test_a_draw_without_clusters_at_a_cut_counts_with_its_coarsest_finer_cut() -> None:
    rows = rows_of(
        (SAMPLE, 13, "leaf", 1.0, 1.0, 1.0, 1.0),
        (0, 8, "leaf", 0.5, 0.2, 0.6, 0.3),
        (0, 5, "leaf", 0.5, 0.2, 0.9, 0.9),
        (0, 8, "eom", 0.5, 0.2, 0.8, 0.7),
        (1, 5, "leaf", 0.5, 0.2, 0.7, 0.8),
        (1, 13, "leaf", 0.5, 0.4, 0.2, 0.35),
        (1, 20, "leaf", 0.5, 0.4, 0.9, 0.9),
    )
    null = null_cut(rows, cut_of(13, "leaf"), 4)
    assert (null.agreement, null.worth) == pytest.approx((0.1, 0.05))
    assert (null.stability, null.bootstrap) == (0.6, 0.35)
    coarser = null_cut(rows, cut_of(34, "leaf"), 4)
    assert (coarser.agreement, coarser.worth) == (0, 0)
    assert (coarser.stability, coarser.bootstrap) == (0.9, 0.9)
    # A cut that is listed, but has no cluster, is no counterpart.
    at = rows.column_names.index("clusters")
    empty = rows.set_column(at, rows.field(at), pa.array([4, 4, 4, 4, 4, 0, 4], pa.int32()))
    assert null_cut(empty, cut_of(13, "leaf"), 4).stability == 0.7
    assert null_cut(rows.slice(0, 0), cut_of(5, "leaf"), 4).stability == 0


def test_coarse_clusters_that_no_draw_has_are_judged_by_what_the_draws_have() -> None:
    """Two halves of a space of noise are as stable as chance makes its small clusters."""
    stable = np.array([0.85, 0.85])
    halves = Cut((np.repeat([0, 1], 50),), 0.9, 40, "eom", stable, stable)
    noise = rows_of((0, 5, "eom", 0.4, 0.3, 0.84, 0.9), (1, 5, "eom", 0.4, 0.3, 0.7, 0.8))
    assert not above_null(stable, stable, null_cut(noise, halves, 2)).any()
    wide = rows_of((0, 5, "eom", 0.4, 0.1, 0.5, 0.4), (1, 5, "eom", 0.4, 0.1, 0.3, 0.4))
    assert above_null(stable, stable, null_cut(wide, halves, 2)).all()


@pytest.mark.parametrize(("latents", "width"), [(300, 256), (160, 24), (400, 8)])
def test_no_cluster_of_pure_noise_is_above_all_draws(
    latents: int, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the noise runs of the bench, smaller and with fewer draws."""
    monkeypatch.setattr(module, "MANY", 9)
    W = np.random.default_rng(latents).normal(size=(latents, width)).astype(np.float32)
    everyone = np.ones(latents, dtype=bool)
    draws = NullDraws.of("decoder", everyone, seed=0)
    root = moment_root(W, draws.latents)

    def graph_of(draw: int) -> Graph:
        vectors = noise_vectors(root, latents, [7, draw])
        return decoder_graph(vectors, eligible=everyone, k=30), vectors

    rows = draws.run(graph_of, tmp_path, seed=0, minimum_cluster=5, epochs=50)
    graph = decoder_graph(W, eligible=everyone, k=30)
    found = cluster("decoder", graph, everyone, W, epochs=50, nulls=(draws, rows))
    clusters = assemble([found], latents).clusters
    assert clusters.num_rows > 0
    assert not any(clusters["believable"].to_pylist())


def test_planted_groups_are_above_all_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 5)
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    draws = NullDraws.of("decoder", everyone, seed=0)
    root = moment_root(W, draws.latents)

    def graph_of(draw: int) -> Graph:
        vectors = noise_vectors(root, len(W), [7, draw])
        return decoder_graph(vectors, eligible=everyone, k=30), vectors

    rows = draws.run(graph_of, tmp_path, seed=0, minimum_cluster=5, epochs=None)
    graph = decoder_graph(W, eligible=everyone, k=30)
    found = cluster("decoder", graph, everyone, W, nulls=(draws, rows))
    made = assemble([found], len(W))
    first = next(level for level in made.levels if level.shown_first)
    assert first.null_draws == 5 and first.null_latents == len(W)
    assert first.null_stability is not None and first.null_stability < first.stability
    shown = made.clusters.to_pandas().query("level == @first.level")
    assert shown["believable"].mean() >= 0.9
    assert (shown["stability"] > shown["stability_null"])[shown["believable"]].all()
    assert (shown["bootstrap"] > shown["bootstrap_null"])[shown["believable"]].all()
