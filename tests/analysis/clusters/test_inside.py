"""Clusters inside a selection, on planted topics."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import adjusted_rand_score

from analysis.bundle import Bundle, Space
from analysis.clusters import inside
from analysis.clusters.inside import (
    METADATA,
    InnerClusters,
    cluster_inside,
    write_inner_clusters,
)
from analysis.clusters.stability import WEAK
from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from tests.planted import LATENTS, MEMBERS

TOPICS = np.arange(LATENTS) < 8 * MEMBERS
"""Half of the planted topics."""


@pytest.fixture(scope="module")
def found(planted_bundle: Bundle) -> InnerClusters:
    return cluster_inside(planted_bundle, TOPICS, "cooccurrence", draws=2)


def groups(found: InnerClusters) -> list[list[int]]:
    members: list[list[int]] = found.clusters["members"].to_pylist()
    return members


def test_planted_topics_are_found_among_the_selected_latents(found: InnerClusters) -> None:
    members = np.array([latent for group in groups(found) for latent in group])
    labels = np.repeat(np.arange(len(groups(found))), [len(group) for group in groups(found)])
    assert adjusted_rand_score(members // MEMBERS, labels) > 0.95
    assert len(members) > 60 and TOPICS[members].all()
    assert len(set(members.tolist())) == len(members)
    assert found.latents <= TOPICS.sum()


def test_only_live_latents_are_clustered(planted_bundle: Bundle) -> None:
    flags = np.array(planted_bundle.latents["flag"].to_pylist())
    assert (flags != "live").any()
    everything = np.ones(LATENTS, dtype=bool)
    for space in ("cooccurrence", "decoder"):
        inner = cluster_inside(planted_bundle, everything, space, draws=0)
        # Latents without an edge are in no graph of co-occurrence.
        most = (flags == "live").sum()
        assert inner.latents == most if space == "decoder" else inner.latents <= most
        assert {flags[latent] for group in groups(inner) for latent in group} == {"live"}


def test_the_numbers_are_those_of_the_clusters(found: InnerClusters) -> None:
    rows = found.clusters.to_pylist()
    assert [row["size"] for row in rows] == [len(row["members"]) for row in rows]
    assert [row["size"] for row in rows] == sorted((r["size"] for r in rows), reverse=True)
    for row in rows:
        believable = (
            min(row["stability"], row["bootstrap"]) >= WEAK
            and row["stability"] > row["stability_null"]
            and row["bootstrap"] > row["bootstrap_null"]
        )
        assert row["believable"] == believable
    assert sum(row["believable"] for row in rows) >= 6


@pytest.mark.parametrize("draws", [0, 1])
def test_the_graphs_are_those_of_a_build(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, draws: int
) -> None:
    """Twice the stored neighbours, and the shift of the first draw or none."""
    given: dict[str, Any] = {}

    def recorded(*_: object, **named: Any) -> None:
        given.update(named)
        raise InterruptedError

    monkeypatch.setattr(inside, "shift_graph", recorded)
    with pytest.raises(InterruptedError):
        cluster_inside(planted_bundle, TOPICS, "cooccurrence", draws=draws)
    parameters = planted_bundle.manifest.parameters
    assert given["k"] == 2 * parameters.neighbours
    assert given["shift"] == (parameters.seed * 1_000 if draws else None)


def test_progress_counts_the_draws_and_the_data(planted_bundle: Bundle) -> None:
    seen: list[tuple[int, int]] = []
    progress = Progress("", lambda name, done, total: seen.append((done, total)))
    cluster_inside(planted_bundle, TOPICS, "cooccurrence", draws=2, progress=progress)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_decoder_clusters_have_no_null(planted_bundle: Bundle) -> None:
    found = cluster_inside(planted_bundle, TOPICS, "decoder", draws=2)
    members = np.array([latent for group in groups(found) for latent in group])
    labels = np.repeat(np.arange(len(groups(found))), [len(group) for group in groups(found)])
    assert adjusted_rand_score(members // MEMBERS, labels) > 0.95 and len(members) > 60
    assert found.draws == 0
    for column in ("believable", "stability_null", "bootstrap_null"):
        assert found.clusters[column].null_count == found.clusters.num_rows


def test_without_draws_nothing_is_called_believable(planted_bundle: Bundle) -> None:
    found = cluster_inside(planted_bundle, TOPICS, "cooccurrence", draws=0)
    assert found.draws == 0 and found.clusters["believable"].null_count == found.clusters.num_rows


@pytest.mark.parametrize("space", ["decoder", "cooccurrence"])
@pytest.mark.parametrize("chosen", [[], [3], [190, 191], [0, 1, 2, 3, 4, 5]])
def test_few_latents_have_no_clusters(
    planted_bundle: Bundle, space: Space, chosen: list[int]
) -> None:
    found = cluster_inside(planted_bundle, np.isin(np.arange(LATENTS), chosen), space, draws=1)
    assert found.clusters.num_rows == 0


def test_a_file_states_what_was_clustered(
    planted_bundle: Bundle, found: InnerClusters, tmp_path: Path
) -> None:
    words = [["a", "b"]] * found.clusters.num_rows
    write_inner_clusters(found, words, planted_bundle, "latent=3", tmp_path / "clusters.parquet")
    table = pq.read_table(tmp_path / "clusters.parquet")
    assert table.drop_columns(["words"]).to_pylist() == found.clusters.to_pylist()
    assert table["words"].to_pylist() == words
    made = json.loads(table.schema.metadata[METADATA.encode()])
    assert made["bundle"] == planted_bundle.manifest.bundle_id and made["selection"] == "latent=3"
    assert made["null_draws"] == 2 and made["space"] == "cooccurrence"
    missing = tmp_path / "missing" / "clusters.parquet"
    with pytest.raises(InputError, match="there is no such folder"):
        write_inner_clusters(found, words, planted_bundle, "", missing)
