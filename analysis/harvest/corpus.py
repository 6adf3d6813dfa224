"""Documents in, blocks of tokens out; which positions count, and tokens as people can read them.

A corpus is a text file (one document), JSONL or Parquet with a `text` column and optionally
`title` and `source`, or a Hugging Face dataset on disk. It is streamed: what is held at a time is
a few documents and a window of blocks, whatever the corpus' size.
"""

import functools
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError

MAX_DOCUMENT_CHARACTERS = 20_000_000
MAX_ROW_GROUP_BYTES = 2 << 30
_ROWS_AT_A_TIME = 64
_WINDOW_BLOCKS = 64


@dataclass(frozen=True)
class Document:
    """One text of a corpus."""

    index: int
    """Its place in the corpus, counted from 0."""
    title: str
    source: str
    text: str


@dataclass(frozen=True)
class TokenBlock:
    """Consecutive tokens of one document, short enough for one forward pass."""

    document: int
    start: int
    """Position in the document of the block's first token; token j stands at start + j."""
    token_ids: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True)
class TokenBatch:
    """Blocks side by side, padded on the right."""

    blocks: tuple[TokenBlock, ...]
    token_ids: npt.NDArray[np.int64]
    """[batch, seq]; 0 on padding."""
    attention_mask: npt.NDArray[np.int64]
    """[batch, seq]; 1 on text, 0 on padding."""


class MaskPolicy(BaseModel):
    """Which positions are left out of training and of every statistic.

    A special token is left out wherever it stands. So is an attention sink: a position where the
    model parks attention, with a residual norm some hundred times that of a word. SmolLM2's is the
    first position of each block (norm about 24,000 where the median is 141); others are found by
    their norm.
    """

    model_config = ConfigDict(frozen=True)

    special_token_ids: tuple[int, ...]
    sink_positions: int = 1
    """So many positions at the start of each block are left out."""
    sink_norm_ratio: float = 100.0
    """Positions with a norm above this multiple of the median norm are left out."""


class MaskCounts(BaseModel):
    """How many positions the mask kept and left out; each position is counted once."""

    model_config = ConfigDict(frozen=True)

    kept: int = 0
    special: int = 0
    sink_position: int = 0
    sink_norm: int = 0

    def __add__(self, other: "MaskCounts") -> "MaskCounts":
        return MaskCounts(
            kept=self.kept + other.kept,
            special=self.special + other.special,
            sink_position=self.sink_position + other.sink_position,
            sink_norm=self.sink_norm + other.sink_norm,
        )


# --- documents ---------------------------------------------------------------------------------


def read_corpus(path: str | Path) -> Iterator[Document]:
    """The documents of a corpus, in order; empty ones are passed over but keep their index.

    InputError: the file is missing, of no known kind, without a `text` column, not readable, or
    holds no text at all.
    """
    path = Path(path)
    rows = _reader(path)(path)
    found = False
    for index, (title, source, text) in enumerate(rows):
        if len(text) > MAX_DOCUMENT_CHARACTERS:
            raise InputError(
                f"Document {index} of {path} has {len(text):,} characters, more than the "
                f"{MAX_DOCUMENT_CHARACTERS:,} allowed: split it into several documents."
            )
        if not text.strip():
            continue
        found = True
        yield Document(index, title or f"document {index}", source, text)
    if not found:
        raise InputError(f"The corpus {path} holds no text: give one with at least one document.")


def corpus_hash(path: str | Path) -> str:
    """SHA-256 of the corpus' files, hexadecimal. InputError: the corpus is missing."""
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
        f"{path} is of no known kind of corpus: give a .txt, .jsonl or .parquet file or a "
        "dataset's folder."
    )


def _read_text(path: Path) -> Iterator[_Row]:
    if path.stat().st_size > 4 * MAX_DOCUMENT_CHARACTERS:
        raise InputError(
            f"{path} is one document of {path.stat().st_size:,} bytes, too large: give .jsonl or "
            ".parquet with one document a row."
        )
    try:
        yield path.stem, path.name, path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text at byte {error.start}: convert it.") from error


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
                    f"Line {number} of {path} has no `text` column of text: each line must be one "
                    "object with one."
                )
            yield str(row.get("title") or ""), str(row.get("source") or ""), row["text"]


def _read_parquet(path: Path) -> Iterator[_Row]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet: it is damaged or another kind.") from (
            error
        )
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
        raise InputError(f"{path} cannot be read to its end: it is damaged.") from error


