"""Check rows of a table against the declared columns, and against each other.

`check_rows` reads what the schema declares: nulls, ranges and words. `CONSISTENT` holds what
columns of one table must satisfy together. Both work on rows whose texts are decoded.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle.damage import damaged
from analysis.bundle.ranges import Limits, Range
from analysis.bundle.schema import TABLES

LONGEST_LIST = 4_096
"""Entries of a list in one row."""


def check_rows(file: Path, rows: pa.Table, limits: Limits) -> None:
    """Raise InputError unless rows of a table have the declared types and values.

    `file` is the table's file; its name is that of the table.
    """
    present = set(rows.column_names)
    for column in _declared(file.stem):
        if column.name in present:
            problem = _problem(column, rows[column.name], limits)
            if problem is not None:
                raise damaged(file, f"the column {column.name} {problem}")
    for check in CONSISTENT.get(file.stem, ()):
        if present.issuperset(check.columns):
            problem = check.problem(rows)
            if problem is not None:
                raise damaged(file, problem)


class _Declared(NamedTuple):
    """What the schema says of a column. Its metadata is slow to read from there every time."""

    name: str
    type: pa.DataType
    nullable: bool
    stated: str
    """Its range in words."""
    range: Range | None
    """Its range if it has one of numbers."""
    has_words: bool
    """Whether the range lists all of its values."""


@functools.cache
def _declared(table: str) -> tuple[_Declared, ...]:
    declared = []
    for column in TABLES[table]:
        about = column.metadata or {}
        stated = about[b"range"].decode()
        known = Range(stated) if stated in set(Range) else None
        has_words = about[b"unit"] == b"word"
        declared.append(
            _Declared(column.name, column.type, column.nullable, stated, known, has_words)
        )
    return tuple(declared)


class Check(NamedTuple):
    """A condition that columns of one table satisfy together; it needs all of them."""

    columns: tuple[str, ...]
    problem: Callable[[pa.Table], str | None]
    """What is wrong with rows, as the end of a sentence; None if nothing is."""


def _problem(column: _Declared, values: pa.ChunkedArray, limits: Limits) -> str | None:
    """What is wrong with the values of a column; None if nothing is."""
    if values.type != column.type:
        return f"is of type {values.type}, not {column.type}"
    if values.null_count and not column.nullable:
        return "lacks values"
    if pa.types.is_list(values.type):
        longest = pc.max(pc.list_value_length(values)).as_py() or 0
        values = pc.list_flatten(values)
        if longest > LONGEST_LIST or values.null_count:
            return f"has lists that lack values or have more than {LONGEST_LIST:,}"
    return _invalid(column, values, limits)


def _invalid(column: _Declared, values: pa.ChunkedArray, limits: Limits) -> str | None:
    """What is wrong with values, or with the entries of lists."""
    if pa.types.is_struct(values.type):
        return _incomplete_terms(values)
    if column.has_words and pa.types.is_dictionary(values.type):
        return _unknown_words(values, column.stated)
    bounds = None if column.range is None else limits.bounds.get(column.range)
    return None if bounds is None else _outside(values, bounds, column.stated)


def _outside(values: pa.ChunkedArray, bounds: tuple[float, float], stated: str) -> str | None:
    numbers = values.drop_null().to_numpy()
    # Written so that NaN, which compares as false, is outside. Compared as Python numbers: numpy
    # would round a bound to the type of the column, and so make the largest float infinite.
    if len(numbers) and not (
        bounds[0] <= numbers.min().item() <= numbers.max().item() <= bounds[1]
    ):
        return f"has values that are not {stated}"
    return None


def _unknown_words(values: pa.ChunkedArray, stated: str) -> str | None:
    known = pa.array(stated.split(", "))
    if pc.all(pc.is_in(pc.unique(values).cast(pa.string()), known)).as_py() is False:
        return f"has words other than {stated}"
    return None


def _incomplete_terms(values: pa.ChunkedArray) -> str | None:
    parts = [pc.struct_field(values, i) for i in range(values.type.num_fields)]
    if any(part.null_count for part in parts):
        return "has lists that lack values"
    finite = [pc.all(pc.is_finite(p)).as_py() for p in parts if pa.types.is_floating(p.type)]
    return "has values that are not finite" if False in finite else None


def _numbers(rows: pa.Table, column: str) -> npt.NDArray[np.int64]:
    return np.asarray(rows[column].to_numpy(), dtype=np.int64)


def _ascends(values: npt.NDArray[np.int64]) -> bool:
    return bool((np.diff(values) >= 0).all())


def _numbered(rows: pa.Table) -> str | None:
    numbered = np.array_equal(_numbers(rows, "latent"), np.arange(rows.num_rows))
    return None if numbered else "row i is not latent i"


def _points(x: str, y: str) -> Check:
    def problem(rows: pa.Table) -> str | None:
        same = pc.is_null(rows[x]).equals(pc.is_null(rows[y]))
        return None if same else f"has a point with only one of {x} and {y}"

    return Check((x, y), problem)


def _clusters(rows: pa.Table) -> str | None:
    ids, level = _numbers(rows, "cluster"), rows["level"].to_numpy()
    of_id = np.zeros(int(ids.max(initial=-1)) + 1, dtype=np.int64)
    of_id[ids] = np.arange(len(ids))
    has_parent = np.asarray(pc.is_valid(rows["parent"]))
    parents = rows["parent"].drop_null().to_numpy()
    if not np.isin(parents, ids).all():
        return "has a parent that is not a cluster"
    space = np.asarray(pc.equal(rows["space"].cast(pa.string()), "decoder"))
    if (space[of_id[parents]] != space[has_parent]).any():
        return "has a parent in another space"
    if (level[of_id[parents]] <= level[has_parent]).any():
        return "has a parent at the level of its cluster or below"
    return None


_STATISTICS = ("mean", "std", "median", "p90", "max")


def _active(rows: pa.Table) -> str | None:
    active = pc.greater(rows["active_tokens"], 0)
    for column in _STATISTICS:
        if not pc.is_valid(rows[column]).equals(active):
            return f"has latents for which {column} contradicts active_tokens"
    return None


def _sorted_by(column: str, what: str = "latent") -> Check:
    def problem(rows: pa.Table) -> str | None:
        return None if _ascends(_numbers(rows, column)) else f"is not sorted by {what}"

    return Check((column,), problem)


def _in_order(*columns: str) -> Check:
    """Rows ascend by the columns, the first of which counts most, and no row occurs twice."""

    def problem(rows: pa.Table) -> str | None:
        above = np.zeros(max(rows.num_rows - 1, 0), dtype=bool)
        equal = ~above
        for column in columns:
            step = np.diff(_numbers(rows, column))
            above |= equal & (step > 0)
            equal &= step == 0
        return None if above.all() else f"is not sorted by {', '.join(columns)}"

    return Check(columns, problem)


def _documents(rows: pa.Table) -> str | None:
    if (np.diff(_numbers(rows, "document")) <= 0).any():
        return "is not sorted by document"
    return None


def _places(rows: pa.Table) -> str | None:
    document, position = _numbers(rows, "document"), _numbers(rows, "position")
    same = np.diff(document) == 0
    if not _ascends(document) or (np.diff(position)[same] <= 0).any():
        return "is not sorted by document and position"
    return None


def _masked(rows: pa.Table) -> str | None:
    masked = ~rows["kept"].to_numpy()
    if _numbers(rows, "active_latents")[masked].any():
        return "has active latents on masked tokens"
    return None


def _loadings(rows: pa.Table) -> str | None:
    lengths = pc.list_value_length(rows["loadings"]).to_numpy()
    clusters = _numbers(rows, "cluster")
    order = np.argsort(clusters, kind="stable")
    if ((np.diff(clusters[order]) == 0) & (np.diff(lengths[order]) != 0)).any():
        return "has loadings of different lengths in one cluster"
    return None


CONSISTENT: dict[str, tuple[Check, ...]] = {
    "latents": (
        Check(("latent",), _numbered),
        Check(("active_tokens", *_STATISTICS), _active),
        _points("x", "y"),
        _points("x_cooccurrence", "y_cooccurrence"),
    ),
    "clusters": (_in_order("cluster"), Check(("cluster", "space", "level", "parent"), _clusters)),
    "null_latents": (_sorted_by("latent"), _points("x", "y")),
    "null_clusters": (
        _in_order("cluster"),
        Check(("cluster", "space", "level", "parent"), _clusters),
    ),
    "memberships": (_in_order("latent", "cluster"),),
    "cluster_pairs": (_in_order("cluster", "other"),),
    "cluster_components": (_in_order("cluster", "component"),),
    "relations": (_sorted_by("a"),),
    "neighbours": (_in_order("latent", "rank"),),
    "partners": (_sorted_by("latent"),),
    "logits": (_sorted_by("latent"),),
    "contexts": (_sorted_by("latent"),),
    "documents": (Check(("document",), _documents),),
    "document_values": (_sorted_by("document", "document"),),
    "latent_profiles": (_sorted_by("latent"),),
    "cluster_profiles": (_sorted_by("cluster", "cluster"),),
    "tokens": (
        Check(("document", "position"), _places),
        Check(("kept", "active_latents"), _masked),
    ),
    "cluster_loadings": (
        _in_order("cluster", "latent"),
        Check(("cluster", "loadings"), _loadings),
    ),
}
"""What the columns of a table satisfy together."""
