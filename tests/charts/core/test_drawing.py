"""Specifications without data, their slots, and the rows that are attached at the end."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
from altair.utils.schemapi import SchemaValidationError

from charts.core import drawing
from charts.core.drawing import Drawing, Template, drawable, each, named, slot, template
from charts.core.theme import config, layered, styled

made: list[bool] = []


@template
def _bars(coloured: bool) -> alt.LayerChart:
    made.append(coloured)
    x = alt.X(
        "value:Q",
        scale=alt.Scale(domain=[0, slot("most")]),
        axis=alt.Axis(values=each("ticks"), labelExpr=f"datum.value < {slot('edge')} ? 'low' : ''"),
    )
    y = alt.Y("name:N", sort=each("names"))
    mark = alt.Chart(named("rows")).mark_bar(strokeWidth=alt.ExprRef(slot("line")))
    bars = mark.encode(x=x, y=y, color=alt.value("#123456" if coloured else "#ffffff"))
    return layered(bars, alt.Chart(named("lines")).mark_rule().encode(x="at:Q"))


ROWS = pa.table({"name": ["b", "a"], "value": [1.0, 2.0]})
LINES = pa.table({"at": [1.5]})


def _drawn() -> Drawing:
    return _bars(True).draw(
        {"rows": ROWS, "lines": LINES},
        most=2.5, ticks=[0, 1], edge=0.25, names=["a", "b"], line=3, height=120,
    )  # fmt: skip


def test_a_specification_is_made_once_for_each_setting() -> None:
    made.clear()
    _bars.cache_clear()  # type: ignore[attr-defined]
    assert _bars(True) is _bars(True)
    assert _bars(False) is not _bars(True)
    assert made == [True, False]


def test_sessions_that_draw_a_chart_first_at_once_share_its_specification() -> None:
    together, building, may_end = Barrier(3), Event(), Event()
    built: list[str] = []

    @template
    def slow(name: str) -> alt.Chart:
        built.append(name)
        building.set()
        assert may_end.wait(60)
        return alt.Chart(named("rows")).mark_bar()

    def draw(_: int) -> Template:
        together.wait(60)
        return slow("bars")

    with ThreadPoolExecutor(3) as pool:
        drawn = [pool.submit(draw, number) for number in range(3)]
        assert building.wait(60)
        may_end.set()
        assert len({id(one.result(60)) for one in drawn}) == 1
    assert built == ["bars"]


def test_a_chart_keeps_a_bounded_number_of_specifications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing, "MOST_TEMPLATES", 2)
    built: list[int] = []

    @template
    def bars(size: int) -> alt.Chart:
        built.append(size)
        return alt.Chart(named("rows")).mark_bar(size=size)

    for size in (0, 1, 2, 2, 1, 0):
        bars(size)
    assert built == [0, 1, 2, 0]


def test_a_filled_specification_equals_the_chart_with_these_values() -> None:
    x = alt.X(
        "value:Q",
        scale=alt.Scale(domain=[0, 2.5]),
        axis=alt.Axis(values=[0, 1], labelExpr="datum.value < 0.25 ? 'low' : ''"),
    )
    y = alt.Y("name:N", sort=["a", "b"])
    bars = alt.Chart({"values": ROWS.to_pylist(), "name": "rows"}).mark_bar(strokeWidth=3)
    lines = alt.Chart({"values": LINES.to_pylist(), "name": "lines"}).mark_rule()
    expected = layered(
        bars.encode(x=x, y=y, color=alt.value("#123456")), lines.encode(x="at:Q"), height=120
    ).to_dict()
    for layer in expected["layer"]:
        del layer["data"]["values"]
    expected |= {"config": config()}
    expected["datasets"] = {"rows": ROWS.to_pylist(), "lines": LINES.to_pylist()}
    assert _drawn().to_dict() == expected
    assert alt.LayerChart.from_dict(_drawn().to_dict())


def test_a_template_is_validated() -> None:
    @template
    def _wrong(colour: Any) -> alt.Chart:
        return styled(alt.Chart(named("rows")).mark_bar(color=colour))

    with pytest.raises(SchemaValidationError):
        _wrong(5)


@pytest.mark.parametrize("change", [{"most": None}, {"other": 1}])
def test_every_slot_needs_a_value_and_no_other_is_allowed(change: dict[str, object]) -> None:
    values = {"most": 1, "ticks": [], "edge": 0, "names": [], "line": 1, "height": 9}
    if "most" in change:
        del values["most"]
        change = {}
    with pytest.raises(ValueError, match="Slots"):
        _bars(True).draw({}, **values, **change)


def test_filling_does_not_change_the_template() -> None:
    before = json.dumps(_bars(True).specification)
    _drawn()
    assert json.dumps(_bars(True).specification) == before
    assert _bars(True).slots == {"most", "ticks", "edge", "names", "line", "height"}


def test_text_of_the_data_is_never_read_as_a_slot() -> None:
    @template
    def _title() -> alt.Chart:
        return styled(alt.Chart(named("rows")).mark_bar().encode(x=alt.X("a:Q", title=slot("t"))))

    drawn = _title().draw({"rows": pa.table({"a": ["⟦t⟧"]})}, t="⟦height⟧", height=5).to_dict()
    assert drawn["encoding"]["x"]["title"] == "⟦height⟧"
    assert drawn["datasets"]["rows"] == [{"a": "⟦t⟧"}]


def test_the_browser_gets_the_values_of_the_files() -> None:
    rows = pa.table(
        {
            "single": np.array([0.1, np.nan, 1e-7, -np.inf], np.float32),
            "double": pa.array([0.1, np.inf, None, np.nan]),
            "whole": pa.array([2**40, None, -3, 0], pa.int64()),
            "yes": pa.array([True, None, False, True]),
            "flag": pa.array(["live", None, "dead", "live"]).dictionary_encode(),
            "text": ["a", "⟦x⟧", "", "\u202e"],
        }
    )

    @template
    def _points() -> alt.Chart:
        return styled(alt.Chart(named("rows")).mark_point().encode(x="single:Q"), 100)

    drawn = _points().draw({"rows": rows.slice(0, 4)})
    values = drawn.to_dict()["datasets"]["rows"]
    assert values == [
        {"single": 0.1, "double": 0.1, "whole": 2**40, "yes": True, "flag": "live", "text": "a"},
        {"single": None, "double": None, "whole": None, "yes": None, "flag": None, "text": "⟦x⟧"},
        {"single": 1e-7, "double": None, "whole": -3, "yes": False, "flag": "dead", "text": ""},
        {"single": None, "double": None, "whole": 0, "yes": True, "flag": "live", "text": "\u202e"},
    ]
    json.dumps(values, allow_nan=False)
    stream = drawn.for_browser()["datasets"]["rows"]
    sent = pa.ipc.open_stream(stream).read_all()
    assert sent.to_pylist() == values
    assert not any(pa.types.is_dictionary(kind) for kind in sent.schema.types)
    assert {k: v for k, v in drawn.for_browser().items() if k != "datasets"} == {
        k: v for k, v in drawn.to_dict().items() if k != "datasets"
    }


def test_many_rows_are_sent_with_each_text_once_and_whole_numbers_of_32_bits() -> None:
    n = drawing.MANY_ROWS
    rows = pa.table(
        {
            "text": pa.chunked_array([["é", "", None, "b"] * (n // 8)] * 2),
            "own": [f"name {i}" for i in range(n)],
            "whole": pa.array([None, -(2**31), 2**31 - 1, 0] * (n // 4), pa.int64()),
            "large": pa.array([0, 2**31] * (n // 2), pa.int64()),
            "low": pa.array([0, -(2**31) - 1] * (n // 2), pa.int64()),
            "nothing": pa.nulls(n, pa.int64()),
        }
    )

    def sent(rows: pa.Table) -> pa.Table:
        stream = Drawing({}, {"rows": rows}).for_browser()["datasets"]["rows"]
        return pa.ipc.open_stream(stream).read_all()

    many, few = sent(rows), sent(rows.slice(1))
    assert many.to_pylist() == rows.to_pylist() and few.to_pylist() == rows.slice(1).to_pylist()
    assert few.schema.types == rows.schema.types
    text, own, whole, *others = many.schema.types
    assert text == pa.dictionary(pa.int32(), pa.string()) and own == pa.string()
    assert whole == pa.int32() and others == [pa.int64()] * 3


def test_rows_without_columns_are_drawable() -> None:
    assert drawable(pa.Table.from_pylist([])).num_rows == 0
    drawn = _bars(True).draw(
        {"rows": pa.Table.from_pylist([])},
        most=1, ticks=[], edge=0, names=[], line=1, height=9,
    )  # fmt: skip
    assert drawn.to_dict()["datasets"] == {"rows": []}


def test_single_precision_has_its_own_digits() -> None:
    values = np.random.default_rng(0).lognormal(0, 12, 2000).astype(np.float32)
    drawn = drawable(pa.table({"v": values}))["v"].to_pylist()
    assert drawn == [float(str(value)) for value in values]
