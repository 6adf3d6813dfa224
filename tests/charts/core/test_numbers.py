"""Formats of axes and tooltips give the same text as the functions for text."""

import json
import re

import altair as alt
import pytest
import vl_convert

from analysis.runtime import numbers as text
from charts.core.numbers import COUNT, DENSITY, FRACTION, NUMBER, PERCENT, density_tooltips
from charts.core.theme import styled


def drawn(values: list[float], form: str) -> list[str]:
    """The text that Vega draws for the values with this format."""
    chart = (
        alt.Chart({"values": [{"v": value, "row": i} for i, value in enumerate(values)]})
        .mark_text()
        .encode(y=alt.Y("row:O", axis=None), text=alt.Text("v:Q", format=form))
    )
    svg = vl_convert.vegalite_to_svg(styled(chart, 100).to_dict(), allowed_base_urls=[])
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(
    "form, write, values",
    [
        (COUNT, text.count, [0, 999, 12345, 1234567, -12]),
        (NUMBER, text.short, [0.45, 0.456789, -0.3, 12.34, 1234, 1234567, 0.000495]),
        (FRACTION, text.fraction, [0.45, 1, -0.1239, 0.5]),
        (PERCENT, text.percent, [0.61, 1, 0.12345, 0.000123, -0.5]),
        (DENSITY, text.power, [1.2e-4, 0.25, 3.456e-7]),
    ],
)
def test_vega_writes_the_same_text(form: str, write: object, values: list[float]) -> None:
    assert callable(write)
    assert drawn(values, form) == [write(value) for value in values]


def test_a_density_has_a_number_and_a_percentage_in_its_tooltip() -> None:
    tooltips = density_tooltips()
    one, other = (json.loads(tooltip.to_json()) for tooltip in tooltips)
    assert (one["field"], one["format"], one["title"]) == ("density", ".1e", "density")
    assert (other["field"], other["title"]) == ("density", "density in %")
    assert drawn([0.012], other["format"]) == ["1.2\u00a0%"]
