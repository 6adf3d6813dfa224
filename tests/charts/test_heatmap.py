"""The heatmap of co-occurrence, against independent counts."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES
from charts import heatmap
from charts.core.export import export
from charts.core.theme import GRID
from charts.heatmap import cooccurrence_heatmap, measure_stops, note_on_infinite
from tests.charts.dense import dense_matrix, phi
from tests.charts.drawn import domain_of, drawn_rows, encodings, marks

CHOSEN = np.arange(0, 120, 3)


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    return dense_matrix(tiny)


@pytest.fixture(scope="module")
def kept(tiny: Bundle) -> np.ndarray:
    return tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)


def test_heatmap_cells_are_all_pairs_except_the_diagonal(
    tiny: Bundle, active: np.ndarray, kept: np.ndarray
) -> None:
    figure = cooccurrence_heatmap(tiny, CHOSEN[2:22], "phi")
    rows = figure.rows.to_pandas()
    assert len(rows) == 20 * 19
    assert (rows["latent"] != rows["partner"]).all()
    for row in rows.sample(60, random_state=0).itertuples():
        both = (active[:, row.latent] & active[:, row.partner]).sum()
        assert row.joint_tokens == both
        assert row.phi == pytest.approx(phi(active, kept, row.latent, row.partner), abs=1e-9)
    place = rows.groupby("latent")["row"].first()
    assert sorted(place) == list(range(20))
    assert place.equals(
        rows.groupby("partner")["column"].first().rename_axis("latent").rename("row")
    )


def test_no_block_of_a_known_matrix_is_split() -> None:
    block = np.kron(np.eye(3), np.ones((4, 4)))
    shuffle = np.random.default_rng(0).permutation(12)
    order = heatmap.similarity_order(block[np.ix_(shuffle, shuffle)])
    kinds = (shuffle // 4)[order]
    assert (np.diff(kinds) != 0).sum() == 2


def test_the_diagonal_is_grey_and_stands_for_one_latent(tiny: Bundle) -> None:
    figure = cooccurrence_heatmap(tiny, CHOSEN[2:6], "phi")
    cells = drawn_rows(figure, "active_tokens")
    assert [(row["latent"], row["a"]) for row in cells] == [
        (row["partner"], row["b"]) for row in cells
    ]
    active = tiny.latents["active_tokens"].to_pylist()
    assert all(row["active_tokens"] == active[row["latent"]] for row in cells)
    assert sorted(row["latent"] for row in cells) == CHOSEN[2:6].tolist()
    assert export(figure, "svg").decode().count(f'fill="{GRID}"') == 4


def test_heatmap_draws_the_most_active_when_there_are_too_many(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heatmap, "MOST_LATENTS", 10)
    figure = cooccurrence_heatmap(tiny, CHOSEN)
    active = tiny.latents["active_tokens"].to_numpy()
    drawn = set(figure.rows["latent"].to_pylist())
    assert len(drawn) == 10
    assert min(active[list(drawn)]) >= max(active[[i for i in CHOSEN if i not in drawn]])
    assert "only the 10 with the most active tokens" in (figure.note or "")


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_small_heatmaps(tiny: Bundle, count: int) -> None:
    figure = cooccurrence_heatmap(tiny, CHOSEN[2 : 2 + count])
    assert figure.rows.num_rows == count * max(count - 1, 0)
    assert figure.chart.to_dict()


def test_minus_infinity_counts_as_the_least_value_in_the_order() -> None:
    block = np.kron(np.eye(3), np.ones((4, 4)))
    never = np.where(block > 0, 2.0, -np.inf)
    never[0, 4] = never[4, 0] = -3.0
    least = np.where(np.isfinite(never), never, -3.0)
    assert heatmap.similarity_order(never).tolist() == heatmap.similarity_order(least).tolist()


def test_all_of_minus_infinity_has_an_order() -> None:
    assert sorted(heatmap.similarity_order(np.full((5, 5), -np.inf))) == [0, 1, 2, 3, 4]
    assert heatmap.similarity_order(np.zeros((2, 2))).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("measure", "values", "domain"),
    [
        ("phi", [0.2, -0.1], (-1, 1)),
        ("jaccard", [0.2, 0.1], (0, 1)),
        ("phi_over_max", [0.2, -7.0], (-1, 1)),
        ("pmi", [-np.inf, 1.5, -2.5], (-2.5, 2.5)),
        ("pmi", [-np.inf, -np.inf], (-1, 1)),
        ("lift", [0.0, 8.0], (0, 8)),
        ("joint", [0.0, 0.0], (0, 1)),
    ],
)
def test_the_colours_span_the_finite_values(
    measure: str, values: list[float], domain: tuple[float, float]
) -> None:
    stops = measure_stops(pa.table({measure: values}), measure)
    assert (stops[0], stops[-1]) == domain


def test_a_note_says_what_minus_infinity_means() -> None:
    assert note_on_infinite(pa.table({"pmi": [0.5, -2.0]}), "pmi") == ""
    assert "PMI is −∞" in note_on_infinite(pa.table({"pmi": [0.5, -np.inf]}), "pmi")


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_of_dead_latents_gives_valid_json(tiny: Bundle, measure: str) -> None:
    figure = cooccurrence_heatmap(tiny, np.arange(12), measure)
    json.dumps(figure.specification(), allow_nan=False)
    values = figure.rows[measure].to_numpy()
    assert np.isneginf(values).any() == (measure == "pmi")
    assert np.isfinite(values[~np.isneginf(values)]).all()


def test_cells_of_minus_infinity_are_grey_and_are_written_as_such(tiny: Bundle) -> None:
    figure = cooccurrence_heatmap(tiny, np.arange(4, 16), "pmi")
    assert np.isneginf(figure.rows["pmi"].to_numpy()).sum() > 0
    svg = export(figure, "svg").decode()
    cells = svg.count('fill="#e3e3e3"')
    assert cells == np.isneginf(figure.rows["pmi"].to_numpy()).sum()


@pytest.mark.parametrize(("most", "drawn"), [(10, 10), (9, 9)])
def test_latents_are_left_out_only_above_the_limit(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, most: int, drawn: int
) -> None:
    assert heatmap.MOST_LATENTS == 200
    monkeypatch.setattr(heatmap, "MOST_LATENTS", most)
    figure = cooccurrence_heatmap(tiny, np.arange(20, 30))
    assert figure.caption.parameters["latents"] == f"{drawn} of 10"
    assert ("with the most active tokens are drawn" in str(figure.note)) == (drawn < 10)


def test_of_equally_active_latents_the_smaller_ids_are_drawn(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heatmap, "MOST_LATENTS", 4)
    bundle = replace(tiny)
    counts = tiny.latents["active_tokens"].to_numpy().copy()
    counts[20:30] = 60
    place = tiny.latents.column_names.index("active_tokens")
    vars(bundle)["latents"] = tiny.latents.set_column(place, "active_tokens", pa.array(counts))
    vars(bundle)["activations"] = tiny.activations
    rows = cooccurrence_heatmap(bundle, np.arange(20, 30)).rows
    assert set(rows["latent"].to_pylist()) == {20, 21, 22, 23}


def test_up_to_forty_latents_have_names_on_the_axes(tiny: Bundle) -> None:
    for count, named in ((40, True), (41, False)):
        encoding = encodings(cooccurrence_heatmap(tiny, np.arange(20, 20 + count)))[0]
        assert encoding["x"]["axis"]["labels"] is encoding["y"]["axis"]["labels"] is named


def test_the_colours_of_a_measure_cover_its_own_range(tiny: Bundle) -> None:
    for measure, ends in (("phi", (-1, 1)), ("jaccard", (0, 1)), ("npmi", (-1, 1))):
        figure = cooccurrence_heatmap(tiny, np.arange(20, 26), measure)
        assert domain_of(figure, "color") == pytest.approx(ends)
    figure = cooccurrence_heatmap(tiny, np.arange(20, 26), "joint")
    largest = max(figure.rows["joint_tokens"].to_pylist())
    assert domain_of(figure, "color") == pytest.approx([0, largest])


def test_the_colours_of_a_measure_with_negative_values_diverge(tiny: Bundle) -> None:
    figure = cooccurrence_heatmap(tiny, np.arange(20))
    assert marks(figure) == [
        "rect: stroke paper, x b, y a, color phi in diverging",
        "rect: color grid, stroke paper, x b, y a",
    ]
    assert marks(cooccurrence_heatmap(tiny, np.arange(20), "jaccard")) == [
        "rect: stroke paper, x b, y a, color jaccard in cells",
        "rect: color grid, stroke paper, x b, y a",
    ]


def test_a_cell_has_the_name_of_its_latent_at_its_row_and_of_the_partner_at_its_column(
    tiny: Bundle,
) -> None:
    figure = cooccurrence_heatmap(tiny, np.arange(12))
    names = figure.specification()["layer"][0]["encoding"]["y"]["scale"]["domain"]
    rows, drawn = figure.rows.to_pylist(), drawn_rows(figure, "a", "joint_tokens")
    assert [(cell["a"], cell["b"]) for cell in drawn] == [
        (names[row["row"]], names[row["column"]]) for row in rows
    ]
    of_name = {row["a"]: row["latent"] for row in drawn_rows(figure, "a", "active_tokens")}
    assert [(of_name[cell["a"]], of_name[cell["b"]]) for cell in drawn] == [
        (row["latent"], row["partner"]) for row in rows
    ]
