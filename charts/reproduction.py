"""Make an exported figure again from its bundle, and compare the rows: `clearwater reproduce`."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from analysis.runtime.csv_fields import long_fields
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from charts.core.call import repeat
from charts.core.csv_file import csv_of
from charts.core.figure import CaptionedTable, Figure
from charts.core.provenance import Provenance, hashes_of, read_provenance, read_provenances

ROUNDING = 1e-5
"""Relative difference of numbers that another processor may give."""
LONGEST_VALUE = 60
"""Characters of a value in a sentence."""


@dataclass(frozen=True)
class Reproduction:
    """The result of making a figure again."""

    provenance: Provenance
    bundle: Bundle
    figure: CaptionedTable
    """As the bundle gives it now."""
    difference: str
    """One sentence; empty for the same rows."""

    @property
    def sentence(self) -> str:
        """The answer for the reader."""
        rows = count(self.provenance.rows)
        of = f"“{self.provenance.title}”, made again from {self.bundle.name}"
        if not self.difference:
            return f"Same rows: all {rows} rows of {of}."
        other = self.provenance.bundle_id
        differs = self.bundle.manifest.bundle_id != other
        note = f" The file was exported from bundle {other}, not from this one." if differs else ""
        return f"Not the same rows of {of}: {self.difference}{note}"


def reproduce(file: Path, bundle: Path | None = None, folders: Iterable[Path] = ()) -> Reproduction:
    """Make the figure of an exported file again; compare its rows with those of the file.

    Without `bundle`, the bundle that the file names is looked for in `folders`. For a picture, the
    hashes of its columns are compared. Raises InputError if the file has no provenance, its bundle
    is not found, or the figure cannot be made.
    """
    return _reproduced(file, read_provenance(file), bundle, folders)


def reproduce_all(
    file: Path, bundle: Path | None = None, folders: Iterable[Path] = ()
) -> list[Reproduction]:
    """As `reproduce`, for every figure and table of a report; one for another file."""
    every = read_provenances(file)
    return [_reproduced(file, provenance, bundle, folders) for provenance in every]


def _reproduced(
    file: Path, provenance: Provenance, bundle: Path | None, folders: Iterable[Path]
) -> Reproduction:
    if not provenance.function:
        raise InputError(
            f"{file}: its figure was not made by a function of Clearwater, so it cannot be made "
            "again; compare its rows with your own."
        )
    opened = open_bundle(bundle or find_bundle(file, provenance, folders))
    figure = made_again(opened, provenance)
    return Reproduction(provenance, opened, figure, difference(file, provenance, figure))


def find_bundle(file: Path, provenance: Provenance, folders: Iterable[Path]) -> Path:
    """The folder of the bundle that a file names; raises InputError if it is in no folder."""
    searched = list(dict.fromkeys(folders))
    for folder in searched:
        manifests = [folder / MANIFEST, *sorted(folder.glob(f"*/{MANIFEST}"))]
        for manifest in filter(Path.is_file, manifests):
            try:
                if read_manifest(manifest.parent).bundle_id == provenance.bundle_id:
                    return manifest.parent
            except InputError:
                continue
    names = ", ".join(map(str, searched)) or "no folder"
    raise InputError(
        f"{file}: its bundle {provenance.bundle} ({provenance.bundle_id}) is not in {names}; give "
        "its folder with --bundle."
    )


def made_again(bundle: Bundle, provenance: Provenance) -> CaptionedTable:
    """The figure of a provenance as a bundle gives it; raises InputError if it cannot be made."""
    made: CaptionedTable = repeat(bundle, provenance.function, provenance.arguments)
    made = made.of_selection(provenance.selection)
    return made.in_scheme(provenance.scheme) if isinstance(made, Figure) else made


def difference(file: Path, provenance: Provenance, figure: CaptionedTable) -> str:
    """How the rows of a file differ from those of a figure, as a sentence; empty if they do not."""
    rows = figure.rows
    match file.suffix.lower():
        case ".parquet":
            return _different_values(pq.read_table(file), rows)
        case ".csv":
            sheet = file.name.endswith(".spreadsheet.csv")
            return _different_cells(file.read_bytes(), csv_of(rows, for_spreadsheets=sheet))
    if provenance.rows != rows.num_rows:
        return _number_of_rows(provenance.rows, rows.num_rows)
    now = hashes_of(rows)
    if named := _names(list(provenance.columns), list(now)):
        return named
    others = [name for name, value in now.items() if provenance.columns[name] != value]
    return f"the values of {_listed(others)} differ." if others else ""


def _different_values(before: pa.Table, now: pa.Table) -> str:
    if before.num_rows != now.num_rows:
        return _number_of_rows(before.num_rows, now.num_rows)
    if named := _names(before.column_names, now.column_names):
        return named
    for name in now.column_names:
        if places := _places(before[name], now[name]):
            first = places[0]
            return _value(
                name, len(places), now.num_rows, first,
                before[name][first].as_py(), now[name][first].as_py(),
            )  # fmt: skip
    return ""


def _places(before: pa.ChunkedArray, now: pa.ChunkedArray) -> list[int]:
    """The rows in which two columns differ by more than rounding."""
    one, other = _flat(before), _flat(now)
    if one.equals(other):
        return []
    if pa.types.is_floating(one.type) and pa.types.is_floating(other.type):
        a, b = (x.cast(pa.float64()).to_numpy(zero_copy_only=False) for x in (one, other))
        return np.flatnonzero(~np.isclose(a, b, rtol=ROUNDING, atol=0, equal_nan=True)).tolist()
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    return [row for row, (a, b) in enumerate(pairs) if a != b]


def _flat(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values


def _different_cells(before: bytes, now: bytes) -> str:
    one, other = (_cells(content) for content in (before, now))
    if len(one) != len(other):
        return _number_of_rows(len(one) - 1, len(other) - 1)
    header, wanted = (cells[0] if cells else [] for cells in (one, other))
    if named := _names(header, wanted):
        return named
    for column, name in enumerate(wanted):
        pairs = [(a[column], b[column]) for a, b in zip(one[1:], other[1:], strict=True)]
        places = [row for row, (a, b) in enumerate(pairs) if not _same_cell(a, b)]
        if places:
            return _value(name, len(places), len(pairs), places[0], *pairs[places[0]])
    return ""


def _cells(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8-sig", errors="replace")
    with long_fields(2**31 - 1):
        rows = list(csv.reader(io.StringIO(text, newline="")))
    width = len(rows[0]) if rows else 0
    return [[*row, *[""] * (width - len(row))] for row in rows]


def _same_cell(a: str, b: str) -> bool:
    if a == b:
        return True
    try:
        return bool(np.isclose(float(a), float(b), rtol=ROUNDING, atol=0, equal_nan=True))
    except ValueError:
        return False


def _names(before: list[str], now: list[str]) -> str:
    missing = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    if missing:
        return f"the file has {_listed(missing)}, which the figure no longer has."
    return f"the figure now has {_listed(new)} too." if new else ""


def _number_of_rows(before: int, now: int) -> str:
    return f"the file has {count(before)} rows, the figure now has {count(now)}."


def _value(name: str, places: int, rows: int, first: int, before: object, now: object) -> str:
    old, new = (str(value)[:LONGEST_VALUE] for value in (before, now))
    return (
        f"column {name} differs in {count(places)} of {count(rows)} rows; in row {count(first)}, "
        f"counted from 0, the file has {old} and the figure now has {new}."
    )


def _listed(names: list[str]) -> str:
    word = "column" if len(names) == 1 else "columns"
    return f"{word} {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}"
