"""A specification becomes one picture."""

import struct
from pathlib import Path
from typing import Any

import pytest
import vl_convert

from charts.core import convert

POINT: dict[str, Any] = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "width": 30,
    "height": 20,
    "padding": 0,
    "config": {"view": {"stroke": None}},
    "data": {"values": [{}]},
    "mark": "point",
}


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_png_has_the_size_of_the_chart_times_the_scale(scale: float) -> None:
    data = convert.convert("png", POINT, scale)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (30 * scale, 20 * scale)


def test_svg_and_script_are_text() -> None:
    assert convert.convert("svg", POINT, 1.0).startswith(b"<svg")
    assert b"window.vegaEmbed" in convert.convert("javascript", {}, 1.0)


def test_fonts_are_registered_only_if_there_are_any(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registered: list[str] = []
    monkeypatch.setattr(vl_convert, "register_font_directory", registered.append)
    monkeypatch.setattr(convert, "FONTS", tmp_path / "none")
    convert.convert("svg", POINT, 1.0)
    assert registered == []
    monkeypatch.setattr(convert, "FONTS", tmp_path)
    convert.convert("svg", POINT, 1.0)
    assert registered == [str(tmp_path)]


def test_a_chart_reads_nothing_from_the_network() -> None:
    spec = POINT | {"data": {"url": "http://127.0.0.1:9/rows.json"}}
    with pytest.raises(ValueError, match="External data url not allowed"):
        convert.convert("svg", spec, 1.0)
