"""Shards become the stored activations of a bundle: by token, and transposed, by latent.

The shards are streamed. Transposing takes one pass over them for every block of latents whose
activations fit the memory setting, so memory does not grow with tokens; a counting sort places
each activation at once. Source of the layout: compressed sparse rows and columns.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import ROW_GROUP, Activations, KeptTokens, TableWriter
from analysis.harvest.corpus import Document
from analysis.harvest.shards import Shard, read_shards
from analysis.runtime.errors import InputError

MEMORY_BYTES = 512 << 20
WORKING_BYTES = 48
"""Held for each activation of a block that is worked on: token, activation, document, a key."""
READERS = 4
"""Threads that read and decode row groups of the file at the same time."""
PIECE_ACTIVATIONS = 2 << 20
"""Read at a time where all tokens are walked."""
_PLACED_BYTES = 16  # token and activation, in the block and again while it is written

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LatentBlock:
    """The activations of consecutive latents."""

    first: int
    """The first latent."""
    ends: Ints
    """[latents] where each latent's activations end in the two arrays."""
    tokens: npt.NDArray[np.uint32]
    """[m] rows of the token table, ascending inside a latent."""
    activations: npt.NDArray[np.float32]
    """[m]"""


def write_activation_tables(
    shards: Path,
    tables: Path,
    d_sae: int,
    *,
    documents: Iterable[Document] = (),
    memory_bytes: int = MEMORY_BYTES,
) -> Activations:
    """Write tokens, documents, activations_by_token and activations_by_latent to `tables`.

    `documents` give titles and sources, in ascending order of their index; a document that is not
    among them is called by its number. Returns the activations, open.
    """
    counts = np.zeros(d_sae, dtype=np.int64)
    with (
        TableWriter(tables, "tokens") as tokens,
        TableWriter(tables, "activations_by_token") as by_token,
        _DocumentWriter(tables, documents) as titles,
    ):
        for shard in read_shards(shards):
            tokens.write(_token_rows(shard))
            by_token.write(pa.table({"latent": shard.latents}))
            titles.add(shard)
            counts += np.bincount(shard.latents, minlength=d_sae)
    with TableWriter(tables, "activations_by_latent") as by_latent:
        for start, stop in latent_spans(counts, memory_bytes // _PLACED_BYTES):
            placed, values = _transposed(shards, counts, start, stop)
            by_latent.write(pa.table({"token": placed, "activation": values}))
    return open_activations(tables, d_sae)


def latent_spans(counts: Ints, most: int) -> Iterator[tuple[int, int]]:
    """Consecutive latents (start, stop) that have at most `most` activations, or one latent."""
    ends = np.cumsum(counts)
    start, before = 0, 0
    while start < len(counts):
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield start, stop
        start, before = stop, int(ends[stop - 1])


def open_activations(tables: Path, d_sae: int) -> Activations:
    """The stored activations in a folder of tables, before there is a whole bundle."""
    counts = np.zeros(d_sae, dtype=np.int64)
    file = pq.ParquetFile(tables / "activations_by_token.parquet", memory_map=True)
    for batch in file.iter_batches():
        counts += np.bincount(batch.column("latent").to_numpy(), minlength=d_sae)
    active = pq.read_table(tables / "tokens.parquet", columns=["active_latents"], memory_map=True)
    return Activations(
        tables, np.cumsum(counts), np.cumsum(active["active_latents"].to_numpy(), dtype=np.int64)
    )


def latent_blocks(
    activations: Activations, memory_bytes: int = MEMORY_BYTES
) -> Iterator[LatentBlock]:
    """All activations by latent, in blocks that fit the memory setting (or hold one latent)."""
    counts = np.diff(activations.latent_ends, prepend=0)
    for start, stop in latent_spans(counts, memory_bytes // WORKING_BYTES):
        tokens, values, counted = activations.of_latents(start, stop)
        yield LatentBlock(start, np.cumsum(counted), tokens, values)


def chosen_tokens(activations: Activations, latents: Ints) -> tuple[npt.NDArray[np.uint32], Ints]:
    """Token rows of the ascending latents, one latent after the other, and their counts.

    Latents that share a row group of the file, or have neighbouring ones, are read together.
    """
    ends = activations.latent_ends
    starts = ends - np.diff(ends, prepend=0)
    apart = np.flatnonzero(starts[latents[1:]] - ends[latents[:-1]] >= ROW_GROUP) + 1

    def read(together: Ints) -> list[npt.NDArray[np.uint32]]:
        first, last = int(together[0]), int(together[-1])
        tokens, _ = activations.tokens_of_latents(first, last + 1)
        base = starts[first]
        return [tokens[starts[one] - base : ends[one] - base] for one in together]

    runs = np.split(latents, apart) if len(latents) else []
    with ThreadPoolExecutor(READERS) as pool:
        pieces = [piece for pieces in pool.map(read, runs) for piece in pieces]
    return np.concatenate([np.empty(0, dtype=np.uint32), *pieces]), (ends - starts)[latents]


def kept_tokens(tables: Path) -> KeptTokens:
    """Where the kept tokens stand, from the token table of a bundle that is being built."""
    tokens = pq.read_table(tables / "tokens.parquet", columns=["document", "kept"])
    return KeptTokens.of(tokens["document"].to_numpy(), tokens["kept"].to_numpy())


def token_pieces(
    activations: Activations,
) -> Iterator[tuple[int, Ints, npt.NDArray[np.uint32]]]:
    """The activations by token in pieces: first row, offsets [rows + 1], latents [m]."""
    ends = activations.token_ends
    start = 0
    while start < len(ends):
        behind = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, behind + PIECE_ACTIVATIONS, side="right"))
        stop = max(stop, start + 1)
        latents, counted = activations.latents_of_tokens(start, stop)
        yield start, np.concatenate([[0], np.cumsum(counted)]), latents
        start = stop


