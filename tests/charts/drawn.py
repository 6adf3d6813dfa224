"""What a reader sees in a figure: the drawn rows and the ends of its scales."""

from collections.abc import Iterator
from typing import Any

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
