"""Size and format of pictures, and errors of the process."""

import io
import os
import struct
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from PIL import Image

from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import Job
from analysis.serve.jobs.line import Line
from charts.core import picture

WIDTH, HEIGHT = 60, 40


def specification(rows: int = 3) -> dict[str, Any]:
    """A chart of red bars without padding, with this many rows."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": WIDTH,
        "height": HEIGHT,
        "padding": 0,
        "background": "#00ff00",
        "config": {"view": {"stroke": None}},
        "datasets": {"rows": [{"x": i} for i in range(rows)]},
        "data": {"name": "rows"},
        "mark": {"type": "rect", "color": "#ff0000"},
        "encoding": {"y": {"value": 0}, "y2": {"value": HEIGHT / 2}},
    }


def test_a_png_has_two_pixels_per_unit_and_the_colours_of_the_chart() -> None:
    data = picture.png(specification(), "Bars")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (2 * WIDTH, 2 * HEIGHT)
    drawn = Image.open(io.BytesIO(data)).convert("RGB")
    assert drawn.getpixel((WIDTH, HEIGHT // 2)) == (255, 0, 0)
    assert drawn.getpixel((WIDTH, 3 * HEIGHT // 2)) == (0, 255, 0)


def test_an_svg_has_one_unit_per_unit() -> None:
    root = ET.fromstring(picture.svg(specification(), "Bars"))
    assert (root.get("width"), root.get("height")) == (str(WIDTH), str(HEIGHT))


def test_the_script_is_cached_and_embeds_charts() -> None:
    script = picture.javascript()
    assert "vegaEmbed" in script and len(script) > 500_000
    assert picture.javascript() is script


def test_the_rows_of_all_datasets_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MOST_ROWS", 5)
    picture.check_size({"datasets": {"a": [{}] * 2, "b": [{}] * 3}}, "Bars")
    picture.check_size({}, "Bars")
    with pytest.raises(InputError, match=r"^Bars: 6 drawn rows are too many .* \(at most 5\)"):
        picture.check_size({"datasets": {"a": [{}] * 3, "b": [{}] * 3}}, "Bars")
    for draw in (picture.png, picture.svg):
        with pytest.raises(InputError, match="6 drawn rows are too many"):
            draw(specification(6), "Bars")


def test_a_picture_has_at_most_fifty_thousand_rows() -> None:
    picture.check_size({"datasets": {"a": [{}] * 50_000}}, "Bars")
    with pytest.raises(InputError, match=r"50,001 drawn rows are too many .* \(at most 50,000\)"):
        picture.check_size({"datasets": {"a": [{}] * 50_001}}, "Bars")


def test_a_drawing_that_fails_ends_or_takes_too_long_gives_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(
        InputError,
        match=r"^Bars: could not be drawn \(ValueError: .*: TypeError: .*\); export .* fewer\.$",
    ):
        picture.svg({"$schema": specification()["$schema"], "mark": "no such mark"}, "Bars")
    line = Line(1, 0.5)
    monkeypatch.setattr(picture, "shared_line", lambda: line)
    monkeypatch.setattr(picture, "Job", lambda _, *rest: Job(os.abort, (), *rest[1:]))
    with pytest.raises(InputError, match=r"^Bars: the process that made it has ended .* Parquet"):
        picture.png(specification(), "Bars")
    monkeypatch.setattr(picture, "Job", lambda _, *rest: Job(time.sleep, (600,), *rest[1:]))
    with pytest.raises(InputError, match=r"^Bars: took longer than 0\.5 s .* select fewer\.$"):
        picture.svg(specification(), "Bars")
    line.close()
