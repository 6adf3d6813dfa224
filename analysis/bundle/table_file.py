"""The Parquet file of a table: its footer is read once, its pages are verified when they are read.

Every table is written with a checksum per page. Only the pages that are read are verified, so that
opening a bundle stays cheap. Before it reads, a file estimates the memory that the rows will take.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle.damage import MEND, changed, damaged, reading, short_name
from analysis.bundle.kept_columns import SHARE, KeptColumns
from analysis.bundle.narrow_types import narrow_schema, with_types
from analysis.runtime.errors import InputError

CHECKSUM_KEY = b"page_checksum"
"""Key of the file metadata of tables whose pages have checksums."""
MEMORY_SETTING = "CLEARWATER_TABLE_GB"
"""Environment variable: most memory that one read of a table may take, in GB."""
DEFAULT_GB = 1.0
PIECE_BYTES = 64_000_000
"""Of rows that are read to take a few of them; a row group may have more."""
MOST_FREE = 2
"""Handles of a file that stay open between reads."""
_TRAILER = 8
"""Bytes after the footer of a Parquet file: its length, and `PAR1`."""
_WIDTH = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4}
"""Bytes of a value in memory; 8 for other types, and for a text's place in its dictionary."""


def memory_limit() -> float:
    """Bytes that one read may take. Raises InputError if the setting is not a positive number."""
    text = os.environ.get(MEMORY_SETTING, "") or str(DEFAULT_GB)
    try:
        limit = float(text) * 1e9
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise InputError(f"{MEMORY_SETTING} is {text!r}; set it to a positive number of GB.")
    return limit


