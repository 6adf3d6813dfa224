"""The density histogram, against independent counts."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.core.figure import Figure
from charts.density import density_histogram
from tests.charts.drawn import drawn_rows, every_data_set, marks

THIRD = np.arange(120) % 3 == 0


@pytest.mark.parametrize("mask", [None, THIRD])
def test_density_bins_hold_the_latents_between_their_edges(
    tiny: Bundle, mask: np.ndarray | None
) -> None:
    density = tiny.latents["density"].to_numpy()
    chosen = np.ones(len(density), bool) if mask is None else mask
    rows = density_histogram(tiny, mask).rows.to_pylist()
    for row in rows[1:]:
        inside = (density >= row["density_from"] * (1 - 1e-9)) & (
            density < row["density_to"] * (1 - 1e-9)
        )
        assert row["latents"] == inside.sum()
        assert row["selected"] == (inside & chosen).sum()
    assert rows[0]["bin"] == "dead"
    assert rows[0]["latents"] == (density == 0).sum() > 0
    assert sum(row["latents"] for row in rows) == len(density)
    assert sum(row["selected"] for row in rows) == chosen.sum()


def test_density_bins_are_contiguous_and_the_dead_bar_is_separate(tiny: Bundle) -> None:
    rows = density_histogram(tiny).rows.to_pandas()
    assert np.allclose(rows["density_from"][2:], rows["density_to"][1:-1])
    assert np.allclose(10.0 ** rows["log10_density"][1:], rows["density_from"][1:])
    assert rows["log10_density_end"][0] < rows["log10_density"][1]
    assert rows["density_to"].iloc[-1] == 1.0


def test_the_note_explains_dead_latents(tiny: Bundle) -> None:
    note = density_histogram(tiny).note or ""
    assert f"{tiny.manifest.tokens:,} tokens" in note
    assert "3/N = 1.9e-3" in note  # N is 1,550


def histogram_of(tiny: Bundle, density: list[float], mask: np.ndarray | None = None) -> Figure:
    """The histogram of these densities and 0 for all other latents."""
    values = np.zeros(tiny.latents.num_rows)
    values[: len(density)] = density
    place = tiny.latents.column_names.index("density")
    bundle = replace(tiny)
    vars(bundle)["latents"] = tiny.latents.set_column(place, "density", pa.array(values))
    return density_histogram(bundle, mask)


def test_a_decade_has_five_bins_and_an_edge_belongs_to_the_bin_on_its_right(tiny: Bundle) -> None:
    rows = histogram_of(tiny, [1e-3, 1e-2, 0.0099, 1.0]).rows.to_pandas()[1:]
    assert len(rows) == 15
    assert np.allclose(rows["density_from"], 10 ** (np.arange(-15, 0) / 5))
    filled = rows[rows["latents"] > 0]
    assert filled["density_from"].tolist() == pytest.approx([1e-3, 10**-2.2, 1e-2, 10**-0.2])
    assert filled["latents"].tolist() == [1, 1, 1, 1]


def test_every_edge_belongs_to_the_bin_on_its_right(tiny: Bundle) -> None:
    edges = 10.0 ** (np.arange(-30, 0) / 5)
    rows = histogram_of(tiny, edges.tolist()).rows
    assert rows["latents"].to_pylist() == [120 - len(edges)] + [1] * len(edges)


def test_without_a_live_latent_the_histogram_has_six_decades(tiny: Bundle) -> None:
    rows = histogram_of(tiny, []).rows.to_pandas()
    assert rows["latents"].tolist() == [120] + [0] * 30


def test_the_threshold_of_ultralow_is_drawn_if_the_axis_reaches_it(tiny: Bundle) -> None:
    for lowest, texts in (
        (1e-6, ["dense > 10\u00a0%", "ultralow < 1e-6"]),
        (1.7e-6, ["dense > 10\u00a0%"]),
    ):
        marks = drawn_rows(histogram_of(tiny, [lowest]), "at", "text", "align")
        assert [mark["text"] for mark in marks] == texts
        assert [mark["at"] for mark in marks] == pytest.approx([-1, -6][: len(marks)])


def test_the_text_of_the_dead_bar_gives_way_to_the_threshold_of_ultralow(tiny: Bundle) -> None:
    """It would be written over that of the threshold; the note says the same."""
    for lowest, has_text in ((1e-6, False), (1.01e-6, False), (1.7e-6, True)):
        figure = histogram_of(tiny, [lowest, 0.5])
        drawing = figure.chart.to_dict()
        assert ("dead" in drawing["datasets"]) == has_text
        assert ("at 95" in str(drawing)) == has_text
        assert "their density is below 3/N" in str(figure.note)


def test_the_caption_counts_the_selected_latents(tiny: Bundle) -> None:
    assert density_histogram(tiny, THIRD).caption.parameters["latents"] == "40 selected of 120"
    assert density_histogram(tiny).caption.parameters["latents"] == "all latents"
    assert "0 in 1,550 tokens:\nbelow 1.9e-3 at 95\u00a0%" in [
        row["text"]
        for rows in every_data_set(density_histogram(tiny))
        for row in rows
        if "text" in row
    ]


def test_ticks_below_a_tenth_of_a_percent_are_powers_of_ten(tiny: Bundle) -> None:
    axis = density_histogram(tiny).chart.to_dict()["layer"][0]["encoding"]["x"]["axis"]
    assert "datum.value < -3 ? '1e' + format(datum.value, 'd')" in axis["labelExpr"]
    assert "format(pow(10, datum.value), '.4~%')" in axis["labelExpr"]


def test_one_selected_latent_can_be_seen_and_its_number_is_exact(tiny: Bundle) -> None:
    mask = np.arange(120) == int(np.argmax(tiny.latents["density"].to_numpy() > 0))
    figure = density_histogram(tiny, mask)
    drawn = drawn_rows(figure, "seen")
    most = max(row["latents"] for row in drawn)
    assert sorted(row["selected"] for row in drawn)[-2:] == [0, 1]
    assert all(row["seen"] == max(row["selected"], 0.02 * most) for row in drawn if row["selected"])
    assert all(row["seen"] == 0 for row in drawn if not row["selected"])
    assert figure.rows["selected"].to_pylist() == [row["selected"] for row in drawn]
    assert "seen" not in figure.rows.column_names


@pytest.mark.parametrize(
    ("lowest", "dead_at", "decades"),
    [(1e-3, -4, [-3, -2, -1, 0]), (0.0025, -4, [-2, -1, 0]), (2e-6, -7, [-5, -4, -3, -2, -1, 0])],
)
def test_the_dead_bar_is_a_decade_to_the_left_and_ticks_are_whole_decades(
    tiny: Bundle, lowest: float, dead_at: float, decades: list[float]
) -> None:
    figure = histogram_of(tiny, [lowest])
    rows = figure.rows.to_pandas()
    assert rows["log10_density"][0] == dead_at
    assert np.allclose(rows["log10_density_end"] - rows["log10_density"], 0.2)
    x = figure.chart.to_dict()["layer"][0]["encoding"]["x"]
    dead, *others = x["axis"]["values"]
    assert others == decades
    assert dead == pytest.approx(dead_at + 0.1)  # the middle of the bar
    end = float(re.search(r"datum.value < (\S+) \? 'dead'", x["axis"]["labelExpr"])[1])  # type: ignore[index]
    assert dead < end < rows["log10_density"][1]
    low, high = x["scale"]["domain"]
    assert dead_at - 0.5 < low < dead_at and 0 <= high < 0.2


def test_the_note_counts_dead_latents(tiny: Bundle) -> None:
    dead = int((tiny.latents["density"].to_numpy() == 0).sum())
    assert f"Dead latents ({dead}) are active on none" in str(density_histogram(tiny).note)


def test_a_selection_changes_only_rows(tiny: Bundle) -> None:
    assert (
        density_histogram(tiny).chart.specification
        == density_histogram(tiny, THIRD).chart.specification
    )


def test_without_a_selection_bars_are_drawn_as_high_as_they_are(tiny: Bundle) -> None:
    figure = histogram_of(tiny, [1e-3] + [1e-2] * 100)
    rows = drawn_rows(figure, "seen")
    assert [row["seen"] for row in rows] == [row["latents"] for row in rows]
    assert min(row["latents"] for row in rows if row["latents"]) == 1
    assert "drawn longer" not in str(figure.note)


def test_selected_latents_are_drawn_dark_over_all_of_them_and_the_dead_are_grey(
    tiny: Bundle,
) -> None:
    assert marks(density_histogram(tiny, THIRD)) == [
        "rect: stroke paper, x log10_density, x2 log10_density_end, y latents, y2 0, "
        "color unselected dead if datum.bin == 'dead' else accent light",
        "rect: stroke paper, x log10_density, x2 log10_density_end, y seen, y2 0, "
        "color dead if datum.bin == 'dead' else accent",
        "rule: color quiet ink, x at",
        "text: color quiet ink, x at, y 6, text text",
        "text: color quiet ink, x at, y 2, text text",
    ]
