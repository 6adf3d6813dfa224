"""How a figure is drawn: a Vega-Lite specification without data, and the rows that it shows.

Altair takes milliseconds to build and to validate a chart, and it copies the data of a chart each
time that the chart is changed. A chart is therefore a function of a few settings, marked with
`template`: its specification is made and validated once for each of them. What depends on the
rows, such as the ends of an axis, is a `slot`, which is filled without validation. The rows are
attached by name at the very end: as Arrow for the browser, as JSON for files and notebooks.

    @template
    def _bars(measure: str) -> alt.LayerChart:
        x = alt.X(f"{measure}:Q", scale=alt.Scale(domain=[0, slot("most")]))
        return layered(alt.Chart(named("rows")).mark_bar().encode(x=x))

    _bars("phi").draw({"rows": rows}, most=1.0, height=200)

A chart without a height has a slot for it.
"""

import functools
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from charts.core.scheme import in_dark, rows_in_dark
from charts.core.theme import config

MOST_TEMPLATES = 256
"""Settings of one chart whose specifications are kept; each takes about 10 kB."""
MANY_ROWS = 256
"""Rows from which a column is made compact for the browser."""
_SLOT = re.compile(r"⟦(\w+)⟧")
_EACH = re.compile(r"⟦(\w+)…⟧")
_Settings = ParamSpec("_Settings")


def named(dataset: str) -> alt.NamedData:
    """The rows of a chart or a layer, by the name under which `Template.draw` gets them."""
    return alt.NamedData(dataset)


def slot(name: str) -> Any:
    """A value that `Template.draw` fills in; it can also be a part of a longer text.

    Where the schema of Vega-Lite allows no text, write `alt.ExprRef(slot(name))`: a number replaces
    the whole expression.
    """
    return f"⟦{name}⟧"


def each(name: str) -> list[Any]:
    """A list whose items `Template.draw` fills in, such as the domain of a scale."""
    return [f"⟦{name}…⟧"]


@dataclass(frozen=True)
class Drawing:
    """A specification and its rows, by the name of the dataset.

    `specification` is shared and must not be changed.
    """

    specification: Mapping[str, Any]
    datasets: Mapping[str, pa.Table]

    def to_dict(self) -> dict[str, Any]:
        """The specification with its rows as JSON values."""
        values = {name: drawable(rows).to_pylist() for name, rows in self.datasets.items()}
        return {**self.specification, "datasets": self._written | values}

    def for_browser(self) -> dict[str, Any]:
        """The specification with its rows as streams of Arrow."""
        return {**self.specification, "datasets": self._written | self._streams}

    @property
    def _written(self) -> dict[str, Any]:
        """The data that the specification holds itself, if it is not made by a template."""
        return dict(self.specification.get("datasets", {}))

    @functools.cached_property
    def _streams(self) -> dict[str, bytes]:
        return {name: _stream(drawable(rows)) for name, rows in self.datasets.items()}

    @functools.cached_property
    def dark(self) -> "Drawing":
        """The drawing in the dark scheme."""
        datasets = {name: rows_in_dark(rows) for name, rows in self.datasets.items()}
        dark = Drawing(in_dark(self.specification), datasets)
        if all(datasets[name] is rows for name, rows in self.datasets.items()):
            vars(dark)["_streams"] = self._streams
        return dark

    @property
    def nbytes(self) -> int:
        """Approximate memory, with the streams of Arrow."""
        return 20_000 + sum(2 * rows.get_total_buffer_size() for rows in self.datasets.values())


@dataclass(frozen=True)
class Template:
    """A valid specification without data, with slots."""

    specification: Mapping[str, Any]

    def draw(self, datasets: Mapping[str, pa.Table], **values: Any) -> Drawing:
        """Fill the slots and attach the rows; raises ValueError unless each slot has a value."""
        if values.keys() != self.slots:
            raise ValueError(f"Slots {sorted(self.slots)}, but values for {sorted(values)}.")
        return Drawing(_filled(self.specification, values), dict(datasets))

    @functools.cached_property
    def slots(self) -> frozenset[str]:
        """The names of the slots."""
        text = json.dumps(self.specification, ensure_ascii=False)
        return frozenset(_SLOT.findall(text) + _EACH.findall(text))


def template(
    build: Callable[_Settings, alt.Chart | alt.LayerChart],
) -> Callable[_Settings, Template]:
    """Make and validate the specification of a chart once for each of its settings."""

    @functools.lru_cache(maxsize=MOST_TEMPLATES)
    def known(*args: _Settings.args, **kwargs: _Settings.kwargs) -> Template:
        return _template(build(*args, **kwargs))

    lock = threading.Lock()

    def made(*args: _Settings.args, **kwargs: _Settings.kwargs) -> Template:
        with lock:  # sessions that draw it for the first time at once share the work
            return known(*args, **kwargs)  # type: ignore[arg-type]  # all are hashable

    functools.update_wrapper(made, build)
    made.cache_clear = known.cache_clear  # type: ignore[attr-defined]
    return made


def _template(chart: alt.Chart | alt.LayerChart) -> Template:
    specification = chart.to_dict()
    # The active theme of Altair, which all threads share, adds to the configuration.
    specification["config"] = config()
    specification.setdefault("height", slot("height"))
    return Template(specification)


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, str):
        whole = _SLOT.fullmatch(part)
        return values[whole[1]] if whole else _SLOT.sub(lambda at: str(values[at[1]]), part)
    if isinstance(part, dict):
        filled = {key: _filled(value, values) for key, value in part.items()}
        is_number = filled.keys() == {"expr"} and not isinstance(filled["expr"], str)
        return filled["expr"] if is_number else filled
    if isinstance(part, list):
        items = _EACH.fullmatch(part[0]) if len(part) == 1 and isinstance(part[0], str) else None
        return list(values[items[1]]) if items else [_filled(item, values) for item in part]
    return part


def _stream(rows: pa.Table) -> bytes:
    rows = pa.table({name: _compact(rows[name]) for name in rows.column_names})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values, with repeated texts in a dictionary and whole numbers of 32 bits.

    A browser decodes each text of a dictionary once, and makes an object of a number of 64 bits.
    """
    if len(column) < MANY_ROWS:
        return column
    if pa.types.is_string(column.type):
        coded = column.combine_chunks().dictionary_encode()
        return pa.chunked_array([coded]) if 2 * len(coded.dictionary) < len(coded) else column
    if pa.types.is_int64(column.type):
        least, most = pc.min_max(column).as_py().values()
        if least is not None and least >= -(2**31) and most < 2**31:
            return column.cast(pa.int32())
    return column


def drawable(rows: pa.Table) -> pa.Table:
    """The rows with the types and values that JavaScript reads as they are meant.

    Single-precision numbers are written with their own digits only, numbers that are not finite
    become null, and dictionaries become their values.
    """
    columns = {name: _drawable(rows[name]) for name in rows.column_names}
    return pa.table(columns) if columns else rows


def _drawable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if not pa.types.is_floating(column.type):
        return column
    if not pa.types.is_float64(column.type):
        # The text of a number is the shortest that is read as the same number.
        column = column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    return pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
