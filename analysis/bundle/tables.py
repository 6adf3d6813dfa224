"""Read and write the Parquet tables of a bundle: by row number, by latent, or in pieces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import local

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.bundle.schema import TABLES

ROW_GROUP = 65_536
"""Rows of every row group except the last, so that a row's number gives its row group."""


class SharedFile:
    """A Parquet file that any number of threads may read at the same time.

    A ParquetFile is not thread-safe, and the sessions of a dashboard are threads. So each thread
    has its own handle; all threads share the metadata, which is read once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = local()
        self.metadata: pq.FileMetaData = pq.read_metadata(path)

    @property
    def file(self) -> pq.ParquetFile:
        """The handle of this thread."""
        if not hasattr(self._own, "file"):
            self._own.file = pq.ParquetFile(self._path, memory_map=True, metadata=self.metadata)
        return self._own.file


def _unchanged(rows: pa.Table) -> pa.Table:
    return rows


@dataclass(frozen=True)
class LatentTable:
    """A Parquet table sorted by its first column, a latent, and read by latent."""

    path: Path
    complete: Callable[[pa.Table], pa.Table] = _unchanged
    """Adds the columns that an older bundle lacks."""

    @cached_property
    def _shared(self) -> SharedFile:
        return SharedFile(self.path)

    @property
    def _file(self) -> pq.ParquetFile:
        return self._shared.file

    @cached_property
    def _spans(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last latent of every row group."""
        meta = self._shared.metadata
        stats = [meta.row_group(i).column(0).statistics for i in range(meta.num_row_groups)]
        return np.array([s.min for s in stats if s]), np.array([s.max for s in stats if s])

    @property
    def rows(self) -> int:
        """Number of rows of the whole table."""
        return int(self._shared.metadata.num_rows)

    def of(self, latents: int | np.ndarray | list[int]) -> pa.Table:
        """The rows of the given latents, in the order of the table."""
        wanted = np.unique(np.atleast_1d(np.asarray(latents, dtype=np.int32)))
        first, last = self._spans
        if len(wanted) == 0 or len(first) == 0:
            return self.complete(self._file.schema_arrow.empty_table())
        left = np.searchsorted(wanted, first, side="left")
        right = np.searchsorted(wanted, last, side="right")
        groups = np.flatnonzero(right > left).tolist()
        rows = self._file.read_row_groups(groups)
        return self.complete(rows.filter(pc.is_in(rows.column(0), pa.array(wanted))))

    def pieces(self) -> Iterator[pa.Table]:
        """The whole table, one row group at a time."""
        for group in range(self._shared.metadata.num_row_groups):
            yield self.complete(self._file.read_row_group(group))

    def all(self) -> pa.Table:
        """The whole table."""
        return self.complete(self._file.read())


def read_rows(
    shared: SharedFile, start: int, stop: int, columns: list[str] | None = None
) -> pa.Table:
    """Rows start..stop-1 of a Parquet file written in row groups of ROW_GROUP."""
    file = shared.file
    if stop <= start:
        return file.schema_arrow.empty_table()
    first, last = start // ROW_GROUP, (stop - 1) // ROW_GROUP
    table = file.read_row_groups(list(range(first, last + 1)), columns=columns)
    return table.slice(start - first * ROW_GROUP, stop - start)


_ENCODINGS = {
    "activations_by_latent": {"token": "DELTA_BINARY_PACKED", "activation": "BYTE_STREAM_SPLIT"},
    # Ids ascend within a token and their high bytes rarely change, so split bytes compress best.
    "activations_by_token": {"latent": "BYTE_STREAM_SPLIT"},
}


class TableWriter:
    """Writes one table of a bundle in pieces, in its declared schema.

    Row groups have exactly ROW_GROUP rows, so that a row's number gives its row group.
    """

    def __init__(self, folder: Path, table: str) -> None:
        self._schema = TABLES[table]
        encodings = _ENCODINGS.get(table)
        self._writer = pq.ParquetWriter(
            folder / f"{table}.parquet",
            self._schema,
            compression="zstd",
            compression_level=9,
            use_dictionary=encodings is None,
            column_encoding=encodings,
        )
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
            self._writer.write_table(rows.slice(0, whole), row_group_size=ROW_GROUP)
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
