"""Kept tokens, documents and windows: the unit to which each row of the token table belongs.

A *row* is a row of the token table, masked tokens included. A *position* is the number of kept
tokens before a row. A *window* is a run of consecutive kept tokens of one document, counted from
the document's first kept token; the last window of a document may be shorter and counts as one.
Co-occurrence is counted over kept tokens, windows or documents; these are the units.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from analysis.bundle.damage import damaged
from analysis.bundle.table_file import TableFile
from analysis.runtime.arrays import Bools, Ints, UInt32s
from analysis.runtime.errors import InputError

Unit = Literal["token", "window", "document"]
"""What co-occurrence is counted over."""
UNITS: tuple[Unit, ...] = get_args(Unit)
WINDOW = 256
"""Default number of kept tokens in a window; Li et al. 2024."""
PIECE_ROWS = 65_536
"""Number of rows of the token table read at a time."""


class Units(NamedTuple):
    """The units of one kind, and the unit of every row of the token table."""

    kind: Unit
    of_row: UInt32s
    """[rows] unit of each row. The entry of a masked row has no meaning."""
    total: int
    """N: units with at least one kept token."""
    size: int
    """All unit numbers are below this. Token units are row numbers, masked rows included; document
    units include documents without a kept token."""


@dataclass(frozen=True)
class KeptTokens:
    """Which rows of the token table are kept, and where each document begins and ends."""

    before: UInt32s = field(repr=False)
    """[rows] kept tokens before each row: the position of a kept row."""
    ends: Ints = field(repr=False)
    """[documents] kept tokens up to the end of each document; ascending."""
    documents: Ints = field(repr=False)
    """[documents] ids, in the order of the token table."""
    row_ends: Ints = field(repr=False)
    """[documents] the row after each document's last token."""

    @staticmethod
    def of(document: npt.NDArray[Any], kept: Bools) -> "KeptTokens":
        """Build from two columns of the token table, each [rows]."""
        running = np.cumsum(kept, dtype=np.int64)
        last = np.flatnonzero(np.diff(document, append=document[-1:] + 1))
        return KeptTokens(
            (running - kept).astype(np.uint32),
            running[last],
            np.asarray(document[last], dtype=np.int64),
            last + 1,
        )

    @property
    def rows(self) -> int:
        """Rows of the token table, masked ones included."""
        return len(self.before)

    @property
    def total(self) -> int:
        """Kept tokens, the N of every token count."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @cached_property
    def lengths(self) -> Ints:
        """[documents] kept tokens of each document."""
        return np.diff(self.ends, prepend=0)

    @cached_property
    def row_starts(self) -> Ints:
        """[documents] the row of each document's first token."""
        return np.concatenate([[0], self.row_ends[:-1]])

    def documents_of(self, rows: npt.NDArray[Any]) -> Ints:
        """The document of each row, as an index into `documents`."""
        return np.searchsorted(self.row_ends, rows, side="right")

    def windows_of(self, rows: npt.NDArray[Any], window: int) -> Ints:
        """The window of each kept row; windows are numbered over the whole corpus.

        Raises ValueError if `window` is below 1.
        """
        per_document = self._windows(window)
        document = self.documents_of(rows)
        place = self.before[rows] - (self.ends - self.lengths)[document]
        first: Ints = np.cumsum(per_document) - per_document
        return first[document] + place // window

    def units_of(self, rows: npt.NDArray[Any], unit: Unit, window: int = WINDOW) -> Ints:
        """The unit of each kept row; `window` applies to window units only."""
        if unit == "token":
            return np.asarray(rows, dtype=np.int64)
        return self.windows_of(rows, window) if unit == "window" else self.documents_of(rows)

    def n_units(self, unit: Unit, window: int = WINDOW) -> int:
        """N: number of units with at least one kept token."""
        if unit == "token":
            return self.total
        return int(self._windows(window).sum() if unit == "window" else (self.lengths > 0).sum())

    def units(self, unit: Unit, window: int = WINDOW) -> Units:
        """The units of one kind over the whole token table."""
        of_row = self.units_of(np.arange(self.rows), unit, window).astype(np.uint32)
        total = self.n_units(unit, window)
        size = {"token": self.rows, "window": total, "document": len(self.documents)}[unit]
        return Units(unit, of_row, total, size)

    def _windows(self, window: int) -> Ints:
        """[documents] windows of each document."""
        if window < 1:
            raise ValueError(f"window is {window}, but must be at least 1")
        return -(-self.lengths // window)


def kept_tokens(tables: Path) -> KeptTokens:
    """Read the kept tokens from `tokens.parquet` in a folder of tables, a piece at a time.

    Raises InputError if the token table is empty or damaged.
    """
    file = TableFile(tables / "tokens.parquet")
    before = np.empty(file.rows, dtype=np.uint32)
    pieces: list[tuple[Ints, Ints, Ints]] = []  # ids, kept tokens and rows up to each last row
    row, position = 0, 0
    for batch in file.batches(PIECE_ROWS, ["document", "kept"]):
        if any(column.null_count for column in batch.columns):
            raise damaged(file.path, "lacks values in the columns document or kept")
        document = batch.column("document").to_numpy()
        kept = batch.column("kept").to_numpy(zero_copy_only=False)
        running = position + np.cumsum(kept, dtype=np.int64)
        before[row : row + len(kept)] = running - kept
        last = np.append(np.flatnonzero(np.diff(document)), len(document) - 1)
        if pieces and pieces[-1][0][-1] == document[0]:
            # The document continues: its last entry was the end of the batch, not of the document.
            ids, ends, row_ends = pieces[-1]
            pieces[-1] = ids[:-1], ends[:-1], row_ends[:-1]
        pieces.append((document[last], running[last], row + last + 1))
        row, position = row + len(document), int(running[-1])
    if not pieces:
        raise InputError(f"{tables / 'tokens.parquet'}: has no tokens; build the bundle again.")
    documents, ends, row_ends = (np.concatenate(part) for part in zip(*pieces, strict=True))
    if (np.diff(documents) <= 0).any():
        raise damaged(file.path, "is not sorted by document")
    return KeptTokens(before, ends, documents, row_ends)
