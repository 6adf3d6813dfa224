"""The reading order and the intruder test of a finished build, checked against its activations."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analysis.pipeline import reading_steps
from analysis.pipeline.artifacts import (
    CLUSTER_TREE,
    CLUSTERS,
    LATENTS,
    MEMBERSHIPS,
    READ_IN_ORDER,
    RELATIONS,
)
from tests.analysis.pipeline.conftest import Finished
from tests.planted import GROUPS
from tests.planted import LATENTS as F


@pytest.fixture(scope="module")
def mass(finished: Finished) -> np.ndarray:
    """[F, D] of the live latents, by a loop."""
    build = finished.build
    values = np.zeros((F, len(build.kept.documents)))
    norms = build.read(LATENTS)["decoder_norm"].to_numpy()
    for latent in range(F):
        rows, activations = build.activations.of_latent(latent)
        document = build.kept.documents_of(rows)
        np.add.at(values[latent], document, activations.astype(np.float64) * norms[latent])
    flags = build.read(LATENTS)["flag"].cast("string").to_pylist()
    values[[flag != "live" for flag in flags]] = 0
    return values[:, values.sum(axis=0) > 0]


def test_items_are_numbered_over_clusters_and_latents(finished: Finished) -> None:
    latents, clusters = finished.build.read(LATENTS), finished.build.read(CLUSTERS)
    places = [table["reading_item"].drop_null().to_pylist() for table in (latents, clusters)]
    assert sorted([*places[0], *places[1]]) == list(range(len(places[0]) + len(places[1])))
    assert len(places[1]) > 0
    ranks = latents["reading_rank"].drop_null().to_pylist()
    live = pc.sum(pc.equal(latents["flag"].cast("string"), "live")).as_py()
    assert sorted(ranks) == list(range(live))
    flags = latents.filter(pc.is_valid(latents["reading_rank"]))["flag"].cast("string")
    assert set(flags.to_pylist()) == {"live"}


def test_the_stated_coverage_is_that_of_the_items(finished: Finished, mass: np.ndarray) -> None:
    build = finished.build
    latents, clusters = build.read(LATENTS), build.read(CLUSTERS)
    relations = build.read(RELATIONS).to_pylist()
    members = build.read(MEMBERSHIPS).to_pylist()
    for stated in build.record(READ_IN_ORDER).summary.coverage:
        covered = np.zeros(F, dtype=bool)
        for row in clusters.to_pylist():
            if row["reading_item"] is not None and row["reading_item"] < stated.items:
                covered[[m["latent"] for m in members if m["cluster"] == row["cluster"]]] = True
        for row in latents.to_pylist():
            if row["reading_item"] is not None and row["reading_item"] < stated.items:
                covered[row["latent"]] = True
                for pair in relations:
                    if pair["relation"] == "implication" and pair["b"] == row["latent"]:
                        covered[pair["a"]] = True
                    if pair["relation"] == "duplicate" and row["latent"] in (pair["a"], pair["b"]):
                        covered[[pair["a"], pair["b"]]] = True
        of_mass = mass[covered].sum() / mass.sum()
        assert stated.mass == pytest.approx(of_mass, abs=1e-6)
        assert 0 < stated.random_mass < stated.mass


def test_distinct_latents_are_neither_duplicates_nor_children(finished: Finished) -> None:
    """Each planted group has a duplicate and latents that imply its general one."""
    summary = finished.build.record(READ_IN_ORDER).summary
    rows = finished.build.read(RELATIONS).to_pylist()
    flags = finished.build.read(LATENTS)["flag"].cast("string").to_pylist()
    rows = [row for row in rows if flags[row["a"]] == flags[row["b"]] == "live"]
    folded = {row["a"] for row in rows if row["relation"] == "implication"}
    folded |= {row["b"] for row in rows if row["relation"] == "duplicate"}
    assert summary.live == flags.count("live")
    assert summary.live - summary.distinct == len(folded) > GROUPS


def test_only_clusters_that_are_shown_first_are_items(finished: Finished) -> None:
    clusters = finished.build.read(CLUSTERS)
    shown = finished.build.read(LATENTS)
    first = set(shown["cluster"].drop_null().to_pylist())
    first |= set(shown["cluster_cooccurrence"].drop_null().to_pylist())
    items = clusters.filter(pc.is_valid(clusters["reading_item"]))["cluster"].to_pylist()
    assert set(items) <= first


def test_intruder_scores_are_of_live_latents_and_of_every_cluster(finished: Finished) -> None:
    latents = finished.build.read(LATENTS)
    scored = latents.filter(pc.is_valid(latents["intruder"]))
    assert set(scored["flag"].cast("string").to_pylist()) <= {"live"}
    clusters = finished.build.read(CLUSTERS)
    assert clusters.num_rows == pq.read_metadata(finished.build.path(CLUSTER_TREE)).num_rows
    values = clusters["intruder"].drop_null().to_numpy()
    assert ((values >= 0) & (values <= 1)).all()


def test_coverage_is_stated_for_seven_numbers_of_items(finished: Finished) -> None:
    summary = finished.build.record(READ_IN_ORDER).summary
    tables = (finished.build.read(LATENTS), finished.build.read(CLUSTERS))
    items = sum(len(table["reading_item"].drop_null()) for table in tables)
    wanted = [n for n in (10, 20, 50, 100, 200, 500, 1_000) if n <= items]
    assert [stated.items for stated in summary.coverage] == wanted


def test_the_summary_counts_documents_and_latents(finished: Finished, mass: np.ndarray) -> None:
    latents = finished.build.read(LATENTS)
    live = [flag == "live" for flag in latents["flag"].cast("string").to_pylist()]
    rank = latents["reading_rank"].to_pylist()
    summary = finished.build.record(READ_IN_ORDER).summary
    assert summary.documents == mass.shape[1]
    for stated in summary.coverage:
        covered = np.array(
            [is_live and r < stated.latents for is_live, r in zip(live, rank, strict=True)]
        )
        share = mass[covered].sum(axis=0) / mass.sum(axis=0)
        assert stated.documents == pytest.approx((share >= 0.5).mean(), abs=1e-6)
        assert stated.mass == pytest.approx(mass[covered].sum() / mass.sum(), abs=1e-6)


def test_believable_clusters_of_at_most_a_hundred_latents_are_read_at_once() -> None:
    tree = pa.table(
        {
            "space": ["decoder"] * 6 + ["cooccurrence"],
            "level": [0, 0, 0, 0, 0, 1, 0],
            "size": [100, 101, 5, 5, 5, 5, 5],
            "believable": pa.array([True, True, None, False, True, True, True]),
        }
    )
    levels = [
        SimpleNamespace(space=space, level=level, shown_first=first)
        for space, level, first in (
            ("decoder", 0, True),
            ("decoder", 1, False),
            ("cooccurrence", 0, False),
        )
    ]
    build: Any = SimpleNamespace(
        read=lambda table: tree, record=lambda record: SimpleNamespace(levels=levels)
    )
    assert reading_steps._shown_clusters(build).tolist() == [0, 2, 4]
