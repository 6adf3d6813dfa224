"""The stored sparse activations, read by latent and by token.

`activations_by_latent` holds the active (token, activation) pairs of latent 0, then of latent 1,
and so on; `activations_by_token` holds the active latents of row 0 of the token table, then of row
1, and so on. Running sums of the counts give the rows of a file that belong to a latent or a token.
Files are read in whole row groups, so latents that are near each other in the file are read
together.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle.blocks import near_spans, spans_within
from analysis.bundle.damage import damaged
from analysis.bundle.table_file import TableFile
from analysis.bundle.tables import ROW_GROUP, read_rows
from analysis.runtime.arrays import Float32s, Int32s, Ints, UInt32s

WORKING_BYTES = 48
"""Bytes per activation while a block is in use: token, activation, document and a sort key."""
READERS = 4
"""Threads that read and decode row groups of one file at the same time."""
MOST_ROWS = 64 * ROW_GROUP
"""Default number of file rows read at once."""
MOST_LATENTS = 1 << 30
TOKEN_BLOCK = 2 << 20
"""Number of activations read at once in token order."""


@dataclass(frozen=True)
class LatentBlock:
    """The activations of several latents, in ascending order."""

    latents: Ints
    """[k] ids, ascending."""
    ends: Ints
    """[k] where each latent's activations end in the two arrays; those of the next begin there."""
    tokens: UInt32s
    """[m] rows of the token table, ascending inside a latent."""
    activations: Float32s
    """[m]"""

    @property
    def counts(self) -> Ints:
        """[k] active tokens of each latent."""
        return np.diff(self.ends, prepend=0)

    def each(self) -> Iterator[tuple[int, UInt32s, Float32s]]:
        """Yield each latent with its token rows and activations."""
        start = 0
        for latent, end in zip(self.latents.tolist(), self.ends.tolist(), strict=True):
            yield latent, self.tokens[start:end], self.activations[start:end]
            start = end


@dataclass(frozen=True)
class TokenBlock:
    """The active latents of consecutive rows of the token table."""

    first: int
    """The first row."""
    offsets: Ints
    """[rows + 1] row first + i has latents[offsets[i]:offsets[i + 1]]."""
    latents: UInt32s
    """[m] ascending inside a row."""

    @property
    def stop(self) -> int:
        """The row after the last."""
        return self.first + len(self.offsets) - 1


