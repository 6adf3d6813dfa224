"""The parts of the Co-occurrence page choose which pairs and latents they show."""

from collections import Counter
from fnmatch import fnmatch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle
from pages.widgets.cooccurrence_parts import (
    MOST_DRAWN,
    PARTS,
    _known_latent,
    _relation_counts,
    strongest_latents,
)
from pages.widgets.export_menu import SHOWN
from pages.widgets.page import Page
from pages.widgets.state import ViewState
from tests.pages.conftest import Open, texts


def test_the_parts_in_their_order() -> None:
    assert list(PARTS) == ["pairs", "relations", "components", "neighbourhood"]


def test_the_heatmap_draws_the_latents_of_the_strongest_pairs() -> None:
    rows = pa.table({"latent": [9, 3, 9], "partner": [4, 9, 1]})
    assert strongest_latents(rows, np.arange(20)).tolist() == [9, 4, 3, 1]
    many = pa.table({"latent": np.arange(100), "partner": np.arange(100, 200)})
    assert strongest_latents(many, np.arange(200)).tolist() == [
        end for i in range(20) for end in (i, i + 100)
    ]
    assert strongest_latents(rows.slice(0, 0), np.array([7, 8])).tolist() == [7]


def test_the_page_says_when_the_heatmap_shows_only_some_latents(open_page: Open) -> None:
    sentence = "The heatmap shows the 40 latents of the strongest pairs. The ranking and the table "
    assert sentence + "cover all 200." in texts(open_page("cooccurrence"))
    few = ",".join(map(str, range(MOST_DRAWN)))
    assert sentence not in texts(open_page("cooccurrence", select=f"latent={few}"))


def test_the_pairs_of_a_latent_are_its_own(open_page: Open, planted_bundle: Bundle) -> None:
    rows = planted_bundle.partners.of([170])
    app = open_page("cooccurrence", latent=170, subject="latent")
    assert not app.exception and rows.num_rows > 0
    table = app.dataframe[0].value
    assert ((table["latent"] == 170) | (table["partner"] == 170)).all()


def test_the_pairs_of_a_dense_latent_are_shown_although_it_is_dense(open_page: Open) -> None:
    app = open_page("cooccurrence", latent=199, subject="latent")
    assert not app.exception and len(app.dataframe[0].value) > 0


@pytest.mark.parametrize(
    ("nodes", "name"),
    [
        ("latent", "network-3-phi"),
        ("cluster", "network-of-cluster-*-phi"),
        ("selection", "network-of-the-selection-phi"),
    ],
)
def test_the_network_is_that_of_what_was_chosen(
    open_page: Open, planted_bundle: Bundle, nodes: str, name: str
) -> None:
    app = open_page("cooccurrence", tab="neighbourhood", nodes=nodes, latent=3, select="latent<60")
    (figure,) = app.session_state[SHOWN]
    assert fnmatch(figure.name, name)
    assert figure.selection == ("latent<60" if nodes == "selection" else "")
    drawn = set(figure.rows["latent"].to_pylist())
    if nodes == "cluster":
        cluster = int(app.query_params["cluster"])
        rows = planted_bundle.memberships.to_pylist()
        members = {row["latent"] for row in rows if row["cluster"] == cluster}
        assert drawn <= members and len(drawn) > 2
    if nodes == "selection":
        assert max(drawn) < 60


def test_an_empty_selection_has_no_network(open_page: Open) -> None:
    app = open_page("cooccurrence", tab="neighbourhood", nodes="selection", select="latent>900")
    assert "The selection has no latents." in [info.value for info in app.info]


@pytest.mark.parametrize(("latent", "known"), [(None, None), (0, 0), (199, 199), (200, None)])
def test_a_latent_that_the_bundle_does_not_have_has_no_pairs(
    planted_bundle: Bundle, latent: int | None, known: int | None
) -> None:
    page = Page(planted_bundle, ViewState(latent=latent), np.ones(200, dtype=bool))
    assert _known_latent(page) == known


def test_the_relations_count_what_the_table_shows(planted_bundle: Bundle) -> None:
    mask = np.arange(200) < 40
    page = Page(planted_bundle, ViewState(), mask)
    stored = pq.read_table(planted_bundle.path / "relations.parquet").to_pylist()
    inside = [row for row in stored if mask[row["a"]] or mask[row["b"]]]
    expected = Counter(row["relation"] for row in inside)
    counts = _relation_counts(page, hide_flags=False)
    assert counts == {**expected, "all": len(inside)} and len(inside) < len(stored)
