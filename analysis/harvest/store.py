"""Convert shards to the stored activations of a bundle: by token and, transposed, by latent.

The shards are streamed. Transposing takes one pass over them for every block of latents whose
activations fit the memory setting, so memory does not grow with tokens; a counting sort places
each activation at once. Source of the layout: compressed sparse rows and columns.
"""

from collections.abc import Iterable
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa

from analysis.bundle import (
    Activations,
    TableWriter,
    open_activations,
    spans_within,
    write_table,
)
from analysis.harvest.corpus import Document
from analysis.harvest.document_values import DocumentValues
from analysis.harvest.shards import Shard, read_shards
from analysis.runtime.arrays import Float32s, Int32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES

_PLACED_BYTES = 16  # token and activation, in the block and again while it is written


def write_activation_tables(
    shards: Path,
    tables: Path,
    d_sae: int,
    *,
    documents: Iterable[Document] = (),
    memory_bytes: int = MEMORY_BYTES,
) -> Activations:
    """Write tokens, documents, their values and the activations in both orders to `tables`.

    `documents` give titles, sources and values, in ascending order of their index; the title of any
    other document is its number. Returns the stored activations.
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
    write_table(tables, "document_values", titles.values.table())
    with TableWriter(tables, "activations_by_latent") as by_latent:
        for start, stop in spans_within(counts, memory_bytes // _PLACED_BYTES):
            placed, values = _transposed(shards, counts, start, stop)
            by_latent.write(pa.table({"token": placed, "activation": values}))
    return open_activations(tables, d_sae)


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


def _transposed(shards: Path, counts: Ints, start: int, stop: int) -> tuple[UInt32s, Float32s]:
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
    latents: UInt32s,
    activations: Float32s,
    active: Int32s,
    row: int,
    start: int,
    cursor: Ints,
    tokens: UInt32s,
    values: Float32s,
) -> None:
    """Append one shard's activations to those of each latent of the block.

    cursor [latents + 1] holds the place of each latent's next activation and is advanced, except
    for its last entry, the end of the block. The block's first latent is `start`.
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
    """Writes one row per document, shard by shard; a document may span several shards."""

    def __init__(self, tables: Path, documents: Iterable[Document]) -> None:
        self._writer = TableWriter(tables, "documents")
        self._named = iter(documents)
        self._next: Document | None = next(self._named, None)
        self._open: tuple[int, int] | None = None
        self.values = DocumentValues()
        """Of the documents that were written."""

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
            self.values.add(document, self._next.values)
            return self._next.title, self._next.source
        return f"document {document}", ""

    def __enter__(self) -> "_DocumentWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._write([self._open])
        self._writer.close()