@dataclass(frozen=True)
class Activations:
    """The stored sparse activations, readable by latent and by token."""

    folder: Path
    latent_ends: Ints = field(repr=False)
    """[d_sae] where each latent's rows end in `activations_by_latent`."""
    token_ends: Ints = field(repr=False)
    """[rows] where each token's rows end in `activations_by_token`."""
    opened: Mapping[str, TableFile] = field(default_factory=dict, repr=False, compare=False)
    """The files of tables that are open."""

    @cached_property
    def latent_counts(self) -> Ints:
        """[d_sae] kept tokens on which each latent is active."""
        return np.diff(self.latent_ends, prepend=0)

    def of_latent(self, latent: int) -> tuple[UInt32s, Float32s]:
        """Rows of the token table [n], ascending, and activations [n]."""
        ((_, tokens, values),) = self.each_of(np.array([latent]))
        return tokens, values

    def blocks_by_latent(
        self,
        latents: Ints | Int32s | None = None,
        most_rows: float = MOST_ROWS,
        most_latents: int = MOST_LATENTS,
    ) -> Iterator[LatentBlock]:
        """Yield the activations of the ascending `latents` (by default all) in blocks.

        A block has at most `most_latents` latents and spans at most `most_rows` rows of the file,
        or more if it holds a single latent.
        """
        wanted = np.arange(len(self.latent_ends)) if latents is None else latents.astype(np.int64)
        for start, stop in self._spans(wanted, most_rows):
            for first in range(start, stop, most_latents):
                chosen = wanted[first : min(first + most_latents, stop)]
                rows = self._read(chosen)
                tokens, values = rows["token"].to_numpy(), rows["activation"].to_numpy()
                yield LatentBlock(chosen, np.cumsum(self.latent_counts[chosen]), tokens, values)

    def each_of(
        self, latents: Ints | Int32s, most_rows: float = MOST_ROWS
    ) -> Iterator[tuple[int, UInt32s, Float32s]]:
        """Yield each of the ascending `latents` with its token rows and activations."""
        for block in self.blocks_by_latent(latents, most_rows):
            yield from block.each()

    def tokens_of(self, latents: Ints) -> tuple[UInt32s, Ints]:
        """Token rows of the ascending latents, one latent after the other, and their counts."""
        spans = list(self._spans(latents, MOST_ROWS))
        with ThreadPoolExecutor(READERS) as pool:
            read = pool.map(lambda span: self._read(latents[slice(*span)], ["token"]), spans)
            pieces = [rows["token"].to_numpy() for rows in read]
        nothing = np.empty(0, dtype=np.uint32)
        return np.concatenate([nothing, *pieces]), self.latent_counts[latents]

    def of_token(self, row: int) -> tuple[UInt32s, Float32s]:
        """Latents [n], ascending, that are active on a token row, and their activations [n]."""
        latents, _ = self.latents_of_tokens(row, row + 1)
        values = np.empty(len(latents), dtype=np.float32)
        for i, latent in enumerate(latents):
            tokens, activations = self.of_latent(int(latent))
            place = int(np.searchsorted(tokens, row))
            if place == len(tokens) or tokens[place] != row:
                raise damaged(self._by_token.path, "has pairs that activations_by_latent lacks")
            values[i] = activations[place]
        return latents, values

    def latents_of_tokens(self, start: int, stop: int) -> tuple[UInt32s, Ints]:
        """Active latents of the token rows start..stop-1, one after the other, and their counts."""
        first = int(self.token_ends[start - 1]) if start else 0
        last = int(self.token_ends[stop - 1]) if stop else 0
        stored = read_rows(self._by_token, first, last)["latent"]
        if stored.null_count:
            raise damaged(self._by_token.path, "has rows without a latent")
        latents = stored.to_numpy()
        if latents.max(initial=0) >= max(len(self.latent_ends), 1):
            raise damaged(self._by_token.path, "has latents that the SAE does not have")
        return latents, np.diff(self.token_ends[start:stop], prepend=first)

    def blocks_by_token(self, most: float = TOKEN_BLOCK) -> Iterator[TokenBlock]:
        """Yield all active latents in token order, at most `most` (or one token) at a time."""
        for start, stop in spans_within(np.diff(self.token_ends, prepend=0), most):
            latents, counts = self.latents_of_tokens(start, stop)
            yield TokenBlock(start, np.concatenate([[0], np.cumsum(counts)]), latents)

    @cached_property
    def _by_latent(self) -> TableFile:
        return self._file("activations_by_latent")

    @cached_property
    def _by_token(self) -> TableFile:
        return self._file("activations_by_token")

    def _file(self, table: str) -> TableFile:
        return self.opened.get(table) or TableFile(self.folder / f"{table}.parquet")

    @cached_property
    def _latent_starts(self) -> Ints:
        return self.latent_ends - self.latent_counts

    def _spans(self, latents: Ints, most_rows: float) -> Iterator[tuple[int, int]]:
        """Index ranges (start, stop) of the `latents` that are read together.

        A gap of a whole row group or more starts a new read.
        """
        starts, ends = self._latent_starts[latents], self.latent_ends[latents]
        return near_spans(starts, ends, most_rows, gap=ROW_GROUP)

    def _read(self, latents: Ints, columns: list[str] | None = None) -> pa.Table:
        """Read the rows of the ascending latents in one piece, and drop the rows between them."""
        starts, ends = self._latent_starts[latents], self.latent_ends[latents]
        base = int(starts[0])
        rows = read_rows(self._by_latent, base, int(ends[-1]), columns)
        self._check(rows, base)
        if (starts[1:] == ends[:-1]).all():
            return rows
        own = zip((starts - base).tolist(), (ends - starts).tolist(), strict=True)
        return pa.concat_tables([rows.slice(start, count) for start, count in own])

    def _check(self, rows: pa.Table, base: int) -> None:
        """Raise InputError unless tokens ascend in every latent and all numbers are valid.

        `rows` are those of `activations_by_latent` from row `base`.
        """
        if rows["token"].null_count:
            raise damaged(self._by_latent.path, "has rows without a token")
        tokens = rows["token"].to_numpy()
        if tokens.max(initial=0) >= max(len(self.token_ends), 1):
            raise damaged(self._by_latent.path, "has rows of tokens that the bundle does not have")
        # A number that does not ascend begins the next latent.
        begins = base + 1 + np.flatnonzero(tokens[1:] <= tokens[:-1])
        known = (
            self.latent_ends[np.searchsorted(self.latent_ends, begins)] if len(begins) else begins
        )
        if not np.array_equal(known, begins):
            raise damaged(self._by_latent.path, "has a latent whose tokens do not ascend")
        if "activation" in rows.column_names:
            values = rows["activation"].to_numpy()
            if not np.isfinite([values.min(initial=0), values.max(initial=0)]).all():
                raise damaged(self._by_latent.path, "has activations that are not finite")


def open_activations(tables: Path, d_sae: int) -> Activations:
    """Open the stored activations in a folder of tables that is not yet a bundle."""
    counts = np.zeros(d_sae, dtype=np.int64)
    file = TableFile(tables / "activations_by_token.parquet")
    for group in range(file.groups):
        latents = file.read(["latent"], [group])["latent"].to_numpy()
        counts += np.bincount(latents, minlength=d_sae)
    tokens = TableFile(tables / "tokens.parquet")
    groups = [tokens.read(["active_latents"], [group]) for group in range(tokens.groups)]
    active = np.concatenate([rows["active_latents"].to_numpy() for rows in groups] or [[]])
    return Activations(tables, np.cumsum(counts), np.cumsum(active, dtype=np.int64))
