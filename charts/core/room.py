"""How high a chart will be on a page, estimated before it is drawn.

Pages reserve this room, so that what is below a chart does not move when the chart arrives.
"""

from collections.abc import Iterator, Mapping
from typing import Any

MARGIN = 20
"""Pixels above and below the plot."""
TITLE = 22
"""Pixels of the title of the horizontal axis, and as many of its numbers."""
NAMES = 140
"""Pixels of names that are written upwards below the plot."""
LEGEND = 46
"""Pixels of a legend above or below the plot."""


def height_of(specification: Mapping[str, Any], rows: int = 0) -> int:
    """The estimated height in pixels of a specification of Vega-Lite with a fixed height.

    `rows` counts those of a chart with a height for each.
    """
    height = specification.get("height")
    if isinstance(height, Mapping) and "step" in height:
        height = height["step"] * rows
    if not isinstance(height, int | float):
        return 0
    encodings = list(_encodings(specification))
    rooms = [_below(encoding["x"]) for encoding in encodings if "x" in encoding]
    legend = any(_is_level(channel) for encoding in encodings for channel in encoding.values())
    return round(height + MARGIN + max(rooms, default=0) + (LEGEND if legend else 0))


def _encodings(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield part.get("encoding", {})
    for layer in part.get("layer", ()):
        yield from _encodings(layer)


def _below(x: Mapping[str, Any]) -> int:
    """Pixels below the plot for a channel x."""
    if "field" not in x or x.get("axis", ...) is None:
        return 0
    if x.get("type") in ("nominal", "ordinal") and x.get("title", ...) is None:
        return NAMES
    return TITLE + (TITLE if x.get("title") else 0)


def _is_level(channel: Any) -> bool:
    """Whether a channel has a legend above or below the plot."""
    if not isinstance(channel, Mapping):
        return False
    legend = channel.get("legend") or channel.get("condition", {})
    if isinstance(legend, Mapping) and "legend" in legend:
        legend = legend["legend"]
    return isinstance(legend, Mapping) and legend.get("orient") in ("top", "bottom")
