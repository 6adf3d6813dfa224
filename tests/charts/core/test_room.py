"""The room that a page reserves for a chart, beside the height that it was drawn with."""

import io

import pytest
from PIL import Image

from analysis.bundle import Bundle
from charts.core import picture
from charts.core.figure import Figure
from charts.core.room import LEGEND, MARGIN, NAMES, TITLE, height_of
from tests.charts.core.test_export import every_figure


def _drawn_height(figure: Figure) -> float:
    image = Image.open(io.BytesIO(picture.png(figure.specification(), figure.title)))
    return image.height / picture.SCALE


def test_the_estimate_is_near_the_drawn_height(tiny: Bundle) -> None:
    names = ("density-histogram", "flag-counts", "latent-20-contexts-top", "pair-5-13-expected")
    figures = [figure for figure in every_figure(tiny) if figure.name in names]
    assert len(figures) >= 3
    for figure in figures:
        assert height_of(figure.specification()) == pytest.approx(_drawn_height(figure), abs=30)


def test_axes_and_legends_take_room() -> None:
    value = {"field": "v", "type": "quantitative"}
    plain = {"height": 100, "encoding": {"x": value | {"axis": None}, "y": value}}
    assert height_of(plain) == 100 + MARGIN
    assert height_of(plain | {"encoding": {"x": value}}) == 100 + MARGIN + TITLE
    titled = {"encoding": {"x": value | {"title": "tokens"}}}
    assert height_of({"height": 100, "layer": [plain, titled]}) == 100 + MARGIN + 2 * TITLE
    names = {"encoding": {"x": {"field": "n", "type": "nominal", "title": None}}}
    assert height_of({"height": 100} | names) == 100 + MARGIN + NAMES
    top = {"encoding": {"color": value | {"legend": {"orient": "top"}}}}
    assert height_of({"height": 100} | top) == 100 + MARGIN + LEGEND
    right = {"encoding": {"color": value | {"legend": {"orient": "right"}}}}
    assert height_of({"height": 100} | right) == 100 + MARGIN
    chosen = {"encoding": {"color": {"condition": value | {"legend": {"orient": "top"}}}}}
    assert height_of({"height": 100} | chosen) == 100 + MARGIN + LEGEND


def test_a_chart_without_a_fixed_height_reserves_nothing() -> None:
    assert height_of({"height": "container"}) == 0


def test_the_parts_of_a_chart_have_their_room() -> None:
    assert (MARGIN, TITLE, NAMES, LEGEND) == (20, 22, 140, 46)
