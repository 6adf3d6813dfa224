"""What chance looks like: the drawn latents at their places, and the strongest drawn pairs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.bundle import TABLES, Bundle, MapQuality
from charts import null_view
from charts.core.theme import NO_CLUSTER
from charts.null_view import (
    has_null_view,
    null_cluster_of_latents,
    null_map,
    null_pairs,
    null_places,
)
from tests.charts.conftest import DEAD, LATENTS, with_tables
from tests.charts.drawn import domain_of, marks


@pytest.fixture(scope="module")
def older(tiny: Bundle) -> Bundle:
    """A bundle that was made before it had a null view."""
    return with_tables(
        tiny,
        null_latents=TABLES["null_latents"].empty_table(),
        null_clusters=TABLES["null_clusters"].empty_table(),
    )


def test_only_bundles_with_a_draw_have_a_null_view(tiny: Bundle, older: Bundle) -> None:
    assert has_null_view(tiny, "decoder") and has_null_view(tiny, "cooccurrence")
    assert not has_null_view(older, "decoder")


def test_latents_have_the_places_and_clusters_of_the_draw(tiny: Bundle) -> None:
    rows = tiny.null_latents.to_pylist()
    for space in ("decoder", "cooccurrence"):
        x, y = null_places(tiny, space)
        clusters = null_cluster_of_latents(tiny, space)
        assert x.shape == y.shape == clusters.shape == (LATENTS,)
        assert np.isnan(x[:DEAD]).all() and (clusters[:DEAD] == -1).all()
        for row in rows:
            if row["space"] == space:
                at = (x[row["latent"]], y[row["latent"]])
                if row["x"] is None:
                    assert np.isnan(at).all()
                else:
                    assert at == (row["x"], row["y"])
                cluster = -1 if row["cluster"] is None else row["cluster"]
                assert clusters[row["latent"]] == cluster


def test_the_map_shows_what_is_on_it_and_says_that_it_is_chance(tiny: Bundle) -> None:
    figure = null_map(tiny)
    wanted = [i for i in range(DEAD, LATENTS) if i % 10]
    assert figure.rows["latent"].to_pylist() == wanted
    assert figure.title.startswith("What chance looks like")
    assert figure.caption.parameters["null"] == "random vectors with the spectrum of the decoder"
    assert "so are its 4 clusters" in str(figure.note)
    data = figure.chart.to_dict()["datasets"]["rows"]
    colours = {row["cluster"]: row["colour"] for row in data}
    assert colours[None] == NO_CLUSTER and len(set(colours.values())) == 5
    other = null_map(tiny, "cooccurrence")
    assert other.rows["cluster"].null_count == other.rows.num_rows
    assert "so are its 0 clusters" in str(other.note)


def test_the_map_is_compared_with_that_of_the_data(tiny: Bundle) -> None:
    quality = MapQuality(trustworthiness=0.6, knn_recall=0.12, latents=9, left_out=0, graph="")
    measured = replace(tiny, manifest=tiny.manifest.model_copy(update={"null_map": quality}))
    note = str(null_map(measured).note).replace("\u00a0", " ")
    assert note.endswith("It keeps 12 % of a latent's ten nearest, and the map of the data 31 %.")
    assert "keeps" not in str(null_map(tiny).note)


def test_pairs_are_the_strongest_of_the_draw_each_once(tiny: Bundle) -> None:
    strength: dict[tuple[int, int], float] = {}
    for row in tiny.null_latents.to_pylist():
        if row["space"] == "cooccurrence" and row["partner"] is not None:
            pair = (min(row["latent"], row["partner"]), max(row["latent"], row["partner"]))
            strength[pair] = max(strength.get(pair, 0.0), row["strength"])
    ordered = sorted(strength, key=lambda pair: (-strength[pair], pair))
    rows = null_pairs(tiny, 7).rows.to_pylist()
    assert [(row["latent"], row["partner"]) for row in rows] == ordered[:7]
    assert [row["phi"] for row in rows] == pytest.approx([strength[p] for p in ordered[:7]])


def test_the_note_of_the_pairs_has_the_medians_of_the_draw_and_of_the_data(tiny: Bundle) -> None:
    own = tiny.null_latents.to_pandas()
    own = own[own["space"] == "cooccurrence"]
    active, n = tiny.latents["active_tokens"].to_numpy().astype(float), tiny.manifest.tokens
    best: dict[int, float] = {}
    for row in tiny.partners.of(own["latent"].to_numpy()).to_pylist():
        a, b, both = active[row["latent"]], active[row["partner"]], row["joint_tokens"]
        phi = (both * n - a * b) / np.sqrt(a * (n - a) * b * (n - b))
        best[row["latent"]] = max(best.get(row["latent"], -1.0), phi)
    drawn, data = own["strength"].median(), np.median(list(best.values()))
    note = str(null_pairs(tiny).note)
    assert f"has the median {drawn:.2f} here, and {data:.2f} in the data" in note


def phi_of_counts(both: int, a: int, b: int, n: int) -> float:
    """Pearson's r of two bits with these counts of ones among n tokens."""
    bits = np.array([[1, 1, 0, 0], [1, 0, 1, 0]])
    covariance = np.cov(bits, fweights=[both, a - both, b - both, n - a - b + both])
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def test_the_phi_of_the_data_is_right_for_latents_that_fire_on_most_tokens(tiny: Bundle) -> None:
    """Each latent has one stored partner. One that fires on all tokens has no phi."""
    own = tiny.null_latents.to_pandas().query("space == 'cooccurrence'")["latent"].tolist()[:5]
    active, n = [90, 60, 75, 80, 100], 100
    counts = np.zeros(LATENTS, dtype=np.int64)
    counts[own] = active
    stored = pa.table({"latent": own, "partner": [own[i] for i in (1, 2, 1, 2, 1)]})
    stored = stored.append_column("joint_tokens", pa.array([56, 50, 50, 65, 60]))
    place = tiny.latents.column_names.index("active_tokens")
    bundle = with_tables(
        replace(tiny, manifest=tiny.manifest.model_copy(update={"tokens": n})),
        latents=tiny.latents.set_column(place, "active_tokens", pa.array(counts)),
        partners=SimpleNamespace(of=lambda latents: stored),
    )
    pairs = [(56, 90, 60), (50, 60, 75), (50, 75, 60), (65, 80, 75)]
    expected = [phi_of_counts(*pair, n) for pair in pairs]
    assert null_view._data_strength(bundle) == pytest.approx(expected)


