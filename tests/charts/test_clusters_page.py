"""The charts of clusters against plain counts."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.bundle import Bundle
from analysis.clusters.principal_components import reconstruct
from analysis.runtime.errors import InputError
from charts import cluster_matrix as matrix_module
from charts.cluster_contexts import MOST_POOLED, cluster_contexts
from charts.cluster_evidence import cluster_evidence
from charts.cluster_matrix import cluster_matrix
from charts.cluster_tree import _places, cluster_tree
from charts.component_plane import component_plane, component_shares
from charts.core.theme import UNSELECTED
from tests.charts.test_pairs_and_heatmap import dense_matrix

THIRD = np.arange(120) % 3 == 0
CLUSTER = 3


def members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships.to_pandas()
    return rows["latent"][rows["cluster"] == cluster].to_numpy()


def test_the_tree_has_every_cluster_inside_its_parent(tiny: Bundle) -> None:
    rows = cluster_tree(tiny, THIRD, CLUSTER).rows.to_pandas().set_index("cluster")
    assert rows.index.tolist() == tiny.clusters["cluster"].to_pylist()
    for cluster, row in rows.iterrows():
        assert row["end"] - row["start"] >= row["size"]
        assert row["selected"] == THIRD[members(tiny, int(str(cluster)))].sum()
        if np.isfinite(row["parent"]):
            parent = rows.loc[int(row["parent"])]
            assert parent["start"] <= row["start"] and row["end"] <= parent["end"]
    for _, level in rows.groupby("level"):
        spans = sorted(zip(level["start"], level["end"], strict=True))
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_parent_is_as_wide_as_its_children_and_orphans_stand_behind() -> None:
    sizes, levels = [10, 4, 3, 5, 7], [1, 1, 0, 0, 0]
    start, end = _places(sizes, levels, [None, None, 1, 1, None])
    assert (start[0], end[0]) == (0, 10)
    assert (start[1], end[1]) == (10, 18)
    assert (start[3], end[3]) == (10, 15) and (start[2], end[2]) == (15, 18)
    assert (start[4], end[4]) == (18, 25)


def test_clusters_without_selected_latents_are_grey_and_the_chosen_is_outlined(
    tiny: Bundle,
) -> None:
    spec = cluster_tree(tiny, THIRD, CLUSTER).chart.to_dict()
    assert spec["layer"][0]["encoding"]["color"]["value"] == UNSELECTED
    assert spec["layer"][1]["transform"] == [{"filter": f"datum.cluster == {CLUSTER}"}]
    assert spec["params"][0]["select"]["fields"] == ["cluster"]


def test_evidence_counts_the_members_with_each_term(tiny: Bundle) -> None:
    figure = cluster_evidence(tiny, CLUSTER)
    row = tiny.clusters.to_pylist()[CLUSTER]
    first = figure.rows.to_pylist()[0]
    assert first["term"] == row["terms"][0]["term"]
    assert first["members"] == row["terms"][0]["latents"]
    assert first["share"] == pytest.approx(row["terms"][0]["latents"] / row["size"])


@pytest.mark.parametrize("level, measure", [(0, "phi"), (0, "jaccard"), (0, "joint"), (1, "phi")])
def test_the_matrix_equals_plain_correlations(tiny: Bundle, level: int, measure: str) -> None:
    rows = cluster_matrix(tiny, level, measure).rows.to_pandas()
    active = dense_matrix(tiny)
    kept = tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)
    ids = [c for c, own in enumerate(tiny.clusters["level"].to_pylist()) if own == level]
    on = {c: active[kept][:, members(tiny, c)].any(axis=1) for c in ids}
    assert len(rows) == len(ids) * (len(ids) - 1)
    for row in rows.to_dict("records"):
        a, b = on[row["cluster"]], on[row["other"]]
        both = int((a & b).sum())
        assert row["joint_tokens"] == both and row["tokens"] == a.sum()
        wanted = {
            "phi": np.corrcoef(a, b)[0, 1],
            "jaccard": both / (a | b).sum(),
            "joint": both,
        }
        assert row[measure] == pytest.approx(wanted[measure], abs=1e-9)


def test_a_matrix_of_many_clusters_keeps_the_most_active_and_the_chosen(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_module, "MOST_CLUSTERS", 4)
    active = tiny.clusters["active_tokens"].to_numpy()[:8]
    order = np.argsort(-active, kind="stable")
    least = int(order[-1])
    figure = cluster_matrix(tiny, 0, chosen=least)
    assert set(figure.rows["cluster"].to_pylist()) == {*order[:3].tolist(), least}
    assert "the 4 that are active on the most tokens are drawn" in (figure.note or "")


def test_pairs_that_are_not_stored_are_left_out_where_not_all_are(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_module, "EVERY_PAIR_UP_TO", 3)
    stored = tiny.cluster_pairs.to_pandas().query("level == 0")
    assert cluster_matrix(tiny, 0).rows.num_rows == 2 * len(stored)


def pooled(bundle: Bundle, cluster: int, kind: str) -> pd.DataFrame:
    rows = bundle.contexts.all().to_pandas()
    rows = rows[(rows["kind"].astype(str) == kind) & rows["latent"].isin(members(bundle, cluster))]
    return rows.assign(
        ratio=rows["activation"] / bundle.latents["max"].to_pandas()[rows["latent"]].to_numpy()
    )


@pytest.mark.parametrize("kind", ["top", "random"])
def test_pooled_contexts_are_real_windows_of_members(tiny: Bundle, kind: Any) -> None:
    figure = cluster_contexts(tiny, CLUSTER, kind)
    rows = figure.rows.to_pandas()
    picked = rows[rows["is_picked"]]
    assert len(picked) == MOST_POOLED
    assert not picked.duplicated(["document", "position"]).any()
    known = pooled(tiny, CLUSTER, kind)
    stored = set(zip(known["latent"], known["document"], known["position"], strict=True))
    shown = list(zip(picked["latent"], picked["document"], picked["position"], strict=True))
    assert set(shown) <= stored
    most = tiny.latents["max"].to_pandas()
    assert np.allclose(
        rows["ratio"], rows["activation"] / most[rows["latent"]].to_numpy(), atol=1e-6
    )
    assert figure.rows.equals(cluster_contexts(tiny, CLUSTER, kind).rows)


def test_the_strongest_pooled_contexts_come_first(tiny: Bundle) -> None:
    rows = cluster_contexts(tiny, CLUSTER, "top").rows.to_pandas()
    shown = rows[rows["is_picked"]]["ratio"].to_numpy()
    every = pooled(tiny, CLUSTER, "top").drop_duplicates(["document", "position"])["ratio"]
    assert (np.diff(shown) <= 1e-6).all()
    assert shown[-1] >= np.sort(every)[::-1][len(shown) - 1] - 1e-6


def test_an_active_member_comes_up_more_often_among_random_contexts(tiny: Bundle) -> None:
    counts = np.zeros(120)
    for cluster in range(8):
        rows = cluster_contexts(tiny, cluster, "random").rows.to_pandas()
        latents, n = np.unique(rows[rows["is_picked"]]["latent"], return_counts=True)
        counts[latents] += n
    active = tiny.latents["active_tokens"].to_numpy()
    alive = tiny.latents["cluster"].is_valid().to_numpy()
    half = active[alive] > np.median(active[alive])
    assert counts[alive][half].sum() > 1.5 * counts[alive][~half].sum()


@pytest.mark.parametrize("classes", ["member", "token"])
def test_the_plane_plots_the_scores_of_its_components(tiny: Bundle, classes: Any) -> None:
    figure = component_plane(tiny, CLUSTER, (3, 1), classes)
    rows, found = figure.rows.to_pandas(), reconstruct(tiny, CLUSTER)
    assert np.array_equal(rows["token_row"], found.tokens)
    assert np.array_equal(rows["x"], found.scores[:, 2])
    assert np.array_equal(rows["y"], found.scores[:, 0])
    assert np.array_equal(rows["latent"], found.strongest)
    assert rows["token"].tolist() == tiny.tokens["token"].take(found.tokens).to_pylist()
    assert "circle" in (figure.note or "") and f"{found.active:,}" in (figure.note or "")
    if classes == "member":
        assert rows["class"].str.split(" ").str[0].astype(int).tolist() == rows["latent"].tolist()


def test_shares_add_up_and_mark_the_plane(tiny: Bundle) -> None:
    rows = component_shares(tiny, CLUSTER, (2, 4)).rows.to_pandas()
    assert rows["share"].tolist() == [0.5, 0.25, 0.125, 0.0625]
    assert np.allclose(rows["together"], np.cumsum(rows["share"]))
    assert rows["component"][rows["in_plane"]].tolist() == [2, 4]


@pytest.mark.parametrize("draw", [cluster_evidence, cluster_contexts, component_plane])
def test_an_unknown_cluster_is_refused(tiny: Bundle, draw: Any) -> None:
    with pytest.raises(InputError, match="no cluster 99"):
        draw(tiny, 99)


def test_what_there_is_not_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="components 1 to 4"):
        component_plane(tiny, CLUSTER, (1, 5))
    with pytest.raises(InputError, match="top or random"):
        cluster_contexts(tiny, CLUSTER, "interval")
    with pytest.raises(InputError, match="no classes"):
        component_plane(tiny, CLUSTER, (1, 2), "word")  # type: ignore[arg-type]
