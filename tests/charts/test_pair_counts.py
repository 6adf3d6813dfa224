"""Counts of a pair, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.pair import Pair, read_pair
from analysis.runtime.numbers import percent, short
from charts.core.theme import A_COLOUR, B_COLOUR, QUIET_INK
from charts.pair_activations import joint_activations
from charts.pair_contexts import pair_context_strips
from charts.pair_counts import _expected_text, pair_counts, pair_expected
from charts.pair_strength import pair_conditionals, pair_strengths
from tests.charts.conftest import A, B
from tests.charts.drawn import domain_of, drawn_rows, marks

FIGURES = (pair_counts, pair_conditionals, pair_expected, pair_strengths, joint_activations)


def test_the_cells_add_up_and_the_token_table_is_right(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    rows = pair_counts(tiny, pair).rows.to_pandas()
    assert list(rows["unit"].unique()) == list(UNITS)
    for _, cells in rows.groupby("unit"):
        assert cells["share"].sum() == pytest.approx(1)
        assert cells["expected"].sum() == pytest.approx(cells["count"].sum())
    for cell in rows[rows["unit"] == "token"].itertuples():
        inside = (active[:, 0] == cell.a_active) & (active[:, 1] == cell.b_active)
        margins = (active[:, 0] == cell.a_active).mean() * (active[:, 1] == cell.b_active).sum()
        assert cell.count == inside.sum()
        assert cell.expected == pytest.approx(margins)


def test_the_colour_of_a_cell_counts_in_doublings_as_its_legend_says(
    tiny: Bundle, pair: Pair
) -> None:
    chart = pair_counts(tiny, pair).chart.to_dict()
    boxes = chart["layer"][0]
    colour = boxes["encoding"]["color"]
    domain = colour["scale"]["domain"]
    assert (colour["field"], domain[0], domain[-1]) == ("times", -3, 3)
    assert "'1/8'" in colour["legend"]["labelExpr"] and "'8 ×'" in colour["legend"]["labelExpr"]
    cells = chart["datasets"][boxes["data"]["name"]]
    drawn = [cell for cell in cells if cell["expected"] > 1]
    assert len(drawn) > 6
    for cell in drawn:
        assert 2 ** cell["times"] == pytest.approx((cell["count"] + 0.5) / (cell["expected"] + 0.5))


def test_joint_against_chance(tiny: Bundle, pair: Pair, active: np.ndarray) -> None:
    row = pair_expected(tiny, pair).rows.to_pylist()[0]
    one, two, both = active[:, 0].sum(), active[:, 1].sum(), active.all(axis=1).sum()
    assert row["joint"] == both
    assert row["expected"] == pytest.approx(one * two / len(active))
    assert row["lift"] == pytest.approx(both * len(active) / (one * two))


def test_a_pair_with_a_dead_latent_can_be_drawn(tiny: Bundle) -> None:
    pair = read_pair(tiny, 0, 60, window=50)
    for draw in FIGURES:
        assert draw(tiny, pair).chart.to_dict()
    assert pair_context_strips(tiny, pair, "both").rows.num_rows == 0
    assert pair_expected(tiny, pair).rows["joint"].to_pylist() == [0, 0, 0]


def test_windows_that_are_the_documents_are_left_out_and_it_says_so(tiny: Bundle) -> None:
    longest = int(np.bincount(tiny.tokens["document"].to_numpy()).max())
    pair = read_pair(tiny, A, B, window=longest)
    for draw in (pair_counts, pair_expected, pair_conditionals, pair_strengths):
        assert set(draw(tiny, pair).rows["unit"].to_pylist()) == {"token", "document"}
        assert "token and document" in draw(tiny, pair).caption.text
    assert f"No document has more than {longest} kept tokens" in (
        pair_counts(tiny, pair).note or ""
    )
    shorter = read_pair(tiny, A, B, window=longest - 1)
    for draw in (pair_counts, pair_expected, pair_conditionals, pair_strengths):
        assert set(draw(tiny, shorter).rows["unit"].to_pylist()) == set(UNITS)
    assert f"A window is {longest - 1} consecutive" in (pair_counts(tiny, shorter).note or "")


def test_the_colour_of_a_cell_is_the_binary_log_of_count_over_expected(
    tiny: Bundle, pair: Pair
) -> None:
    spec = pair_counts(tiny, pair).chart.to_dict()
    drawn = spec["datasets"][spec["layer"][0]["data"]["name"]]
    assert len(drawn) == 4 * len(UNITS)
    for cell in drawn:
        ratio = (cell["count"] + 0.5) / (cell["expected"] + 0.5)
        assert 2 ** cell["times"] == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02914, "0.0291"), (99.94, "99.9"), (100.4, "100"), (199_334.03, "199,334")],
)
def test_an_expected_count_is_as_exact_as_the_count_above_it(value: float, text: str) -> None:
    assert _expected_text(value) == text


def test_each_cell_has_its_place_its_count_its_share_and_its_name(tiny: Bundle, pair: Pair) -> None:
    figure = pair_counts(tiny, pair)
    cells = [row for row in drawn_rows(figure, "cell", "part") if row["unit"] == "window"]
    table = pair.tables["window"]
    counts = {(0, 0): table.n11, (0, 1): table.n10, (1, 0): table.n01, (1, 1): table.n00}
    left = min(cell["x"] for cell in cells)
    for cell in cells:
        place = (cell["y"], round(cell["x"] - left))
        assert cell["count"] == counts[place]
        assert cell["text"] == f"{counts[place]:,}"
        assert cell["part"] == percent(int(counts[place]) / float(table.n))
        a, b = ("silent" if silent else "fires" for silent in place)
        assert cell["cell"] == f"window: {A} {a}, {B} {b}"
    assert len(cells) == 4
    heads = [head["text"] for head in drawn_rows(figure, "colour", "text", "x", "y")]
    for unit in UNITS:
        assert f"{int(pair.tables[unit].n):,} {unit}s" in heads
    questions = {"on the same token?", "within 50 tokens?", "in the same document?"}
    assert questions < set(heads)


def test_the_text_beside_the_joint_count_is_the_lift(tiny: Bundle, pair: Pair) -> None:
    figure = pair_expected(tiny, pair)
    rows = figure.rows.to_pylist()
    assert [row["text"] for row in drawn_rows(figure, "text", "lift")] == [
        f"{short(row['lift'])} ×" for row in rows
    ]
    largest = max(max(row["joint"], row["expected"]) for row in rows)
    assert domain_of(figure, "x") == pytest.approx([0, 3 * largest])
    # A pair that shares fewer documents than expected: the rings are inside too.
    apart = pair_expected(tiny, read_pair(tiny, 8, 10, 0.0, 50))
    largest = max(apart.rows["expected"].to_pylist())
    assert largest > max(apart.rows["joint"].to_pylist())
    assert domain_of(apart, "x") == pytest.approx([0, 3 * largest])
    layers = figure.specification()["layer"]
    (end,) = (layer["transform"][0] for layer in layers if layer.get("transform"))
    assert end["calculate"] == "max(datum.joint, datum.expected)"


def test_the_observed_count_is_a_dot_and_the_expected_one_a_ring(tiny: Bundle, pair: Pair) -> None:
    assert marks(pair_counts(tiny, pair)) == [
        "rect: stroke paper, x x, x2 x2, y y, y2 y2, color times in pale_diverging",
        "text: x middle, y line, text text, line = datum.y + 0.48",
        "text: x middle, y line, text part, line = datum.y + 0.48",
        "text: x middle, y line, text chance, line = datum.y + 0.48",
        "text: x x, y y, color colour, text text",
    ]
    legend = pair_counts(tiny, pair).specification()["layer"][0]["encoding"]["color"]["legend"]
    assert legend["labelExpr"].endswith("datum.value < 0 ? '1/8' : '8 ×'")
    colours = {row["text"]: row["colour"] for row in drawn_rows(pair_counts(tiny, pair), "colour")}
    assert (colours[f"{A} fires"], colours[f"{B} fires"]) == (A_COLOUR, B_COLOUR)
    assert colours[f"{A} silent"] == colours[f"{B} silent"] == QUIET_INK
    assert marks(pair_expected(tiny, pair)) == [
        "rule: color rule, x expected, x2 joint, y unit",
        "point: color quiet ink, filled False, x expected, y unit",
        "circle: color both colour, opacity 1, x joint, y unit",
        "text: x end, y unit, text text, end = max(datum.joint, datum.expected)",
    ]
