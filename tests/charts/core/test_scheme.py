"""The dark form of charts: no light colour is left, texts can be read, and data is not touched."""

import base64
import io
import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from analysis.bundle import Bundle
from charts.contexts import context_strips
from charts.core import theme
from charts.core.export import export
from charts.core.figure import Figure
from charts.core.scheme import dark_of, in_dark, in_scheme, rows_in_dark
from charts.density import density_histogram
from charts.map import latent_map
from tests.charts.core.test_export import every_figure

DARK_PANEL = "#1b2329"
LIGHT_PANEL = "#f5f7f8"
READABLE = 4.5
"""Least contrast of text, WCAG 2.1, 1.4.3."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}|white|black")


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.1."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def mixed(first: str, second: str, share: float) -> str:
    """The colour at a share of the way from the first to the second, in RGB."""
    ends = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (first, second)]
    parts = (round(a + share * (b - a)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def colours_in(part: Any) -> Iterator[str]:
    if isinstance(part, str) and _COLOUR.fullmatch(part):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from colours_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from colours_in(value)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_colour_of_every_figure_has_a_counterpart(tiny: Bundle) -> None:
    dark_colours = set(theme.DARK.values())
    for figure in every_figure(tiny):
        used = set(colours_in(figure.specification()))
        assert theme.PAPER in used
        assert used <= theme.DARK.keys(), (figure.name, used - theme.DARK.keys())
        dark = figure.in_scheme("dark").specification()
        assert set(colours_in(dark)) <= dark_colours, figure.name
        assert dark["config"]["background"] == theme.DARK_PAPER


def test_only_colours_change(tiny: Bundle) -> None:
    for figure in every_figure(tiny):
        dark = figure.in_scheme("dark")
        assert _without_colours(dark.specification()) == _without_colours(figure.specification())
        assert dark.texts == figure.texts
        assert dark.rows.column_names == figure.rows.column_names
        assert figure.in_scheme("light") is figure
        assert dark.in_scheme("dark") is dark


def _without_colours(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without_colours(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_without_colours(value) for value in part]
    return "colour" if isinstance(part, str) and _COLOUR.fullmatch(part) else part


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(scheme: str) -> None:
    def shown(colour: str) -> str:
        return colour if scheme == "light" else dark_of(colour)

    paper, ink = shown(theme.PAPER), shown(theme.INK)
    panel = LIGHT_PANEL if scheme == "light" else DARK_PANEL
    texts = (theme.INK, theme.QUIET_INK, theme.A_COLOUR, theme.B_COLOUR, theme.BOTH_COLOUR)
    for text in (*texts, theme.HIGHLIGHT, theme.ACCENT):
        assert contrast(shown(text), paper) >= READABLE, text
    assert contrast(ink, panel) >= READABLE and contrast(shown(theme.QUIET_INK), panel) >= READABLE
    # Words stand on every shade of these scales.
    for scale in (theme.ACTIVATION_RANGE, theme.PALE_DIVERGING, theme.PALE_SEQUENTIAL):
        for first, second in itertools.pairwise(scale):
            for share in np.linspace(0, 1, 11).tolist():
                assert contrast(ink, mixed(shown(first), shown(second), share)) >= READABLE
    assert contrast(ink, shown(theme.UNSELECTED)) >= READABLE


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_low_values_are_near_the_background(scheme: str) -> None:
    def away(colour: str) -> float:
        shown = colour if scheme == "light" else dark_of(colour)
        return contrast(shown, theme.PAPER if scheme == "light" else theme.DARK_PAPER)

    for scale in (theme.SEQUENTIAL, theme.CELLS, theme.PALE_SEQUENTIAL, theme.SEQUENTIAL_POINTS):
        steps = [away(colour) for colour in scale]
        assert steps == sorted(steps) and steps[-1] > 2 * steps[0]
    for diverging in (theme.DIVERGING, theme.PALE_DIVERGING):
        middle = len(diverging) // 2
        assert away(diverging[middle]) == min(map(away, diverging)) < 1.3
    assert away(theme.UNSELECTED) < 2 < away(theme.NO_CLUSTER) + 0.4


def test_clusters_stand_out_from_the_dark_background_and_differ() -> None:
    dark = [dark_of(colour) for colour in theme.CLUSTER_COLOURS]
    assert len(set(dark)) == len(theme.CLUSTER_COLOURS)
    assert min(contrast(colour, theme.DARK_PAPER) for colour in dark) >= 3


def test_orange_is_for_activation_only() -> None:
    def is_orange(colour: str) -> bool:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return red > 1.25 * green > 2 * blue and red - blue > 100

    assert is_orange(theme.A_COLOUR) and is_orange(theme.ACTIVATION_RANGE[1])
    others = [*theme.FLAG_COLOURS.values(), *theme.UNIT_COLOURS, *theme.RELATION_COLOURS]
    scales = [*theme.SEQUENTIAL, *theme.DIVERGING, *theme.PALE_SEQUENTIAL, *theme.PALE_DIVERGING]
    assert not any(map(is_orange, [*others, *scales, theme.ACCENT]))


def test_data_and_texts_that_look_like_colours_are_kept() -> None:
    white, dark = theme.PAPER, theme.DARK_PAPER
    part = {
        "title": white,
        "mark": {"type": "rect", "stroke": white},
        "encoding": {
            "y": {"sort": [white], "scale": {"domain": [white], "range": [white, theme.INK]}},
            "text": {"value": white},
            "color": {"condition": {"test": "datum.on", "value": white}, "value": "#123456"},
        },
        "data": {"values": [{"label": white, "colour": white}, {"label": white}]},
        "datasets": {"rows": [{"label": white, "colour": white}]},
        "axis": {"values": [0, 1]},
    }
    changed = in_dark(part)
    assert changed["title"] == white and changed["encoding"]["y"]["sort"] == [white]
    assert changed["encoding"]["y"]["scale"] == {"domain": [white], "range": [dark, "#e4eaee"]}
    assert changed["mark"] == {"type": "rect", "stroke": dark}
    assert changed["encoding"]["text"]["value"] == dark
    assert changed["encoding"]["color"]["condition"]["value"] == dark
    assert changed["encoding"]["color"]["value"] == "#123456"
    assert changed["data"]["values"] == [{"label": white, "colour": dark}, {"label": white}]
    assert changed["datasets"]["rows"] == [{"label": white, "colour": dark}]
    assert changed["axis"] == {"values": [0, 1]}
    assert part["mark"] == {"type": "rect", "stroke": white}


def test_the_colours_of_rows_change_and_missing_ones_stay() -> None:
    rows = pa.table({"label": [theme.PAPER] * 3, "colour": [theme.INK, None, "#123456"]})
    dark = rows_in_dark(rows)
    assert dark["label"].to_pylist() == [theme.PAPER] * 3
    assert dark["colour"].to_pylist() == [theme.DARK[theme.INK], None, "#123456"]
    assert rows_in_dark(rows.select(["label"])).equals(rows.select(["label"]))
    assert in_scheme([theme.PAPER], "light") == [theme.PAPER]
    assert in_scheme([theme.PAPER], "dark") == [theme.DARK_PAPER]


def _corner(png: bytes) -> tuple[int, ...]:
    pixel = Image.open(io.BytesIO(png)).convert("RGB").getpixel((2, 2))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def test_files_have_the_scheme_of_the_screen(tiny: Bundle) -> None:
    light = density_histogram(tiny)
    dark = light.in_scheme("dark")
    assert _corner(export(light, "png")) == (255, 255, 255)
    assert _corner(export(dark, "png")) == (0x12, 0x18, 0x1D)
    page = export(dark, "html").decode()
    assert f"background: {theme.DARK_PAPER}" in page and "color-scheme: dark" in page
    assert f"background: {theme.PAPER}" not in page
    assert f'fill="{theme.DARK_PAPER}"' in export(dark, "svg").decode()
    assert f"background: {theme.PAPER}" in export(light, "html").decode()


def test_an_image_of_a_map_is_dark(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charts.map.MOST_POINTS", 10)
    figure = latent_map(tiny, scheme="dark").in_scheme("dark")
    (url,) = (value for value in _strings(figure.specification()) if value.startswith("data:"))
    raw = base64.b64decode(url.split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(raw))).reshape(-1, 3)
    assert (pixels == [0x12, 0x18, 0x1D]).all(1).mean() > 0.8


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _strings(value)
    elif isinstance(part, list):
        for value in part:
            yield from _strings(value)


def test_the_browser_gets_the_same_streams_unless_rows_have_colours(
    tiny: Bundle,
) -> None:
    def streams(figure: Figure) -> dict[str, bytes]:
        sent: dict[str, bytes] = figure.for_browser()["datasets"]
        return sent

    strips = context_strips(tiny, 20)
    assert streams(strips.in_scheme("dark")) == streams(strips)
    assert strips.in_scheme("dark").chart is strips.in_scheme("dark").chart
