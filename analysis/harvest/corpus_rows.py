"""The rows of one file of a corpus: text, Parquet, Arrow and JSON, packed by gzip or Zstandard.

A row is a text or a list of token ids, with a title, a source and the values of other columns, such
as a language. Files are streamed: memory holds some rows, or one row group of Parquet.
"""

import gzip
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, cast

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.harvest import odd_rows
from analysis.harvest.corpus_files import TEXT, CorpusFile
from analysis.harvest.document_values import LONGEST_VALUE, Values, values_of
from analysis.harvest.odd_rows import OddRows, decoded, short_storable
from analysis.runtime.errors import InputError

MAX_ROW_GROUP_BYTES = 2 << 30
MOST_JSON_BYTES = 512 << 20
"""Of a file that is one JSON array."""
TOKEN_COLUMNS = ("input_ids", "tokens")
"""Columns of token ids that are read if there is no column of text."""
_OWN_COLUMNS = ("title", "source")
_ROWS_AT_A_TIME = 64
_SMALL_COLUMN = 1 << 20
"""Bytes of a column that is always read."""
_DAMAGE = (pa.ArrowException, OSError, EOFError, zlib.error, httpx2.HTTPError)


class Row(NamedTuple):
    """One row of a corpus as it is stored."""

    place: str
    """For messages, such as `line 7 of c.jsonl`."""
    value: Any
    """Text, token ids, or something odd."""
    title: str = ""
    source: str = ""
    undecoded: bool = False
    """Whether the text had bytes that are not UTF-8."""
    values: Values = ()
    """Of its other columns."""


def file_rows(file: CorpusFile, column: str | None, odd: OddRows) -> Iterator[Row]:
    """The rows of a file; `column` holds the text or the token ids.

    Raises InputError if the file is damaged, of an unknown kind, or has no such column.
    """
    if file.kind in TEXT:
        return _text_rows(file)
    if file.kind == ".parquet" and not file.packing:
        return _parquet_rows(file, column)
    if file.kind == ".arrow" and not file.packing:
        return _arrow_rows(file, column)
    if file.kind in (".jsonl", ".ndjson"):
        return _line_rows(file, column, odd)
    if file.kind == ".json":
        return _json_rows(file, column, odd)
    raise InputError(
        f"{file.name} has an unknown format: give a .txt, .jsonl or .parquet file, also as .gz or "
        ".zst, or a dataset's folder."
    )


@contextmanager
def _unpacked(file: CorpusFile) -> Iterator[BinaryIO]:
    """The bytes of a file. Raises InputError if it ends early or is not of its packing."""
    try:
        with file.open() as opened:
            if file.packing == ".gz":
                with gzip.GzipFile(fileobj=opened) as unpacked:
                    yield cast(BinaryIO, unpacked)
            elif file.packing == ".zst":
                packed = pa.CompressedInputStream(pa.PythonFile(opened, "r"), "zstd")
                yield cast(BinaryIO, _Lines(packed))
            else:
                yield opened
    except _DAMAGE as error:
        what = f"unpacked ({file.packing})" if file.packing else "read"
        raise InputError(
            f"{file.name} cannot be {what} to its end: it is damaged; write it again."
        ) from error


