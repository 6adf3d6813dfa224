"""Bars of what a selection has in common."""

from typing import Any

import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.core.figure import Figure
from charts.core.interactions import CLUSTER, INNER_CLUSTER, LATENT
from charts.selection_bars import (
    cluster_overlap_bars,
    enriched_bars,
    inner_cluster_bars,
    partner_bars,
)
from tests.charts.drawn import marks

TERMS = pa.table(
    {
        "term": ["ship", "<b>sail", "tide →", "wave"],
        "share": [0.2, 0.1, 0.01, 0.3],
        "share_rest": [0.01, 0.0, 0.005, 0.25],
        "lift": [20.0, 1234.5, 2.0, 1.2],
        "latents": [6, 4, 1, 1],
        "latents_rest": [1, 0, 2, 50],
        "tokens": [100, 50, 3, 700],
        "q": [1e-6, 0.0499, 0.05, 1.0],
    }
)
PARTNERS = pa.table(
    {
        "partner": pa.array([7, 9], pa.int32()),
        "label": ["seven", ""],
        "latents": [5, 2],
        "share": [0.5, 0.2],
        "share_rest": [0.0, 0.6],
        "phi": [0.4, 0.1],
    }
)
CLUSTERS = pa.table(
    {
        "cluster": pa.array([3, 12], pa.int32()),
        "label": ["sea", ""],
        "space": ["decoder", "cooccurrence"],
        "level": pa.array([0, 1], pa.int8()),
        "size": [10, 40],
        "shared": [5, 4],
        "overlap": [0.4, 0.1],
    }
)

INNER = pa.table(
    {
        "size": pa.array([3, 2], pa.int32()),
        "stability": [0.9, 0.5],
        "bootstrap": [0.8, 0.4999],
        "stability_null": [0.65, 0.7],
        "bootstrap_null": [0.6, 0.55],
        "believable": [True, False],
        "members": [[3, 1, 4], [5, 9]],
    }
)
WORDS = [["ship", "sea"], []]


def drawn(figure: Figure) -> list[dict[str, Any]]:
    (rows,) = figure.chart.to_dict()["datasets"].values()
    assert isinstance(rows, list)
    return rows


def test_terms_are_blue_only_if_they_are_unlikely_by_chance(tiny: Bundle) -> None:
    figure = enriched_bars(tiny, "terms", TERMS, "8 of 20 latents")
    assert [row["is_sure"] for row in drawn(figure)] == [True, True, False, False]
    assert [row["name"] for row in drawn(figure)] == TERMS["term"].to_pylist()
    assert drawn(figure)[1]["text"] == "1,230 ×, 4 latents"
    assert figure.rows.equals(TERMS)
    assert "latents 8 of 20 latents" in figure.caption.text and "by latent" in figure.caption.text


def test_the_axis_has_room_for_the_longest_bar_or_tick(tiny: Bundle) -> None:
    def end(figure: Figure) -> float:
        scale = figure.chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]
        return float(scale["domain"][1])

    assert end(enriched_bars(tiny, "terms", TERMS, "")) == pytest.approx(2 * 0.3)
    assert end(partner_bars(tiny, PARTNERS, "")) == pytest.approx(2 * 0.6)
    assert end(enriched_bars(tiny, "terms", TERMS.slice(0, 0), "")) == pytest.approx(2)


def test_partners_and_clusters_can_be_clicked(tiny: Bundle) -> None:
    partners, clusters = partner_bars(tiny, PARTNERS, ""), cluster_overlap_bars(tiny, CLUSTERS, "")
    assert partners.selections == (LATENT.name,) and clusters.selections == (CLUSTER.name,)
    assert [row["latent"] for row in drawn(partners)] == [7, 9]
    labels = tiny.latents["label"].to_pylist()
    names = [f"7 · {labels[7]}", f"9 · {labels[9]}"]
    assert [row["name"] for row in drawn(partners)] == names
    assert [row["cluster"] for row in drawn(clusters)] == [3, 12]
    assert [row["text"] for row in drawn(clusters)] == ["5 of 10", "4 of 40"]
    assert [row["share"] for row in drawn(clusters)] == [0.4, 0.1]


def test_few_bars_are_drawn(tiny: Bundle) -> None:
    many = pa.concat_tables([TERMS] * 5)
    partners, clusters = pa.concat_tables([PARTNERS] * 7), pa.concat_tables([CLUSTERS] * 7)
    for figure in (
        enriched_bars(tiny, "label_words", many, ""),
        partner_bars(tiny, partners, ""),
        cluster_overlap_bars(tiny, clusters, ""),
    ):
        assert figure.rows.num_rows == len(drawn(figure)) == 12


def test_inner_clusters_are_blue_if_they_are_believable(tiny: Bundle) -> None:
    figure = inner_cluster_bars(tiny, INNER, WORDS, 5, "5 of the selection")
    rows = drawn(figure)
    assert [row["is_sure"] for row in rows] == [True, False]
    assert [row["members"] for row in rows] == ["3,1,4", "5,9"]
    assert [row["name"] for row in rows] == ["ship · sea", "no shared word"]
    assert rows[0]["text"] == "3 latents, stability 0.9"
    assert figure.selections == (INNER_CLUSTER.name,) and "null draws 5" in figure.caption.text
    assert "in 5 draws" in str(figure.note) and "(0.7 and 0.6)" in str(figure.note)
    assert figure.rows.drop_columns(["words"]).equals(INNER)


def test_without_a_null_inner_clusters_are_blue_if_they_are_stable(tiny: Bundle) -> None:
    nothing = pa.nulls(2, pa.bool_())
    table = INNER.set_column(5, "believable", nothing)
    at_limit = table.set_column(2, "bootstrap", pa.array([0.5, 0.4999]))
    figure = inner_cluster_bars(tiny, at_limit, WORDS, 0, "")
    assert [row["is_sure"] for row in drawn(figure)] == [True, False]
    assert "There is no null" in str(figure.note)


def test_few_inner_clusters_are_drawn(tiny: Bundle) -> None:
    many = pa.concat_tables([INNER] * 21)
    figure = inner_cluster_bars(tiny, many, WORDS * 21, 5, "")
    assert figure.title == "42 clusters inside the selection"
    assert figure.rows.num_rows == len(drawn(figure)) == 40
    assert "2 smaller ones are not drawn" in str(figure.note)


def test_a_bar_is_the_selection_and_a_tick_the_rest(tiny: Bundle) -> None:
    assert marks(enriched_bars(tiny, "terms", TERMS, "8 of 20 latents")) == [
        "bar: x share, y line, color accent if datum.is_sure else unselected",
        "tick: color highlight, x share_rest, y line",
        "text: color quiet ink, x end, y line, text text, end = max(datum.share, "
        "datum.share_rest || 0)",
    ]
