"""What a reader sees in a figure: the drawn rows and the ends of its scales."""

from collections.abc import Iterator
from typing import Any

from charts.core import theme
from charts.core.figure import Figure

Row = dict[str, Any]


def drawn_rows(figure: Figure, *columns: str) -> list[Row]:
    """The rows of the first data set of the specification that has these columns."""
    for rows in every_data_set(figure):
        if rows and set(columns) <= set(rows[0]):
            return list(rows)
    return []


def every_data_set(figure: Figure) -> list[list[Row]]:
    """The rows of every data set of the specification."""
    specification = figure.specification()
    return [*specification.get("datasets", {}).values(), *_values(specification)]


def domain_of(figure: Figure, channel: str) -> list[float]:
    """The ends of the scale of a channel, in the first layer that states them."""
    for encoding in encodings(figure):
        scale = encoding.get(channel, {}).get("scale")
        if scale and "domain" in scale:
            domain = scale["domain"]
            return [domain[0], domain[-1]]
    raise AssertionError(f"no layer has a domain of {channel}")


def encodings(figure: Figure) -> list[dict[str, Any]]:
    """The encoding of every layer."""
    specification = figure.specification()
    layers = specification.get("layer", [specification])
    return [layer.get("encoding", {}) for layer in layers]


CHANNELS = (
    "x", "x2", "y", "y2", "color", "fillOpacity", "stroke", "opacity", "size", "strokeWidth",
    "shape", "text", "url",
)  # fmt: skip
OF_MARKS = ("color", "stroke", "opacity", "filled")
COLOURS = {
    getattr(theme, name): name.lower().replace("_", " ")
    for name in (
        "ACCENT", "ACCENT_LIGHT", "INK", "QUIET_INK", "GRID", "RULE", "UNSELECTED",
        "UNSELECTED_DEAD", "POSITIVE", "NEGATIVE", "HIGHLIGHT", "PAPER", "A_COLOUR", "BOTH_COLOUR",
    )
} | {theme.FLAG_COLOURS["dead"]: "dead"}  # fmt: skip
RAMPS = {
    tuple(getattr(theme, name)): name.lower()
    for name in ("SEQUENTIAL", "CELLS", "DIVERGING", "PALE_DIVERGING", "SEQUENTIAL_POINTS")
}


def marks(figure: Figure) -> list[str]:
    """Each layer from the back to the front: its mark, and what each channel of it shows.

    That is a field, a value or an expression, or `A if condition else B`; colours have the names
    of `charts.core.theme`. Behind a field is the range of its scale if it is a pair of numbers or a
    known ramp. `only` is the filter of a layer; fields that it calculates come last.
    """
    specification = figure.specification()
    return [_layer(layer) for layer in specification.get("layer", [specification])]


def _layer(layer: dict[str, Any]) -> str:
    mark, encoding = layer["mark"], layer.get("encoding", {})
    mark = mark if isinstance(mark, dict) else {"type": mark}
    shown = {name: _value(mark[name]) for name in OF_MARKS if name in mark}
    shown |= {name: _meaning(encoding[name]) for name in CHANNELS if name in encoding}
    for step in layer.get("transform", []):
        shown |= {"only": str(step["filter"])} if "filter" in step else {}
        shown |= {f"{step['as']} =": step["calculate"]} if "calculate" in step else {}
    return f"{mark['type']}: {', '.join(f'{name} {meaning}' for name, meaning in shown.items())}"


def _meaning(channel: dict[str, Any]) -> str:
    if "condition" in channel:
        condition = channel["condition"]
        other = _meaning({name: part for name, part in channel.items() if name != "condition"})
        return f"{_meaning(condition)} if {condition['test']} else {other}"
    if "field" not in channel:
        return _value(channel["value"] if "value" in channel else channel["datum"])
    ends = (channel.get("scale") or {}).get("range", ())
    if len(ends) == 2 and all(isinstance(end, int | float) for end in ends):
        return f"{channel['field']} from {ends[0]:g} to {ends[1]:g}"
    ramp = RAMPS.get(tuple(ends)) if isinstance(ends, list) else None
    return f"{channel['field']} in {ramp}" if ramp else str(channel["field"])


def _value(value: Any) -> str:
    text = value["expr"] if isinstance(value, dict) else str(value)
    return COLOURS.get(text, text)


def _values(part: Any) -> Iterator[list[Row]]:
    """The rows that are written inside the specification."""
    if isinstance(part, dict):
        if isinstance(part.get("data"), dict) and "values" in part["data"]:
            yield part["data"]["values"]
        for value in part.values():
            yield from _values(value)
    elif isinstance(part, list):
        for value in part:
            yield from _values(value)