class TableFile:
    """A table's file that any number of threads may read at the same time.

    A ParquetFile is not thread-safe, and the sessions of a dashboard are threads. So each read has
    a handle to itself; all share the footer. Files are not mapped into memory: a page of a
    mapped file that was cut short would end the whole server.

    `kept` holds what `read_kept` has read, for all files of a bundle.

    Raises InputError if the file is missing or its footer cannot be read.
    """

    def __init__(self, path: Path, kept: KeptColumns | None = None) -> None:
        self.path = path
        self._kept = kept
        self._free: list[pq.ParquetFile] = []
        """Handles that no thread uses now."""
        self._identity = file_identity(path)
        with reading(path, "is not a readable Parquet file"):
            footer = _footer(path)
            self.footer_hash = hashlib.sha256(footer).hexdigest()
            self.metadata: pq.FileMetaData = pq.read_metadata(pa.BufferReader(footer))
            self.schema: pa.Schema = self.metadata.schema.to_arrow_schema()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.metadata.num_rows)

    @property
    def groups(self) -> int:
        """Number of row groups."""
        return int(self.metadata.num_row_groups)

    @property
    def has_checksums(self) -> bool:
        """Whether its pages have checksums."""
        return CHECKSUM_KEY in (self.metadata.metadata or {})

    def read(
        self, columns: Sequence[str] | None = None, groups: Iterable[int] | None = None
    ) -> pa.Table:
        """Read columns of row groups, by default all; texts are dictionaries.

        Raises InputError if a page is damaged, if the file was replaced, or if the rows would take
        more memory than allowed.
        """
        chosen = list(range(self.groups) if groups is None else groups)
        expected = self._checked_size(chosen, columns)
        with reading(self.path), self._handle() as file:
            if chosen:
                # For one row group, threads cost more than they save.
                threads = groups is None or len(chosen) > 1
                # Arrow reads lists of dictionaries only from one row group at a time.
                rows = pa.concat_tables(
                    [file.read_row_group(g, columns, use_threads=threads) for g in chosen]
                )
            else:
                rows = file.schema_arrow.empty_table()
                rows = rows if columns is None else rows.select(columns)
            rows.validate(full=True)
        if rows.num_rows != expected:
            raise damaged(self.path, f"has {rows.num_rows:,} rows where {expected:,} are stated")
        return rows

    def read_kept(self, columns: Sequence[str] | None, groups: Sequence[int]) -> pa.Table:
        """As `read`, of row groups that are likely read again, and so kept for a while.

        What is kept was verified when it was read. Errors are those of `read`, also that the file
        was replaced.
        """
        kept = self._keeper(self._sizes, groups)
        if kept is None:
            return self.read(columns, groups)
        self._check_identity()
        names = self.schema.names if columns is None else columns
        return pa.concat_tables(self._group(names, int(g), kept, self._as_read) for g in groups)

    def pieces_kept(
        self, columns: Sequence[str] | None, groups: Sequence[int]
    ) -> Iterator[pa.Table]:
        """The rows of `read_kept` in pieces: row groups that are kept, or that take PIECE_BYTES.

        What is kept has narrow types; `widened` gives the chosen rows those of the file.
        """
        kept = self._keeper(self._narrow_sizes, groups)
        if kept is None:
            for piece in self._in_pieces(columns, groups):
                yield self.read(columns, piece)
            return
        self._check_identity()
        names = self.schema.names if columns is None else columns
        for group in groups:
            yield self._group(names, int(group), kept, self._narrow)

    def _in_pieces(
        self, columns: Sequence[str] | None, groups: Sequence[int]
    ) -> Iterator[list[int]]:
        """The row groups in runs that take at most PIECE_BYTES or are one group; at least one run.

        The runs may be read one after another where all of them together would take too much.
        """
        run: list[int] = []
        taken = 0
        for group in groups:
            size = self._size([group], columns)[1]
            if run and taken + size > PIECE_BYTES:
                yield run
                run, taken = [], 0
            run.append(int(group))
            taken += size
        yield run

    def widened(self, rows: pa.Table) -> pa.Table:
        """Rows of `pieces_kept` with the types of `read`."""
        return with_types(rows, self._as_read)

    def _keeper(self, sizes: Sequence[int], groups: Sequence[int]) -> KeptColumns | None:
        """What keeps row groups of these sizes; None if they are not kept."""
        if self._kept is None:
            return None
        size = sum(sizes[group] for group in groups)
        return self._kept if 0 < size <= self._kept.most_bytes // SHARE else None

    def _group(
        self, names: Sequence[str], group: int, kept: KeptColumns, types: pa.Schema
    ) -> pa.Table:
        keys = {n: (self.path, self._identity, group, n, types.field(n).type) for n in names}
        known = {name: part for name, key in keys.items() if (part := kept.get(key)) is not None}
        missing = [name for name in names if name not in known]
        if missing:
            rows = self.read(missing, [group])
            try:
                rows = with_types(rows, types)
            except pa.ArrowInvalid as error:
                raise damaged(self.path, "has values outside the ranges it states") from error
            for name in missing:
                known[name] = rows.select([name])
                kept.put(keys[name], known[name])
        parts = [known[name] for name in names]
        schema = pa.schema([part.schema.field(0) for part in parts], parts[0].schema.metadata)
        return pa.Table.from_arrays([part.column(0) for part in parts], schema=schema)

    @cached_property
    def _as_read(self) -> pa.Schema:
        """The columns with the types that `read` gives them."""
        with reading(self.path), self._handle() as file:
            schema: pa.Schema = file.schema_arrow
        return schema

    @cached_property
    def _narrow(self) -> pa.Schema:
        with reading(self.path):
            return narrow_schema(self._as_read, self.metadata)

    def batches(self, most_rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns of all rows, at most `most_rows` at a time. Errors are those of `read`."""
        for group in range(self.groups):
            self._checked_size([group], columns)
        with reading(self.path), self._handle() as file:
            yield from file.iter_batches(most_rows, columns=list(columns))

    @cached_property
    def _texts(self) -> list[str]:
        """Parquet paths of the columns with texts."""
        schema = self.metadata.schema
        columns = [schema.column(i) for i in range(len(schema.names))]
        return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]

    @contextmanager
    def _handle(self) -> Iterator[pq.ParquetFile]:
        """A handle for one read. Raises InputError if the file was replaced.

        A handle whose read failed is not used again.
        """
        try:
            file = self._free.pop()
        except IndexError:
            file = pq.ParquetFile(
                self.path,
                metadata=self.metadata,
                read_dictionary=self._texts,
                page_checksum_verification=True,
            )
        self._check_identity()
        yield file
        if len(self._free) < MOST_FREE:
            self._free.append(file)

    def _check_identity(self) -> None:
        """Raise InputError if the file was replaced."""
        if file_identity(self.path) != self._identity:
            raise changed(self.path)

    def _checked_size(self, groups: Iterable[int], columns: Sequence[str] | None) -> int:
        """Rows of the row groups. Raises InputError if they would take too much memory."""
        rows, size = self._size(groups, columns)
        self.check_memory(size)
        return rows

    def check_memory(self, size: int) -> None:
        """Raise InputError if rows of the table may not take so many bytes."""
        limit = memory_limit()
        if size > limit:
            raise InputError(
                f"{short_name(self.path)}: reading it takes about {size / 1e9:,.1f} GB, and the "
                f"limit is {limit / 1e9:g} GB; raise {MEMORY_SETTING} if the table is meant to be "
                f"this large, else {MEND}."
            )

    @cached_property
    def _sizes(self) -> list[int]:
        """About the bytes of each row group in memory."""
        return [self._size([group], None)[1] for group in range(self.groups)]

    @cached_property
    def _narrow_sizes(self) -> list[int]:
        """The same with narrow types."""
        return [self._size([group], None, self._narrow)[1] for group in range(self.groups)]

    def _size(
        self,
        groups: Iterable[int],
        columns: Sequence[str] | None,
        narrow: pa.Schema | None = None,
    ) -> tuple[int, int]:
        """Rows of the row groups, and about their bytes in memory, with `narrow` types if given."""
        rows, size = 0, 0
        for group in map(self.metadata.row_group, groups):
            rows += group.num_rows
            for i in range(group.num_columns):
                chunk = group.column(i)
                name = chunk.path_in_schema.split(".")[0]
                if columns is not None and name not in columns:
                    continue
                kind = None if narrow is None else narrow.field(name).type
                if kind is not None and pa.types.is_integer(kind):
                    size += kind.bit_width // 8 * chunk.num_values
                else:
                    width = _WIDTH.get(chunk.physical_type, 8)
                    size += max(chunk.total_uncompressed_size, width * chunk.num_values)
        return rows, size


def file_identity(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of the last change. Raises InputError if the file is missing."""
    try:
        status = path.stat()
    except OSError as error:
        raise changed(path) from error
    return status.st_ino, status.st_size, status.st_mtime_ns


def _footer(path: Path) -> bytes:
    """The bytes of the footer and the trailer."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TRAILER, 0))
        trailer = file.read(_TRAILER)
        length = int.from_bytes(trailer[:4], "little") + _TRAILER
        if trailer[4:] != b"PAR1" or length > size:
            raise ValueError("is not a Parquet file")
        file.seek(size - length)
        return file.read(length)
