"""The bytes that the browser draws the colours of a map from."""

import json
from typing import Any

import pytest

from analysis.bundle import Bundle
from charts.map_columns import colouring
from charts.packed_colours import packed


def unpacked(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + length]), content[4 + length :]


@pytest.mark.parametrize("name", ["cluster", "density"])
def test_the_packed_form_holds_everything_a_legend_needs(tiny: Bundle, name: str) -> None:
    colours = colouring(tiny, name)
    header, codes = unpacked(packed(colours))
    assert codes == colours.codes.tobytes()
    assert int.from_bytes(packed(colours)[:4], "little") % 4 == 0
    assert header["bytes"] == colours.codes.dtype.itemsize
    largest = int(colours.codes.max())
    assert len(header["palette"]["light"]) == len(header["palette"]["dark"]) > largest
    assert [entry["total"] for entry in header["entries"]] == [e.total for e in colours.entries]
    assert (header["scale"] is None) == (name == "cluster")
