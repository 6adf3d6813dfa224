"""Bars on numbered lines: equal names stay apart, and texts sort like the rows."""

import html
import json

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
import vl_convert

from charts.core.drawing import named, template
from charts.core.named_lines import height_of, labels_of, named_lines, with_lines


def test_lines_sort_like_the_rows() -> None:
    rows = pa.table({"x": list(range(120))})
    lined = with_lines(rows, name=["same"] * 120, sure=np.arange(120) % 2 == 0)
    lines = lined["line"].to_pylist()
    assert lines == sorted(lines) and len(set(lines)) == 120
    assert lined["sure"].to_pylist()[:3] == [True, False, True]
    assert lined.column_names == ["x", "line", "name", "sure"]


def test_no_rows_keep_their_types() -> None:
    lined = with_lines(pa.table({"x": pa.array([], pa.int64())}), name=[], sure=np.zeros(0, bool))
    assert [lined.schema.field(name).type for name in ("line", "name", "sure")] == [
        pa.string(), pa.string(), pa.bool_(),
    ]  # fmt: skip
    assert height_of(lined) == 66


def test_names_are_taken_by_the_number_of_the_line() -> None:
    assert json.loads(labels_of(["ä", "b"])) == ["ä", "b"]
    encoding = named_lines(190).to_dict()
    assert isinstance(encoding, dict)
    axis = encoding["axis"]
    assert "[+datum.value]" in axis["labelExpr"] and axis["labelOverlap"] is False


@pytest.mark.parametrize(
    "name", ["if", "else", "data", "datum", 'a "quoted" one', "back\\slash", ""]
)
def test_any_name_is_drawn(name: str) -> None:
    """Vega fails on the text "if" in an expression."""
    rows = with_lines(pa.table({"x": [1, 2]}), name=[name, "other"])
    chart = template(
        lambda: alt.Chart(named("rows")).mark_bar().encode(x="x:Q", y=named_lines(190))
    )
    drawing = chart().draw({"rows": rows}, labels=labels_of([name, "other"]), height=90)
    svg = vl_convert.vegalite_to_svg(drawing.to_dict())
    assert f">{html.escape(name, quote=False)}<" in svg.replace("&quot;", '"') and ">other<" in svg
