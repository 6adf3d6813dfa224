"""Flags, active latents per token and maximum activations, against independent counts."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts import health
from charts.health import (
    active_latents_per_token,
    flag_counts,
    has_equal_tokens,
    max_activation_vs_density,
)
from tests.charts.conftest import with_tables
from tests.charts.drawn import domain_of, drawn_rows, marks

THIRD = np.arange(120) % 3 == 0


def test_flag_counts(tiny: Bundle) -> None:
    counted = tiny.latents.to_pandas()["flag"].value_counts()
    rows = flag_counts(tiny).rows.to_pandas().set_index("flag")
    assert list(rows.index) == ["live", "ultralow", "dense", "dead"]
    assert all(rows["latents"][flag] == counted.get(flag, 0) for flag in rows.index)
    assert rows["share"].sum() == pytest.approx(1)


def test_flags_of_a_selection(tiny: Bundle) -> None:
    flags = tiny.latents.to_pandas()["flag"]
    figure = flag_counts(tiny, THIRD)
    for row in figure.rows.to_pylist():
        assert row["selected"] == ((flags == row["flag"]) & THIRD).sum()
        assert row["latents"] == (flags == row["flag"]).sum()
        assert row["share"] == row["latents"] / len(flags)
    drawn = drawn_rows(figure, "seen")
    assert drawn[0]["text"].startswith(f"{drawn[0]['selected']} of {drawn[0]['latents']}")
    assert all((row["seen"] > 0) == (row["selected"] > 0) for row in drawn)
    assert " of " not in drawn_rows(flag_counts(tiny), "text", "flag")[0]["text"]


def test_active_latents_per_token_counts_only_kept_tokens(tiny: Bundle) -> None:
    tokens = tiny.tokens.to_pandas()
    active = tokens["active_latents"][tokens["kept"]]
    rows = active_latents_per_token(tiny).rows.to_pandas()
    for _, row in rows.iterrows():
        inside = (active >= row["active_from"]) & (active < row["active_to"])
        assert row["tokens"] == inside.sum()
    assert rows["tokens"].sum() == tiny.manifest.tokens


def test_wide_ranges_of_active_latents_are_binned_without_loss() -> None:
    active = np.random.default_rng(0).integers(3, 900, 5000)
    rows = health._active_histogram(active).to_pandas()
    assert len(rows) <= 62
    assert rows["tokens"].sum() == 5000
    for _, row in rows.iterrows():
        assert row["tokens"] == ((active >= row["active_from"]) & (active < row["active_to"])).sum()


@pytest.mark.parametrize(("values", "width"), [(60, 1), (61, 2), (120, 2), (121, 3)])
def test_at_most_sixty_bins_of_equal_whole_width_hold_the_values(
    tiny: Bundle, values: int, width: int
) -> None:
    table = {"kept": [True] * values + [False], "active_latents": [*range(7, 7 + values), 900]}
    bundle = with_tables(tiny, tokens=pa.table(table))
    rows = active_latents_per_token(bundle).rows.to_pandas()
    assert (rows["active_to"] - rows["active_from"] == width).all()
    assert rows["tokens"].sum() == values
    filled = rows[rows["tokens"] > 0]
    assert len(filled) == -(-values // width) <= 60
    assert filled["active_from"].iloc[0] == 7
    # One empty bin at each side.
    assert rows["tokens"].iloc[[0, -1]].tolist() == [0, 0] and len(rows) == len(filled) + 2


def test_max_activation_has_every_live_latent_with_selected_ones_on_top(tiny: Bundle) -> None:
    figure = max_activation_vs_density(tiny, THIRD)
    rows = figure.rows.to_pandas()
    table = tiny.latents.to_pandas()
    live = table[table["active_tokens"] > 0]
    assert set(rows["latent"]) == set(live["latent"])
    assert np.array_equal(rows["max"], table["max"][rows["latent"]].to_numpy())
    assert np.array_equal(rows["selected"], THIRD[rows["latent"]])
    assert rows["selected"].is_monotonic_increasing
    assert figure.selections == ("picked", "brushed_strengths")


def test_many_points_are_binned(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MOST_POINTS", 20)
    rows = max_activation_vs_density(tiny, THIRD).rows.to_pandas()
    table = tiny.latents.to_pandas()
    live = (table["active_tokens"] > 0).to_numpy()
    assert rows["latents"].sum() == live.sum()
    assert rows["selected"].sum() == (live & THIRD).sum()
    biggest = rows.loc[rows["latents"].idxmax()]
    inside = (
        (table["density"] >= biggest["density_from"] * (1 - 1e-9))
        & (table["density"] <= biggest["density_to"] * (1 + 1e-9))
        & (table["max"] >= biggest["max_from"] * (1 - 1e-6))
        & (table["max"] <= biggest["max_to"] * (1 + 1e-6))
    )
    assert inside.sum() >= biggest["latents"]


def test_flags_have_a_count_and_a_percentage(tiny: Bundle) -> None:
    drawn = max(flag_counts(tiny).chart.to_dict()["datasets"].values(), key=len)
    for row in drawn:
        count, share = row["text"].split("  ")
        assert int(count) == row["latents"]
        assert float(share.strip("()%\u00a0")) == pytest.approx(
            100 * row["latents"] / 120, rel=5e-3
        )


def test_the_bars_of_the_flags_leave_room_for_their_texts(tiny: Bundle) -> None:
    figure = flag_counts(tiny)
    largest = max(figure.rows["latents"].to_pylist())
    assert domain_of(figure, "x") == pytest.approx([0, 1.18 * largest])


def test_the_mean_is_drawn_at_its_value_and_is_the_l0_of_the_caption(tiny: Bundle) -> None:
    table = {"kept": [True] * 3 + [False], "active_latents": [1, 2, 4, 100]}
    bundle = with_tables(tiny, tokens=pa.table(table))
    figure = active_latents_per_token(bundle)
    (mark,) = drawn_rows(figure, "at", "text")
    assert mark["at"] == pytest.approx(7 / 3)
    assert mark["text"] == "mean (L0) 2.33"
    assert figure.caption.parameters["l0"] == 2.33


def test_points_are_in_the_order_of_their_ids_and_selected_ones_last(tiny: Bundle) -> None:
    rows = max_activation_vs_density(tiny, THIRD).rows.to_pandas()
    for selected in (False, True):
        assert rows["latent"][rows["selected"] == selected].is_monotonic_increasing


def test_points_are_binned_above_twenty_thousand(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health.MOST_POINTS == 20_000
    live = int((tiny.latents["active_tokens"].to_numpy() > 0).sum())
    every = int((tiny.latents["active_tokens"].to_numpy()[THIRD] > 0).sum())
    for most, drawn_as in ((live, "points"), (live - 1, "bins")):
        monkeypatch.setattr(health, "MOST_POINTS", most)
        figure = max_activation_vs_density(tiny, THIRD)
        assert figure.caption.parameters["drawn_as"] == drawn_as
        assert figure.caption.parameters["latents"] == f"{every} in colour of {live}"
        brushed = {"points": ("picked", "brushed_strengths"), "bins": ("brushed_bins",)}
        assert figure.selections == brushed[drawn_as]


def test_bins_divide_the_densities_into_90_steps_and_the_activations_into_54(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MOST_POINTS", 20)
    rows = max_activation_vs_density(tiny, THIRD).rows.to_pandas()
    latents = tiny.latents.to_pandas().query("active_tokens > 0")
    for name, steps in (("density", 90), ("max", 54)):
        whole = np.log10(latents[name].max()) - np.log10(latents[name].min())
        step = np.log10(rows[f"{name}_to"]) - np.log10(rows[f"{name}_from"])
        np.testing.assert_allclose(step, whole / steps, rtol=1e-4)


def test_the_histogram_of_active_latents_leaves_room_for_the_mean(tiny: Bundle) -> None:
    figure = active_latents_per_token(tiny)
    largest = max(figure.rows["tokens"].to_pylist())
    assert domain_of(figure, "y") == pytest.approx([0, 1.15 * largest])


def test_a_bar_stands_around_the_numbers_that_it_counts(tiny: Bundle) -> None:
    table = {"kept": [True] * 5, "active_latents": [32] * 5}
    figure = active_latents_per_token(with_tables(tiny, tokens=pa.table(table)))
    (bar,) = (row for row in drawn_rows(figure, "left", "right") if row["tokens"])
    assert (bar["left"], bar["right"], bar["active_from"], bar["last"]) == (31.5, 32.5, 32, 32)
    (mark,) = drawn_rows(figure, "at", "text")
    assert mark["at"] == 32
    assert str(figure.note).startswith("Every token has exactly 32 active latents")
    wide = with_tables(tiny, tokens=pa.table({"kept": [True] * 61, "active_latents": range(7, 68)}))
    first = next(r for r in drawn_rows(active_latents_per_token(wide), "left") if r["tokens"])
    assert (first["left"], first["right"], first["last"]) == (6.5, 8.5, 8)
    assert "wider range" in str(active_latents_per_token(wide).note)


@pytest.mark.parametrize(
    ("kept", "active", "equal"),
    [
        ([True] * 3, [32, 32, 32], True),
        ([True] * 3, [32, 32, 31], False),
        ([True, True, False], [32, 32, 31], True),
        ([False], [32], True),
    ],
)
def test_only_kept_tokens_have_equal_numbers(
    tiny: Bundle, kept: list[bool], active: list[int], equal: bool
) -> None:
    tokens = pa.table({"kept": kept, "active_latents": active})
    assert has_equal_tokens(with_tables(tiny, tokens=tokens)) is equal


def test_selected_latents_stand_out(tiny: Bundle) -> None:
    assert marks(flag_counts(tiny, THIRD)) == [
        "bar: opacity 0.3, x latents, y flag, color flag",
        "bar: x seen, y flag, color flag",
        "text: x latents, y flag, color ink, text text",
    ]
    assert marks(flag_counts(tiny)) == [
        "bar: opacity 1, x latents, y flag, color flag",
        "text: x latents, y flag, color ink, text text",
    ]
    assert marks(active_latents_per_token(tiny)) == [
        "rect: color accent, stroke paper, x left, x2 right, y tokens, y2 0",
        "rule: color highlight, x at",
        "text: color quiet ink, x at, y 6, text text",
    ]
    assert marks(max_activation_vs_density(tiny, THIRD)) == [
        "circle: x density, y max, color accent if datum.selected else unselected, opacity 0.65",
    ]


def test_a_latent_without_a_positive_activation_has_no_place_on_logarithmic_axes(
    tiny: Bundle,
) -> None:
    # A build with a negative --active-above has such latents.
    drawn = set(max_activation_vs_density(tiny, THIRD).rows["latent"].to_pylist())
    strength = tiny.latents["max"].to_pylist()
    below, *_ = drawn
    strength[below] = -0.5
    place = tiny.latents.column_names.index("max")
    latents = tiny.latents.set_column(place, "max", pa.array(strength, pa.float32()))
    figure = max_activation_vs_density(with_tables(tiny, latents=latents), THIRD)
    assert set(figure.rows["latent"].to_pylist()) == drawn - {below}
