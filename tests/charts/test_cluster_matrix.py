"""The matrix of clusters, against independent counts."""

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle, LevelName
from charts import cluster_matrix as matrix_module
from charts.cluster_matrix import cluster_matrix
from charts.core.text import clusters_named
from charts.heatmap import MOST_NAMES
from tests.charts.dense import dense_matrix
from tests.charts.drawn import drawn_rows, marks


def members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships.to_pandas()
    return rows["latent"][rows["cluster"] == cluster].to_numpy()


@pytest.mark.parametrize("level, measure", [(0, "phi"), (0, "jaccard"), (0, "joint"), (1, "phi")])
def test_the_matrix_equals_numpy(tiny: Bundle, level: int, measure: str) -> None:
    rows = cluster_matrix(tiny, LevelName("decoder", level), measure).rows.to_pandas()
    active = dense_matrix(tiny)
    kept = tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)
    stored = tiny.clusters.to_pandas().query("space == 'decoder' and level == @level")
    ids = stored["cluster"].tolist()
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
    figure = cluster_matrix(tiny, None, chosen=least)
    assert set(figure.rows["cluster"].to_pylist()) == {*order[:3].tolist(), least}
    assert "only the 4 active on the most tokens are drawn" in (figure.note or "")


def test_pairs_without_a_stored_count_are_left_out_if_not_all_are_stored(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_module, "EVERY_PAIR_UP_TO", 3)
    stored = tiny.cluster_pairs.to_pandas().query("space == 'decoder' and level == 0")
    assert cluster_matrix(tiny).rows.num_rows == 2 * len(stored)


def test_clusters_that_share_no_token_have_a_pmi_of_minus_infinity(tiny: Bundle) -> None:
    alone = replace(tiny)
    vars(alone)["cluster_pairs"] = tiny.cluster_pairs.slice(0, 0)
    figure = cluster_matrix(alone, None, "pmi")
    assert np.isneginf(figure.rows["pmi"].to_numpy()).all()
    json.dumps(figure.specification(), allow_nan=False)
    assert "PMI is −∞" in (figure.note or "")


def test_every_pair_is_drawn_up_to_the_number_of_clusters_with_all_pairs_stored(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = replace(tiny)
    vars(bundle)["cluster_pairs"] = tiny.cluster_pairs.slice(0, 5)
    assert set(bundle.cluster_pairs["level"].to_pylist()) == {0}
    for every, cells in ((8, 8 * 7), (7, 2 * 5)):
        monkeypatch.setattr(matrix_module, "EVERY_PAIR_UP_TO", every)
        assert cluster_matrix(bundle, None, "joint").rows.num_rows == cells


def test_a_level_of_up_to_a_hundred_clusters_is_drawn_whole(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert matrix_module.MOST_CLUSTERS == 100
    for most, drawn in ((8, 8), (7, 7)):
        monkeypatch.setattr(matrix_module, "MOST_CLUSTERS", most)
        figure = cluster_matrix(tiny)
        assert figure.caption.parameters["clusters"] == f"{drawn} of 8"
        assert ("are drawn" in str(figure.note)) == (drawn < 8)
    # The chosen one replaces the least active of those that are drawn.
    monkeypatch.setattr(matrix_module, "MOST_CLUSTERS", 3)
    active = tiny.clusters["active_tokens"].to_numpy()[:8]
    order = np.argsort(-active, kind="stable").tolist()
    rows = cluster_matrix(tiny, None, chosen=order[4]).rows
    assert set(rows["cluster"].to_pylist()) == {order[0], order[1], order[4]}


def test_names_that_do_not_fit_are_mentioned_above_the_limit(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_NAMES == 40
    for most, mentioned in ((8, False), (7, True)):
        monkeypatch.setattr(matrix_module, "MOST_NAMES", most)
        assert ("hover over a cell" in str(cluster_matrix(tiny).note)) == mentioned


def test_each_cell_has_the_active_tokens_of_both_clusters(tiny: Bundle) -> None:
    active = dict(enumerate(tiny.clusters["active_tokens"].to_pylist()))
    for row in cluster_matrix(tiny).rows.to_pylist():
        assert row["tokens"] == active[row["cluster"]]
        assert row["other_tokens"] == active[row["other"]]


def test_the_diagonal_shows_the_share_of_each_cluster_that_is_selected(tiny: Bundle) -> None:
    level = LevelName("decoder", 0)
    assert "selected" not in cluster_matrix(tiny, level).chart.to_dict()["datasets"]
    mask = np.arange(tiny.latents.num_rows) % 3 == 0
    figure = cluster_matrix(tiny, level, mask=mask)
    drawn = figure.chart.to_dict()["datasets"]["selected"]
    cells = figure.rows.to_pandas().drop_duplicates("cluster").sort_values("row")
    assert [clusters_named(row["a"]) for row in drawn] == [[i] for i in cells["cluster"]]
    for cluster, row in zip(cells["cluster"], drawn, strict=True):
        own = members(tiny, cluster)
        assert (row["selected"], row["size"]) == (mask[own].sum(), len(own))
        assert row["share"] == pytest.approx(mask[own].mean())
    assert "diagonal is as dark" in (figure.note or "")


def test_the_darker_its_diagonal_the_more_of_a_cluster_is_selected(tiny: Bundle) -> None:
    assert marks(cluster_matrix(tiny, chosen=2, mask=np.arange(120) % 3 == 0)) == [
        "rect: stroke paper, x b, y a, color phi in diverging",
        "rect: color grid, x a, y a",
        "rect: color accent, stroke paper, x a, y a, opacity share from 0.25 to 1, "
        "only datum.selected > 0",
        "rect: stroke highlight, filled False, x 0, x2 width, y a",
    ]


def test_a_cell_is_in_the_row_of_its_cluster_and_the_column_of_the_other(tiny: Bundle) -> None:
    figure = cluster_matrix(tiny, chosen=2)
    rows, drawn = figure.rows.to_pylist(), drawn_rows(figure, "a", "b")
    assert [(clusters_named(cell["a"]), clusters_named(cell["b"])) for cell in drawn] == [
        ([row["cluster"]], [row["other"]]) for row in rows
    ]
    (chosen,) = figure.specification()["datasets"]["chosen"]
    assert clusters_named(chosen["a"]) == [2]
