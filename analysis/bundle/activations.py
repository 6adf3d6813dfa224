"""The stored sparse activations, read by latent and by token."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from analysis.bundle.tables import ROW_GROUP, SharedFile, read_rows
from analysis.runtime.arrays import Ints
from analysis.runtime.memory import MEMORY_BYTES

WORKING_BYTES = 48
"""Held for each activation of a block that is worked on: token, activation, document, a key."""
READERS = 4
"""Threads that read and decode row groups of the file at the same time."""
PIECE_ACTIVATIONS = 2 << 20
"""Read at a time where all tokens are walked."""


@dataclass(frozen=True)
class Activations:
    """The stored sparse activations, readable by latent and by token."""

    folder: Path
    latent_ends: np.ndarray = field(repr=False)
    token_ends: np.ndarray = field(repr=False)

    @cached_property
    def _by_latent(self) -> SharedFile:
        return SharedFile(self.folder / "activations_by_latent.parquet")

    @cached_property
    def _by_token(self) -> SharedFile:
        return SharedFile(self.folder / "activations_by_token.parquet")

    def of_latent(self, latent: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the token table [n] uint32, ascending, and activations [n] float32."""
        start, stop = _span(self.latent_ends, latent)
        rows = read_rows(self._by_latent, start, stop)
        tokens = rows["token"].to_numpy()
        return tokens, rows["activation"].to_numpy().astype(np.float32)

    def of_latents(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Token rows and activations of latents start..stop-1, one after the other, and counts."""
        first, last = _span_of(self.latent_ends, start, stop)
        rows = read_rows(self._by_latent, first, last)
        counts = np.diff(self.latent_ends[start:stop], prepend=first)
        return rows["token"].to_numpy(), rows["activation"].to_numpy(), counts

    def each_of(
        self, latents: np.ndarray, most_rows: int = 64 * ROW_GROUP
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each of some ascending latents with its token rows and activations.

        Latents that share a row group of the file, or have neighbouring ones, are read together,
        up to `most_rows` rows (or one latent) at once.
        """
        ends = self.latent_ends
        starts = np.concatenate([[0], ends[:-1]])
        i = 0
        while i < len(latents):
            base, j = int(starts[latents[i]]), i + 1
            while (
                j < len(latents)
                and starts[latents[j]] - ends[latents[j - 1]] < ROW_GROUP
                and ends[latents[j]] - base <= most_rows
            ):
                j += 1
            rows = read_rows(self._by_latent, base, int(ends[latents[j - 1]]))
            tokens, values = rows["token"].to_numpy(), rows["activation"].to_numpy()
            for latent in latents[i:j].tolist():
                own = slice(int(starts[latent]) - base, int(ends[latent]) - base)
                yield latent, tokens[own], values[own]
            i = j

    def tokens_of_latents(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Token rows of latents start..stop-1, one latent after the other, and their counts."""
        first, last = _span_of(self.latent_ends, start, stop)
        tokens = read_rows(self._by_latent, first, last, ["token"])["token"].to_numpy()
        return tokens, np.diff(self.latent_ends[start:stop], prepend=first)

    def of_token(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Latents [n] uint32, ascending, active on one row of the token table, and activations."""
        start, stop = _span(self.token_ends, row)
        latents = read_rows(self._by_token, start, stop)["latent"].to_numpy()
        values = np.empty(len(latents), dtype=np.float32)
        for i, latent in enumerate(latents):
            tokens, activations = self.of_latent(int(latent))
            values[i] = activations[np.searchsorted(tokens, row)]
        return latents, values

    def latents_of_tokens(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Active latents of the token rows start..stop-1, one after the other, and their counts."""
        first, last = _span_of(self.token_ends, start, stop)
        latents = read_rows(self._by_token, first, last)["latent"].to_numpy()
        return latents, np.diff(self.token_ends[start:stop], prepend=first)


def _span(ends: np.ndarray, index: int) -> tuple[int, int]:
    return _span_of(ends, index, index + 1)


def _span_of(ends: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """First row of item `start` and the row behind item `stop` - 1."""
    return (int(ends[start - 1]) if start else 0), (int(ends[stop - 1]) if stop else 0)


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
