"""Read the documents of a corpus one by one.

A corpus is a text file (one document), JSONL or Parquet with a `text` column and optionally
`title` and `source`, or a Hugging Face dataset on disk. It is streamed: a corpus of any size takes
the memory of a few documents.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError

MAX_DOCUMENT_CHARACTERS = 20_000_000
MAX_ROW_GROUP_BYTES = 2 << 30
_ROWS_AT_A_TIME = 64


@dataclass(frozen=True)
class Document:
    """One text of a corpus."""

    index: int
    """Its index in the corpus, counted from 0."""
    title: str
    source: str
    text: str


def read_corpus(path: str | Path) -> Iterator[Document]:
    """Yield the documents of a corpus in order; blank ones are skipped but count in the indices.

    Raises InputError if the corpus is missing, of an unknown kind, damaged, without a `text`
    column, or without any text.
    """
    path = Path(path)
    rows = _reader(path)(path)
    has_text = False
    for index, (title, source, text) in enumerate(rows):
        if len(text) > MAX_DOCUMENT_CHARACTERS:
            raise InputError(
                f"Document {index} of {path} has {len(text):,} characters, more than the "
                f"{MAX_DOCUMENT_CHARACTERS:,} allowed: split it into several documents."
            )
        if not text.strip():
            continue
        has_text = True
        yield Document(index, title or f"document {index}", source, text)
    if not has_text:
        raise InputError(f"The corpus {path} has no text: give one with at least one document.")


def corpus_hash(path: str | Path) -> str:
    """SHA-256 of the corpus' files, hexadecimal. Raises InputError if the corpus is missing."""
    path = Path(path)
    _reader(path)
    return content_hash([path] if path.is_file() else _data_files(path))


_Row = tuple[str, str, str]  # title, source, text


def _reader(path: Path) -> Callable[[Path], Iterator[_Row]]:
    if not path.exists():
        raise InputError(
            f"There is no corpus at {path}: give a .txt, .jsonl or .parquet file or a dataset's "
            "folder."
        )
    if path.is_dir():
        return _read_folder
    readers = {
        ".txt": _read_text,
        ".md": _read_text,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".parquet": _read_parquet,
        ".arrow": _read_arrow,
    }
    if reader := readers.get(path.suffix.lower()):
        return reader
    raise InputError(
        f"{path} has an unknown format: give a .txt, .jsonl or .parquet file or a dataset's folder."
    )


def _read_text(path: Path) -> Iterator[_Row]:
    if path.stat().st_size > 4 * MAX_DOCUMENT_CHARACTERS:
        raise InputError(
            f"{path} is one document of {path.stat().st_size:,} bytes, which is too large: give a "
            ".jsonl or .parquet file with one document per row."
        )
    try:
        yield path.stem, path.name, path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text at byte {error.start}: convert it to UTF-8."
        ) from error


def _read_jsonl(path: Path) -> Iterator[_Row]:
    with path.open("rb") as stream:
        for number in itertools.count(1):
            line = stream.readline(8 * MAX_DOCUMENT_CHARACTERS)
            if not line:
                return
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(
                    f"Line {number} of {path} is not JSON: each line must be one object with a "
                    "`text` column."
                ) from error
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise InputError(
                    f"Line {number} of {path} has no `text` column of strings: each line must be "
                    "one object with a `text` string."
                )
            yield str(row.get("title") or ""), str(row.get("source") or ""), row["text"]


def _read_parquet(path: Path) -> Iterator[_Row]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Parquet: it is damaged or of another format; write it again."
        ) from (error)
    columns = _text_columns(path, file.schema_arrow)
    positions = [file.schema_arrow.get_field_index(name) for name in columns]
    for group in range(file.metadata.num_row_groups):
        metadata = file.metadata.row_group(group)
        sizes = [metadata.column(position).total_uncompressed_size for position in positions]
        if sum(sizes) > MAX_ROW_GROUP_BYTES:
            raise InputError(
                f"Row group {group} of {path} holds {sum(sizes):,} bytes of text: write it with "
                "smaller row groups."
            )
    try:
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=columns):
            yield from _batch_rows(batch)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read to its end: it is damaged; write it again."
        ) from error


def _read_arrow(path: Path) -> Iterator[_Row]:
    """Arrow IPC, in the stream format of Hugging Face datasets or in the file format."""
    try:
        with pa.memory_map(str(path)) as source:
            try:
                reader = pa.ipc.open_stream(source)
                batches: Iterable[pa.RecordBatch] = reader
            except pa.ArrowInvalid:
                reader = pa.ipc.open_file(source)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            columns = _text_columns(path, reader.schema)
            for batch in batches:
                for start in range(0, batch.num_rows, _ROWS_AT_A_TIME):
                    yield from _batch_rows(batch.select(columns).slice(start, _ROWS_AT_A_TIME))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Arrow: it is damaged; write it again."
        ) from error


def _read_folder(path: Path) -> Iterator[_Row]:
    for file in _data_files(path):
        yield from _reader(file)(file)


def _data_files(path: Path) -> list[Path]:
    """The data files in a dataset's folder; those of the split `train` if it has splits."""
    if (path / "dataset_dict.json").exists() and (path / "train").is_dir():
        path = path / "train"
    for suffix in ("arrow", "parquet", "jsonl", "txt"):
        if files := sorted(path.glob(f"*.{suffix}")):
            return files
    raise InputError(
        f"The folder {path} holds no .arrow, .parquet, .jsonl or .txt file: give a corpus file or "
        "a dataset saved to disk."
    )


def _text_columns(path: Path, schema: pa.Schema) -> list[str]:
    names = set(schema.names)
    kinds = (pa.types.is_string, pa.types.is_large_string)
    if "text" not in names or not any(kind(schema.field("text").type) for kind in kinds):
        shown = ", ".join(schema.names[:8]) or "none"
        raise InputError(
            f"{path} has no `text` column of strings (its columns: {shown}): rename the one that "
            "holds the text."
        )
    return [name for name in ("text", "title", "source") if name in names]


def _batch_rows(batch: pa.RecordBatch) -> Iterator[_Row]:
    for row in batch.to_pylist():
        yield str(row.get("title") or ""), str(row.get("source") or ""), row["text"] or ""
