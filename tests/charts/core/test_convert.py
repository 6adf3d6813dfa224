"""The worker reads one job and writes one picture."""

import io
import json
import struct
import sys
import types
from typing import Any

import pytest
import vl_convert

from charts.core import convert

POINT = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "width": 30,
    "height": 20,
    "padding": 0,
    "config": {"view": {"stroke": None}},
    "data": {"values": [{}]},
    "mark": "point",
}


def output_of(monkeypatch: pytest.MonkeyPatch, **job: Any) -> bytes:
    """The output of the worker for a job."""
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"fonts": "", "spec": POINT, **job})))
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=out))
    convert.main()
    return out.getvalue()


@pytest.mark.parametrize("scale", [1, 3])
def test_a_png_has_the_size_of_the_chart_times_the_scale(
    monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    data = output_of(monkeypatch, kind="png", scale=scale)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (30 * scale, 20 * scale)


def test_svg_and_script_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_of(monkeypatch, kind="svg", scale=1).startswith(b"<svg")
    assert b"window.vegaEmbed" in output_of(monkeypatch, kind="javascript", scale=1)


def test_fonts_are_registered_only_if_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    monkeypatch.setattr(vl_convert, "register_font_directory", registered.append)
    output_of(monkeypatch, kind="svg", scale=1)
    assert registered == []
    output_of(monkeypatch, kind="svg", scale=1, fonts="/fonts")
    assert registered == ["/fonts"]


def test_a_chart_reads_nothing_from_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = POINT | {"data": {"url": "http://127.0.0.1:9/rows.json"}}
    with pytest.raises(ValueError, match="External data url not allowed"):
        output_of(monkeypatch, kind="svg", scale=1, spec=spec)