def _read_arrow(path: Path) -> Iterator[_Row]:
    """Arrow IPC as Hugging Face datasets write it: the stream format, rarely the file format."""
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
        raise InputError(f"{path} cannot be read as Arrow: it is damaged.") from error


def _read_folder(path: Path) -> Iterator[_Row]:
    for file in _data_files(path):
        yield from _reader(file)(file)


def _data_files(path: Path) -> list[Path]:
    """The data files of a dataset's folder; of a dataset with splits, those of `train`."""
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


# --- blocks and batches ------------------------------------------------------------------------


def token_blocks(
    documents: Iterable[Document],
    tokenizer: Any,
    block_tokens: int = 256,
    max_tokens: int | None = None,
    *,
    special_token_ids: Collection[int] = (),
    sink_positions: int = 1,
    prepend_bos: bool = False,
) -> Iterator[TokenBlock]:
    """Cut each document into blocks of at most `block_tokens` tokens; none spans two documents.

    With `max_tokens` exactly so many positions are kept by `kept_mask`, if the corpus has them
    (sinks found later by their norm come off that number); the last block ends at the last of
    them. With `prepend_bos` each block begins with BOS, as Gemma needs it; BOS then has the
    position start, and the block's first word start + 1. Blocks that keep nothing are left out.
    """
    if max_tokens is not None and max_tokens < 1:
        raise InputError(f"A corpus cannot be cut to {max_tokens} tokens: ask for one or more.")
    read = tokenised(documents, tokenizer)
    head = [bos(tokenizer)] if prepend_bos else []
    return cut_blocks(read, block_tokens, max_tokens, special_token_ids, sink_positions, head)


def tokenised(documents: Iterable[Document], tokenizer: Any) -> Iterator[tuple[int, list[int]]]:
    """Index and token ids of each document."""
    for document in documents:
        encoded = tokenizer(document.text, add_special_tokens=False, verbose=False)
        yield document.index, encoded["input_ids"]


def cut_blocks(
    documents: Iterable[tuple[int, list[int]]],
    block_tokens: int,
    max_tokens: int | None,
    special_token_ids: Collection[int],
    sink_positions: int,
    head: list[int],
) -> Iterator[TokenBlock]:
    """`token_blocks` of documents that are token ids; `head` stands before each block."""
    if max_tokens is not None and max_tokens < 1:
        raise InputError(f"A corpus cannot be cut to {max_tokens} tokens: ask for one or more.")
    remaining = max_tokens
    step = block_tokens - len(head)
    for index, ids in documents:
        for start in range(0, len(ids), step):
            block = np.array(head + ids[start : start + step], dtype=np.int32)
            kept = kept_mask(block, special_token_ids, sink_positions)
            if remaining is not None and kept.sum() > remaining:
                block = block[: np.flatnonzero(kept)[remaining - 1] + 1]
                kept = kept[: len(block)]
            if kept.any():
                yield TokenBlock(index, start - len(head), block)
            if remaining is not None:
                remaining -= int(kept.sum())
                if remaining <= 0:
                    return


