"""Evidence for the label of a cluster, against independent counts."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.cluster_contexts import cluster_contexts
from charts.cluster_evidence import cluster_evidence
from charts.component_plane import component_plane
from tests.charts.conftest import with_tables
from tests.charts.drawn import domain_of, drawn_rows, encodings, marks

CLUSTER = 3


def members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships.to_pandas()
    return rows["latent"][rows["cluster"] == cluster].to_numpy()


def test_evidence_counts_the_members_with_each_term(tiny: Bundle) -> None:
    figure = cluster_evidence(tiny, CLUSTER)
    row = tiny.clusters.to_pylist()[CLUSTER]
    first = figure.rows.to_pylist()[0]
    assert first["term"] == row["terms"][0]["term"]
    assert first["members"] == row["terms"][0]["latents"]
    assert first["share"] == pytest.approx(row["terms"][0]["latents"] / row["size"])


@pytest.mark.parametrize("draw", [cluster_evidence, cluster_contexts, component_plane])
def test_an_unknown_cluster_is_refused(tiny: Bundle, draw: Any) -> None:
    with pytest.raises(InputError, match="no cluster 99"):
        draw(tiny, 99)


@pytest.mark.parametrize(
    ("latents", "step"), [(5, 0.05), (6, 0.1), (8, 0.1), (10, 0.1), (11, 0.25), (20, 0.25)]
)
def test_the_axis_has_ticks_for_the_largest_share(tiny: Bundle, latents: int, step: float) -> None:
    term = {"term": "42", "score": 1.0, "latents": latents}
    row = tiny.clusters.slice(CLUSTER, 1).to_pylist()[0]
    row |= {"size": 20, "terms": [term], "raised": [], "explained": []}
    clusters = pa.Table.from_pylist([row], tiny.clusters.schema)
    figure = cluster_evidence(with_tables(tiny, clusters=clusters), CLUSTER)
    assert [drawn["text"] for drawn in drawn_rows(figure, "line", "text")] == [
        f"{latents} of 20 members"
    ]
    share = latents / 20
    assert domain_of(figure, "x") == pytest.approx([0, 1.6 * share])
    values = next(e["x"]["axis"]["values"] for e in encodings(figure) if "axis" in e["x"])
    assert values == pytest.approx([i * step for i in range(int(share / step + 1e-9) + 1)])


def test_evidence_of_three_kinds_is_told_apart(tiny: Bundle) -> None:
    row = tiny.clusters.slice(CLUSTER, 1).to_pylist()[0] | {"size": 8}
    for name, term, members in (("terms", "sea", 4), ("raised", "wind", 2), ("explained", "", 1)):
        row[name] = [{"term": term, "score": 0.5 * members, "latents": members}]
    clusters = pa.Table.from_pylist([row], tiny.clusters.schema)
    figure = cluster_evidence(with_tables(tiny, clusters=clusters), CLUSTER)
    assert figure.rows.to_pylist() == [
        {"source": "fires on", "term": "sea", "weight": 2, "members": 4, "share": 0.5},
        {"source": "promotes", "term": "wind", "weight": 1, "members": 2, "share": 0.25},
        {"source": "is explained by", "term": "", "weight": 0.5, "members": 1, "share": 0.125},
    ]
    text = json.dumps(figure.chart.to_dict(), ensure_ascii=False)
    assert "promotes: wind" in text and "is explained by: ∅" in text and "fires on: sea" not in text


def test_terms_on_which_members_fire_are_blue(tiny: Bundle) -> None:
    assert marks(cluster_evidence(tiny, CLUSTER)) == [
        "bar: x share, y line, color accent if datum.source == 'fires on' else unselected",
        "text: color quiet ink, x share, y line, text text",
    ]
