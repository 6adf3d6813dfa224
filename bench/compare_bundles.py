"""Compare all tables of two bundles: `python -m bench.compare_bundles A B`.

Integers, strings and nulls must be equal, floats within 1e-12 (relative or absolute), lists and
structs element by element. Prints a line for each table and column that differs; the exit code is 1
if there are any. Row groups and descriptions of columns are not compared.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TOLERANCE = 1e-12


def compare_bundles(a: Path, b: Path) -> Iterator[str]:
    """One line for each difference between the Parquet files of two folders."""
    names = {folder: {file.name for file in folder.glob("*.parquet")} for folder in (a, b)}
    for missing in sorted(names[a] ^ names[b]):
        yield f"{missing}: only in {a if missing in names[a] else b}"
    for name in sorted(names[a] & names[b]):
        table = Path(name).stem
        yield from (f"{table}: {line}" for line in _compare_files(a / name, b / name))


def _compare_files(a: Path, b: Path) -> Iterator[str]:
    first, second = pq.read_table(a, memory_map=True), pq.read_table(b, memory_map=True)
    if first.num_rows != second.num_rows:
        yield f"{first.num_rows:,} rows versus {second.num_rows:,}"
        return
    for column in first.column_names + second.column_names[::-1]:
        if column not in first.column_names or column not in second.column_names:
            yield f"{column}: only in {a if column in first.column_names else b}"
    for column in first.column_names:
        if column in second.column_names:
            text = difference(first[column], second[column])
            if text is not None:
                yield f"{column}: {text}"


def difference(a: pa.ChunkedArray, b: pa.ChunkedArray) -> str | None:
    """The difference of two columns of equal length as text; None if they are equal."""
    if a.type != b.type:
        return f"{a.type} against {b.type}"
    return _difference(_whole(a), _whole(b))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _difference(a: pa.Array, b: pa.Array) -> str | None:
    nulls = np.asarray(a.is_null()) != np.asarray(b.is_null())
    if nulls.any():
        return f"{_share(nulls)} null in only one"
    if pa.types.is_list(a.type):
        return _list_difference(a, b)
    if pa.types.is_struct(a.type):
        names = [field.name for field in a.type]
        pairs = ((name, pc.struct_field(a, name), pc.struct_field(b, name)) for name in names)
        lines = (f"{name}: {text}" for name, x, y in pairs if (text := _difference(x, y)))
        return next(lines, None)
    if pa.types.is_floating(a.type):
        return _float_difference(a, b)
    unequal = np.asarray(pc.fill_null(pc.not_equal(a, b), False))
    if not unequal.any():
        return None
    at = int(np.flatnonzero(unequal)[0])
    return f"{_share(unequal)} differ, first row {at}: {a[at]} against {b[at]}"


def _list_difference(a: pa.Array, b: pa.Array) -> str | None:
    lengths = [np.asarray(pc.fill_null(pc.list_value_length(one), 0)) for one in (a, b)]
    unequal = lengths[0] != lengths[1]
    if unequal.any():
        return f"{_share(unequal)} of different length"
    text = _difference(a.flatten(), b.flatten())
    return text and f"elements: {text}"


def _float_difference(a: pa.Array, b: pa.Array) -> str | None:
    x, y = (np.asarray(one.to_numpy(zero_copy_only=False), dtype=np.float64) for one in (a, b))
    unequal = ~np.isclose(x, y, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    if not unequal.any():
        return None
    at = int(np.flatnonzero(unequal)[0])
    largest = np.max(np.abs(x - y)[unequal])
    return (
        f"{_share(unequal)} differ by up to {largest:.3g}, first row {at}: "
        f"{x[at]:.9g} against {y[at]:.9g}"
    )


def _share(unequal: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    return f"{int(unequal.sum()):,} of {len(unequal):,}"


def main() -> int:
    """Print the differences; 1 if there are any."""
    parser = argparse.ArgumentParser(description="Compare all tables of two bundles.")
    parser.add_argument("a", type=Path, help="A bundle.")
    parser.add_argument("b", type=Path, help="Another bundle.")
    arguments = parser.parse_args()
    for folder in (arguments.a, arguments.b):
        if not any(folder.glob("*.parquet")):
            parser.error(f"{folder}: contains no tables; give the folder of a bundle.")
    lines = list(compare_bundles(arguments.a, arguments.b))
    print("\n".join(lines) or "All tables are equal.")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