def test_pairs_of_equal_strength_are_in_the_order_of_their_ids() -> None:
    rows = pa.table(
        {"latent": [9, 4, 3, 1], "partner": [3, 5, 7, None], "strength": [0.5, 0.5, 0.5, None]}
    )
    pairs = null_view._strongest(rows, 9)
    assert pairs["latent"].to_pylist() == [3, 3, 4]
    assert pairs["partner"].to_pylist() == [7, 9, 5]


def test_the_map_has_a_margin_of_three_percent_and_one_latent_is_in_the_middle(
    tiny: Bundle,
) -> None:
    rows = tiny.null_latents
    on_map = pc.and_(pc.equal(rows["space"].cast("string"), "decoder"), pc.is_valid(rows["x"]))
    one = with_tables(tiny, null_latents=rows.filter(on_map).slice(3, 1))
    for bundle, margin in ((tiny, 0.03), (one, None)):
        figure = null_map(bundle)
        for axis in ("x", "y"):
            values = figure.rows[axis].to_numpy()
            pad = 1.0 if margin is None else margin * (values.max() - values.min())
            wanted = [values.min() - pad, values.max() + pad]
            assert domain_of(figure, axis) == pytest.approx(wanted, rel=1e-6)


def test_thirty_pairs_are_shown_each_in_a_row_of_its_own(tiny: Bundle) -> None:
    assert null_pairs(tiny, 1_000).rows.num_rows > 30
    assert null_pairs(tiny).rows.num_rows == 30
    heights = [null_pairs(tiny, limit).chart.to_dict()["height"] for limit in (1, 2, 30)]
    assert heights == [66, 86, 646]


def test_the_picture_of_chance_is_grey(tiny: Bundle) -> None:
    assert marks(null_pairs(tiny)) == [
        "bar: color unselected, x phi, y pair",
        "text: color quiet ink, x phi, y pair, text phi",
    ]
    assert marks(null_map(tiny)) == [
        "circle: opacity 0.7, x x, y y, color colour",
    ]