@dataclass(frozen=True)
class DocumentRows:
    """Where each document ends in the token table."""

    documents: Ints
    """[documents] ids, ascending."""
    ends: Ints
    """[documents] the row behind each document's last token."""

    def index_of(self, rows: npt.NDArray[Any]) -> Ints:
        """Which document, counted from 0, each row of the token table lies in."""
        return np.searchsorted(self.ends, rows, side="right")

    @property
    def starts(self) -> Ints:
        """[documents] the row of each document's first token."""
        return np.concatenate([[0], self.ends[:-1]])


def document_rows(tables: Path) -> DocumentRows:
    """Read the documents' ends from the token table, a piece at a time."""
    ids: list[Ints] = []
    ends: list[Ints] = []
    row = 0
    file = pq.ParquetFile(tables / "tokens.parquet", memory_map=True)
    for batch in file.iter_batches(columns=["document"]):
        documents = batch.column("document").to_numpy()
        last = np.append(np.flatnonzero(np.diff(documents)), len(documents) - 1)
        if ids and ids[-1][-1] == documents[0]:
            ids[-1], ends[-1] = ids[-1][:-1], ends[-1][:-1]
        ids.append(documents[last])
        ends.append(last + row + 1)
        row += len(documents)
    if not ids:
        raise InputError(f"{tables / 'tokens.parquet'}: has no tokens; build the bundle again.")
    return DocumentRows(np.concatenate(ids), np.concatenate(ends))


def _token_rows(shard: Shard) -> pa.Table:
    return pa.table(
        {
            "document": shard.document,
            "position": shard.position,
            "token": shard.token,
            "kept": shard.kept,
            "active_latents": shard.active,
        }
    )


def _transposed(
    shards: Path, counts: Ints, start: int, stop: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    """Token rows and activations of latents start..stop-1, in one pass over the shards."""
    cursor = np.concatenate([[0], np.cumsum(counts[start:stop])])
    tokens = np.empty(cursor[-1], dtype=np.uint32)
    values = np.empty(cursor[-1], dtype=np.float32)
    row = 0
    for shard in read_shards(shards):
        _place(shard.latents, shard.activations, shard.active, row, start, cursor, tokens, values)
        row += len(shard)
    return tokens, values


@numba.njit(cache=True)
def _place(
    latents: npt.NDArray[np.uint32],
    activations: npt.NDArray[np.float32],
    active: npt.NDArray[np.int32],
    row: int,
    start: int,
    cursor: Ints,
    tokens: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
) -> None:
    """Put one shard's activations of latents from `start` on behind what each latent has.

    cursor [latents + 1] moves on; its last entry bounds the block and stays.
    """
    stop = start + len(cursor) - 1
    k = 0
    for i in range(len(active)):
        for _ in range(active[i]):
            latent = np.int64(latents[k])
            if start <= latent < stop:
                place = cursor[latent - start]
                tokens[place] = row + i
                values[place] = activations[k]
                cursor[latent - start] = place + 1
            k += 1


class _DocumentWriter:
    """Writes one row per document as the shards pass; a document may span several."""

    def __init__(self, tables: Path, documents: Iterable[Document]) -> None:
        self._writer = TableWriter(tables, "documents")
        self._named = iter(documents)
        self._next: Document | None = next(self._named, None)
        self._open: tuple[int, int] | None = None

    def add(self, shard: Shard) -> None:
        starts = np.flatnonzero(np.diff(shard.document, prepend=shard.document[0] - 1))
        kept = np.add.reduceat(shard.kept.astype(np.int64), starts)
        rows = list(zip(shard.document[starts].tolist(), kept.tolist(), strict=True))
        if self._open is not None and self._open[0] == rows[0][0]:
            rows[0] = (rows[0][0], rows[0][1] + self._open[1])
        elif self._open is not None:
            rows.insert(0, self._open)
        self._open = rows.pop()
        self._write(rows)

    def _write(self, rows: list[tuple[int, int]]) -> None:
        names = [self._name(document) for document, _ in rows]
        self._writer.write(
            pa.table(
                {
                    "document": pa.array([document for document, _ in rows], pa.int64()),
                    "title": pa.array([title for title, _ in names], pa.string()),
                    "source": pa.array([source for _, source in names], pa.string()),
                    "tokens": pa.array([kept for _, kept in rows], pa.int32()),
                }
            )
        )

    def _name(self, document: int) -> tuple[str, str]:
        while self._next is not None and self._next.index < document:
            self._next = next(self._named, None)
        if self._next is not None and self._next.index == document:
            return self._next.title, self._next.source
        return f"document {document}", ""

    def __enter__(self) -> "_DocumentWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._write([self._open])
        self._writer.close()