def batches(
    blocks: Iterable[TokenBlock], batch_tokens: int = 4096, window_blocks: int = _WINDOW_BLOCKS
) -> Iterator[TokenBatch]:
    """Group blocks of about equal length into batches of at most `batch_tokens` with padding.

    Blocks are sorted by length inside consecutive windows of `window_blocks`, so little padding is
    needed, and all blocks of one window come before the next window's. A block that is longer than
    `batch_tokens` is a batch of its own.
    """
    blocks = iter(blocks)
    while window := list(itertools.islice(blocks, window_blocks)):
        window.sort(key=len, reverse=True)
        while window:
            count = max(1, batch_tokens // len(window[0]))
            yield _padded(window[:count])
            del window[:count]


def _padded(blocks: Sequence[TokenBlock]) -> TokenBatch:
    shape = (len(blocks), max(len(block) for block in blocks))
    token_ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, block in enumerate(blocks):
        token_ids[row, : len(block)] = block.token_ids
        mask[row, : len(block)] = 1
    return TokenBatch(tuple(blocks), token_ids, mask)


def bos(tokenizer: Any) -> int:
    """The id of BOS; InputError: the tokenizer has none."""
    if tokenizer.bos_token_id is None:
        raise InputError("The tokenizer has no BOS token: build without it.")
    return int(tokenizer.bos_token_id)


# --- the mask ----------------------------------------------------------------------------------


def kept_mask(
    token_ids: npt.NDArray[np.integer[Any]],
    special_token_ids: Collection[int],
    sink_positions: int = 1,
) -> npt.NDArray[np.bool_]:
    """True where a position counts, by id and place alone; of the shape of token_ids [..., seq]."""
    kept = ~np.isin(token_ids, list(special_token_ids))
    kept[..., :sink_positions] = False
    return kept


def batch_mask(
    batch: TokenBatch,
    policy: MaskPolicy,
    norms: npt.NDArray[np.floating[Any]],
    median_norm: float,
) -> tuple[npt.NDArray[np.bool_], MaskCounts]:
    """Which positions [batch, seq] of a batch count, and why the others do not.

    norms [batch, seq] are those of the hooked activations and `median_norm` is their median, taken
    once for a whole corpus (`reference_norm`), so that a position's fate does not hang on its
    batch. A position with several reasons is counted under the first of special token, place and
    norm; padding is counted nowhere.
    """
    real = batch.attention_mask.astype(bool)
    special = real & np.isin(batch.token_ids, policy.special_token_ids)
    placed = real & ~special
    placed[:, policy.sink_positions :] = False
    loud = real & ~special & ~placed & (norms > policy.sink_norm_ratio * median_norm)
    kept = real & ~special & ~placed & ~loud
    return kept, MaskCounts(
        kept=int(kept.sum()),
        special=int(special.sum()),
        sink_position=int(placed.sum()),
        sink_norm=int(loud.sum()),
    )


def reference_norm(batch: TokenBatch, norms: npt.NDArray[np.floating[Any]]) -> float:
    """Median norm over the text positions of a batch: the corpus' first, by convention."""
    return float(np.median(norms[batch.attention_mask.astype(bool)]))


# --- readable tokens ---------------------------------------------------------------------------

_SHOWN = {"\n": "↵", "\t": "⇥", "\r": "␍"}
_BYTE_MARK = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def readable_token(tokenizer: Any, token_id: int) -> str:
    """One token as people can read it; see `readable_tokens`."""
    return readable_tokens(tokenizer, [token_id])[0]


def readable_tokens(tokenizer: Any, token_ids: Iterable[int]) -> list[str]:
    """Tokens as people can read them.

    The byte marks of GPT-2 (Ġ, Ċ) and of SentencePiece (▁, `<0x0A>`) become the text they stand
    for, a leading space stays a space, a newline is shown as ↵, a tab as ⇥, other control
    characters by their Unicode pictures, and bytes that are only part of a character as ⟨e2 80⟩.
    """
    ids = [int(token_id) for token_id in token_ids]
    raw = tokenizer.convert_ids_to_tokens(ids)
    byte_level = _is_byte_level(tokenizer)
    special = frozenset(tokenizer.all_special_ids)
    return [
        token if token_id in special else _shown(_token_bytes(token or "", byte_level))
        for token_id, token in zip(ids, raw, strict=True)
    ]


def _token_bytes(token: str, byte_level: bool) -> bytes:
    if byte_level:
        table = _byte_level_alphabet()
        if all(character in table for character in token):
            return bytes(table[character] for character in token)
        return token.encode()
    if match := _BYTE_MARK.fullmatch(token):
        return bytes([int(match[1], 16)])
    return token.replace("▁", " ").encode()


def _shown(raw: bytes) -> str:
    parts = []
    while raw:
        try:
            parts.append(raw.decode())
            break
        except UnicodeDecodeError as error:
            parts.append(raw[: error.start].decode())
            # A character cut off at the token's end has no end of its own to report.
            end = error.end if error.reason != "unexpected end of data" else len(raw)
            parts.append(f"⟨{raw[error.start : end].hex(' ')}⟩")
            raw = raw[end:]
    return "".join(_SHOWN.get(c, chr(0x2400 + ord(c)) if c < " " else c) for c in "".join(parts))


@functools.lru_cache(maxsize=8)
def _is_byte_level(tokenizer: Any) -> bool:
    vocabulary = tokenizer.get_vocab()
    return "Ġ" in vocabulary and "▁" not in vocabulary


@functools.cache
def _byte_level_alphabet() -> dict[str, int]:
    """The printable character by which GPT-2's byte-level BPE writes each byte.

    Printable Latin-1 bytes stand for themselves; the others are numbered upwards from U+0100.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }
