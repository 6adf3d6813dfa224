"""Read and write the Parquet tables of a bundle: by row number, by latent, or in pieces."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle.cut_texts import cut_texts
from analysis.bundle.damage import damaged
from analysis.bundle.schema import TABLES
from analysis.bundle.table_file import CHECKSUM_KEY, TableFile
from analysis.runtime.arrays import Int32s

ROW_GROUP = 65_536
"""Rows of every row group except the last, so that a row's number gives its row group."""
CONTEXT_ROWS = 16_384
"""Rows of the row groups of the contexts, of which one latent is read for a page."""


@dataclass(frozen=True)
class LatentTable:
    """A Parquet table sorted by its first column, a latent, and read by latent.

    Every read raises InputError if the rows are damaged.
    """

    path: Path
    complete: Callable[[pa.Table], pa.Table] | None = None
    """Decodes rows that were read, checks them and adds the columns that an older bundle lacks."""
    opened: TableFile | None = None
    """The file of the table, if it is open."""

    @cached_property
    def _file(self) -> TableFile:
        return self.opened or TableFile(self.path)

    @cached_property
    def _spans(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last latent of every row group."""
        meta = self._file.metadata
        stats = [meta.row_group(i).column(0).statistics for i in range(meta.num_row_groups)]
        if any(s is None or not s.has_min_max for s in stats):
            raise damaged(self.path, "has row groups without the range of their latents")
        first, last = np.array([s.min for s in stats]), np.array([s.max for s in stats])
        if not ((first <= last).all() and (last[:-1] <= first[1:]).all()):
            raise damaged(self.path, "is not sorted by latent")
        return first, last

    @property
    def rows(self) -> int:
        """Number of rows of the whole table."""
        return self._file.rows

    def of(
        self, latents: int | np.ndarray | list[int], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of the given latents, in the order of the table.

        The first of `columns` is the latent; by default all columns of the schema. Only the rows of
        these latents count towards the memory that a read may take.
        """
        columns = self._columns if columns is None else columns
        wanted = np.unique(np.atleast_1d(np.asarray(latents, dtype=np.int32)))
        first, last = self._spans
        left = np.searchsorted(wanted, first, side="left")
        right = np.searchsorted(wanted, last, side="right")
        groups = np.flatnonzero(right > left)
        parts, size = [], 0
        low, high = first[groups].min(initial=0), last[groups].max(initial=0)
        for rows in self._file.pieces_kept(columns, groups.tolist()):
            ids = rows.column(0).to_numpy()
            if len(ids) and not _within(ids, low, high):
                raise damaged(self.path, "is not sorted by latent")
            low = ids[-1] if len(ids) else low
            parts.append(_of_wanted(rows, ids, wanted))
            size += parts[-1].nbytes
            self._file.check_memory(size)
        rows = self._completed(self._file.widened(pa.concat_tables(parts)))
        return rows.combine_chunks()  # Arrow filters and sorts many small pieces slowly

    def groups_of(self, latents: np.ndarray) -> np.ndarray:
        """The row group [n] in which the rows of each latent [n] begin, or would."""
        return np.minimum(np.searchsorted(self._spans[1], latents), max(self._file.groups - 1, 0))

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The whole table, or some of its columns, one row group at a time."""
        for group in range(self._file.groups):
            yield self._completed(self._file.read(columns or self._columns, [group]))

    def all(self) -> pa.Table:
        """The whole table."""
        return self._completed(self._file.read(self._columns))

    @cached_property
    def _columns(self) -> list[str]:
        """The columns of the schema that the file has; an older bundle may have others."""
        declared = TABLES.get(self.path.stem)
        names = self._file.schema.names
        return names if declared is None else [name for name in declared.names if name in names]

    def _completed(self, rows: pa.Table) -> pa.Table:
        return cut_texts(self.path.stem, rows) if self.complete is None else self.complete(rows)


def _of_wanted(rows: pa.Table, ids: Int32s, wanted: Int32s) -> pa.Table:
    """The rows whose ids [n], of any integer type, are among the wanted ones; both ascend."""
    if len(ids):
        # With the type of the ids, because a search would convert all of them otherwise.
        near = np.searchsorted(wanted, ids[0]), np.searchsorted(wanted, ids[-1], side="right")
        wanted = wanted[slice(*near)].astype(ids.dtype)
    low = np.searchsorted(ids, wanted, side="left")
    counts = np.searchsorted(ids, wanted, side="right") - low
    number = int(counts.sum())
    if number == len(ids):
        return rows
    # Row numbers: the places in the result, moved by what lies between the latents in the table.
    before = np.cumsum(counts) - counts
    return rows.take(pa.array(np.arange(number) + np.repeat(low - before, counts)))


def _within(ids: Int32s, low: int, high: int) -> bool:
    """Whether ids ascend, and all are between two bounds."""
    return bool(low <= ids[0] and ids[-1] <= high and (ids[1:] >= ids[:-1]).all())


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table's file as a whole, or some of its columns. Raises InputError if it is damaged."""
    return cut_texts(path.stem, TableFile(path).read(columns))


def read_rows(
    file: TableFile, start: int, stop: int, columns: Sequence[str] | None = None
) -> pa.Table:
    """Rows start..stop-1 of a Parquet file written in row groups of ROW_GROUP.

    Few row groups are kept for the next read, if the file keeps any.
    """
    if stop <= start:
        return file.read(columns, [])
    first, last = start // ROW_GROUP, (stop - 1) // ROW_GROUP
    if last >= file.groups:
        raise damaged(file.path, f"has {file.rows:,} rows, too few for the counts of the bundle")
    rows = file.read_kept(columns, range(first, last + 1))
    if rows.num_rows < stop - first * ROW_GROUP:
        raise damaged(file.path, f"has row groups of fewer than {ROW_GROUP:,} rows")
    return rows.slice(start - first * ROW_GROUP, stop - start)


_ENCODINGS = {
    "activations_by_latent": {"token": "DELTA_BINARY_PACKED", "activation": "BYTE_STREAM_SPLIT"},
    # Ids ascend within a token and their high bytes rarely change, so split bytes compress best.
    "activations_by_token": {"latent": "BYTE_STREAM_SPLIT"},
}


class TableWriter:
    """Writes one table of a bundle in pieces, in its declared schema.

    Row groups have exactly ROW_GROUP rows, so that a row's number gives its row group; those of the
    contexts have CONTEXT_ROWS.
    """

    def __init__(self, folder: Path, table: str) -> None:
        self._schema = TABLES[table]
        self._group_rows = CONTEXT_ROWS if table == "contexts" else ROW_GROUP
        encodings = _ENCODINGS.get(table)
        self._writer = pq.ParquetWriter(
            folder / f"{table}.parquet",
            self._schema,
            compression="zstd",
            compression_level=9,
            write_page_checksum=True,
            use_dictionary=encodings is None,
            column_encoding=encodings,
        )
        self._writer.add_key_value_metadata({CHECKSUM_KEY.decode(): "crc32"})
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def write(self, rows: pa.Table) -> None:
        """Append rows; columns are cast to the declared types, missing or extra ones raise."""
        rows = rows.select(self._schema.names).cast(self._schema)
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        if self._waiting_rows >= ROW_GROUP:
            self._flush(keep=self._waiting_rows % ROW_GROUP)

    def _flush(self, keep: int) -> None:
        rows = pa.concat_tables(self._waiting).unify_dictionaries()
        whole = rows.num_rows - keep
        if whole:
            self._writer.write_table(rows.slice(0, whole), row_group_size=self._group_rows)
        self._waiting = [rows.slice(whole)]
        self._waiting_rows = keep

    def close(self) -> None:
        """Write the rows that are still in memory and finish the file."""
        if self._waiting:
            self._flush(keep=0)
        self._writer.close()

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_table(folder: Path, table: str, rows: pa.Table) -> None:
    """Write a whole table of a bundle that is being built."""
    with TableWriter(folder, table) as writer:
        writer.write(rows)