class _Lines:
    """Lines of an Arrow stream, whose own `readline` is not implemented."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream
        self._left = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        while len(self._left) < size and (piece := self._stream.read(1 << 20)):
            self._left += piece
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def readline(self, size: int) -> bytes:
        """The next line, or `size` bytes of it."""
        searched = 0
        while (end := self._left.find(b"\n", searched)) < 0 and len(self._left) < size:
            searched = len(self._left)
            if not (piece := self._stream.read(1 << 20)):
                break
            self._left += piece
        length = min(size, end + 1 if end >= 0 else len(self._left))
        taken, self._left = self._left[:length], self._left[length:]
        return taken


def _text_rows(file: CorpusFile) -> Iterator[Row]:
    """The one document of a text file."""
    most = 4 * odd_rows.MAX_DOCUMENT_CHARACTERS + 8
    with _unpacked(file) as stream:
        content = stream.read(most)
    if len(content) == most:
        content = _whole_characters(content)
    text, undecoded = decoded(content.removeprefix(b"\xef\xbb\xbf"))
    yield Row(file.name, text, file.stem, short_storable(file.relative), undecoded)


def _whole_characters(content: bytes) -> bytes:
    """The bytes without the last character, of which some may be missing."""
    last = next((i for i in (1, 2, 3, 4) if content[-i] & 0xC0 != 0x80), 1)
    return content[:-last]


def _line_rows(file: CorpusFile, column: str | None, odd: OddRows) -> Iterator[Row]:
    most = 8 * odd_rows.MAX_DOCUMENT_CHARACTERS
    with _unpacked(file) as stream:
        for number in itertools.count(1):
            line = stream.readline(most)
            if not line:
                return
            place = f"line {number} of {file.name}"
            if len(line) == most and not line.endswith(b"\n"):
                odd.count(odd_rows.TOO_LONG_LINE, place)
                while len(rest := stream.readline(most)) == most and not rest.endswith(b"\n"):
                    pass
                yield Row(place, Ellipsis)
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            text, undecoded = decoded(line)
            row = _parsed(text, f"Line {number} of {file.name}")
            column = column or _named_column(row, f"Line {number} of {file.name}")
            yield _object_row(row, place, column, undecoded)


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where} is not JSON: each line must be one object with a `text` column."
        ) from error
    if not isinstance(row, dict):
        raise InputError(
            f"{where} has no `text` column of strings: each line must be one object with a `text` "
            "string."
        )
    return row


def _json_rows(file: CorpusFile, column: str | None, odd: OddRows) -> Iterator[Row]:
    """A file that is one array of objects, or an object in each line."""
    with _unpacked(file) as stream:
        head = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        content = head + stream.read(MOST_JSON_BYTES) if head.startswith(b"[") else b""
    if not content:
        yield from _line_rows(file, column, odd)
        return
    if len(content) >= MOST_JSON_BYTES:
        raise InputError(
            f"{file.name} is one JSON array of more than {MOST_JSON_BYTES >> 20} MB: write it as "
            ".jsonl, one object in each line."
        )
    text, undecoded = decoded(content)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{file.name} is not JSON{line}: write it again.") from error
    for number, row in enumerate(rows, start=1):
        place = f"object {number} of {file.name}"
        if not isinstance(row, dict):
            raise InputError(f"Object {number} of {file.name} has no `text` column of strings.")
        column = column or _named_column(row, f"Object {number} of {file.name}")
        yield _object_row(row, place, column, undecoded)


def _object_row(row: dict[str, Any], place: str, column: str, undecoded: bool) -> Row:
    title, source = short_storable(row.get("title")), short_storable(row.get("source"))
    value = row.get(column)
    if isinstance(value, str) and undecoded and "\ufffd" not in value:
        undecoded = False  # the bytes were in another column
    others = {name: one for name, one in row.items() if name not in (column, *_OWN_COLUMNS)}
    return Row(place, value, title, source, undecoded, values_of(others))


def _named_column(row: dict[str, Any], where: str) -> str:
    """The column of text, else of token ids, in the first object of a file."""
    if isinstance(row.get("text", 0), str | None):
        return "text"
    for name in TOKEN_COLUMNS:
        if _are_ids(row.get(name)):
            return name
    raise InputError(
        f"{where} has no `text` column of strings{_columns(list(row))}: "
        "name the column that holds the text with --text-column."
    )


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is int for one in value)


def _columns(names: Sequence[str]) -> str:
    return f" (its columns: {', '.join(names[:8]) or 'none'})"


def _parquet_rows(file: CorpusFile, column: str | None) -> Iterator[Row]:
    try:
        opened = pq.ParquetFile(file.local or file.open())
    except (*_DAMAGE, UnicodeDecodeError) as error:
        raise InputError(
            f"{file.name} cannot be read as Parquet: it is damaged or of another format; write it "
            "again."
        ) from error
    with opened:
        own = _own_columns(file, opened.schema_arrow, column)
        _check_row_groups(file, opened.metadata, own)
        own += _value_columns(opened.schema_arrow, own, _short_columns(opened.metadata))
        try:
            batches = opened.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=own)
            yield from _batch_rows(file, batches, own)
        except _DAMAGE as error:
            raise InputError(
                f"{file.name} cannot be read to its end: it is damaged; write it again."
            ) from error


def _check_row_groups(file: CorpusFile, metadata: pq.FileMetaData, columns: Sequence[str]) -> None:
    for group in range(metadata.num_row_groups):
        chunks = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
        size = sum(
            chunk.total_uncompressed_size
            for chunk in chunks
            if chunk.path_in_schema.split(".")[0] in columns
        )
        if size > MAX_ROW_GROUP_BYTES:
            raise InputError(
                f"Row group {group} of {file.name} holds {size:,} bytes of text: write it with "
                "smaller row groups."
            )


def _arrow_rows(file: CorpusFile, column: str | None) -> Iterator[Row]:
    """Arrow IPC, in the stream format of Hugging Face datasets or in the file format."""
    try:
        mapped = pa.memory_map(str(file.local)) if file.local else pa.PythonFile(file.open(), "r")
        with mapped as source:
            try:
                reader = pa.ipc.open_stream(source)
                batches: Iterable[pa.RecordBatch] = reader
            except pa.ArrowInvalid:
                source.seek(0)
                reader = pa.ipc.open_file(source)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            own = _own_columns(file, reader.schema, column)
            own += _value_columns(reader.schema, own, set(reader.schema.names))
            pieces = (
                batch.select(own).slice(start, _ROWS_AT_A_TIME)
                for batch in batches
                for start in range(0, batch.num_rows, _ROWS_AT_A_TIME)
            )
            yield from _batch_rows(file, pieces, own)
    except _DAMAGE as error:
        raise InputError(
            f"{file.name} cannot be read as Arrow: it is damaged; write it again."
        ) from error


def _own_columns(file: CorpusFile, schema: pa.Schema, column: str | None) -> list[str]:
    """The column of text or token ids, and title and source if there are any."""
    candidates = [column] if column else ["text", *TOKEN_COLUMNS]
    for name in candidates:
        places = schema.get_all_field_indices(name)
        if len(places) > 1:
            raise InputError(f"{file.name} has several columns `{name}`: keep one of them.")
        if places and (_is_text(schema.field(name).type) or _is_ids(schema.field(name).type)):
            extra = [n for n in _OWN_COLUMNS if n != name]
            return [name, *(n for n in extra if len(schema.get_all_field_indices(n)) == 1)]
    texts = [field.name for field in schema if _is_text(field.type)]
    hint = f", such as --text-column {texts[0]}" if texts else ""
    raise InputError(
        f"{file.name} has no `{column or 'text'}` column of strings{_columns(schema.names)}: name "
        f"the column that holds the text with --text-column{hint}."
    )


def _value_columns(schema: pa.Schema, own: Sequence[str], short: set[str]) -> list[str]:
    """Other columns whose values may tell documents apart: words, whole numbers, yes or no."""
    return [
        field.name
        for field in schema
        if field.name not in own
        and field.name in short
        and len(schema.get_all_field_indices(field.name)) == 1
        and (
            _is_text(field.type)
            or pa.types.is_integer(field.type)
            or pa.types.is_boolean(field.type)
        )
    ]


def _short_columns(metadata: pq.FileMetaData) -> set[str]:
    """Columns whose values are so short on average that they can be values of documents.

    The others, such as a second text, are not read.
    """
    size: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        chunks = (metadata.row_group(group).column(i) for i in range(metadata.num_columns))
        for chunk in chunks:
            name = chunk.path_in_schema
            size[name] = size.get(name, 0) + chunk.total_uncompressed_size
    most = LONGEST_VALUE * max(metadata.num_rows, 1)
    return {name for name, total in size.items() if total <= most + _SMALL_COLUMN}


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    return any(getattr(pa.types, f"is_{name}")(kind) for name in tests)


def _is_ids(kind: pa.DataType) -> bool:
    lists = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    is_list = any(getattr(pa.types, f"is_{name}")(kind) for name in lists)
    return is_list and pa.types.is_integer(kind.value_type)


def _batch_rows(
    file: CorpusFile, batches: Iterable[pa.RecordBatch], columns: Sequence[str]
) -> Iterator[Row]:
    number = 0
    for batch in batches:
        values, *others = (_plain(batch.column(batch.schema.names.index(n))) for n in columns)
        for value, *row in zip(values, *others, strict=True):
            number += 1
            text, undecoded = decoded(value) if isinstance(value, bytes) else (value, False)
            named = dict(zip(columns[1:], row, strict=True))
            title, source = (short_storable(named.pop(name, None)) for name in _OWN_COLUMNS)
            place = f"row {number} of {file.name}"
            yield Row(place, text, title, source, undecoded, values_of(named))


def _plain(column: pa.Array) -> list[Any]:
    """Values of a column; text as bytes, since Arrow does not check that it is UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        column = column.cast(pa.large_binary())
    values: list[Any] = column.to_pylist()
    return values
