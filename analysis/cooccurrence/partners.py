"""The partner table: every pair counted, the strongest kept, in blocks that can be made anywhere.

The stored activations are laid out once as incidences (by token, and by document); then each block
of consecutive latents is one piece of work that reads them and writes one file, under another name
first. A piece depends on nothing but the incidences, so pieces may be made in any order, by any
number of processes or machines that see the folder, and an interrupted count goes on with those
that are missing. In the end the files are put one behind the other.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import TABLES, Activations, KeptTokens, TableWriter, spans_within
from analysis.cooccurrence.incidence import (
    MEMORY_BYTES,
    Incidence,
    open_incidence,
    write_incidences,
)
from analysis.cooccurrence.strongest import Kept, Ranking, strongest_partners
from analysis.runtime.threads import over_spans
from analysis.runtime.workers import LocalWorkers, Workers, whole_file

BLOCK_ACTIVATIONS = 4 << 20
"""Activations of the latents of a block: some seconds of counting. It shapes files, so it is
fixed: a count that is interrupted may go on with another memory setting."""
BLOCK_LATENTS = 16_384
COSINE_DIGITS = 3
"""Digits of a stored cosine: more would say nothing and double the table."""

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Is told latents done and latents in all."""


def count_partners(
    activations: Activations,
    kept: KeptTokens,
    tables: Path,
    scratch: Path,
    ranking: Ranking,
    *,
    workers: Workers | None = None,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> int:
    """Write the partner table to `tables`, going on where an interrupted count was.

    `kept` [rows] says which rows of the token table count; `scratch` is used and removed. Returns
    the number of rows. Which partners are kept: `strongest_partners`.
    """
    count = PartnerCount(scratch.absolute(), ranking)
    count.prepare(activations, kept, memory_bytes)
    count.run(workers or LocalWorkers(), progress)
    rows = count.write_table(tables)
    count.remove()
    return rows


@dataclass(frozen=True)
class PartnerCount:
    """A count of partners by token in a working folder, each block a piece of work."""

    folder: Path
    """Absolute, since others may work in it."""
    ranking: Ranking

    @property
    def tokens(self) -> Incidence:
        """Active latents by kept token, with their activations."""
        return open_incidence(self.folder / "tokens" / "0")

    @property
    def documents(self) -> Incidence:
        """Active latents by document."""
        return open_incidence(self.folder / "documents" / "0")

    def prepare(
        self,
        activations: Activations,
        kept: KeptTokens,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Lay out the stored activations; what was laid out before stays.

        `kept` [rows] says which rows of the token table count.
        """
        write_incidences(
            activations,
            kept.units("token"),
            self.folder / "tokens",
            thresholds=[0.0],
            with_values=True,
            memory_bytes=memory_bytes,
        )
        write_incidences(
            activations,
            kept.units("document"),
            self.folder / "documents",
            thresholds=[0.0],
            both_ways=False,
            memory_bytes=memory_bytes,
        )

    def blocks(self) -> list[tuple[int, int]]:
        """Consecutive latents (start, stop) of each piece of work."""
        return list(block_spans(self.tokens.counts))

    def run(self, workers: Workers, progress: Progress | None = None) -> None:
        """Make the blocks that are missing."""
        run_blocks(workers, self.make, self.blocks(), self.file, progress)

    def make(self, block: int) -> None:
        """Count one block of latents and write its rows."""
        start, stop = self.blocks()[block]
        tokens = self.tokens
        found = strongest_partners(tokens, start, stop, self.ranking)
        columns = {
            "latent": np.repeat(np.arange(start, stop, dtype=np.int32), found.sizes),
            "partner": found.partners,
            "joint_tokens": found.joint,
            "joint_documents": joint_units(self.documents, start, found),
            "activation_cosine": np.round(
                activation_cosines(tokens, start, found), COSINE_DIGITS
            ).astype(np.float32),
        }
        rows = pa.table(columns, schema=TABLES["partners"])
        write_rows(self.file(block), rows)

    def write_table(self, tables: Path) -> int:
        """Put all blocks one behind the other into the bundle's table; returns its rows."""
        written = 0
        with TableWriter(tables, "partners") as writer:
            for block in range(len(self.blocks())):
                rows = pa.ipc.open_file(pa.memory_map(str(self.file(block)))).read_all()
                writer.write(rows)
                written += rows.num_rows
        return written

    def remove(self) -> None:
        """Remove the working folder, once the table is written."""
        shutil.rmtree(self.folder)

    def file(self, block: int) -> Path:
        """Where the rows of a block are, once they are made."""
        return self.folder / f"{block:06d}.arrow"


def block_spans(counts: Ints) -> Iterator[tuple[int, int]]:
    """Consecutive latents with at most BLOCK_ACTIVATIONS (or one latent) and BLOCK_LATENTS."""
    for start, stop in spans_within(counts, BLOCK_ACTIVATIONS):
        for first in range(start, stop, BLOCK_LATENTS):
            yield first, min(first + BLOCK_LATENTS, stop)


def run_blocks(
    workers: Workers,
    task: Callable[[int], None],
    spans: Sequence[tuple[int, int]],
    file: Callable[[int], Path],
    progress: Progress | None = None,
) -> None:
    """Make the blocks of latents whose files are missing, telling how many latents are done."""
    done = 0

    def tell(block: int) -> None:
        nonlocal done
        done += spans[block][1] - spans[block][0]
        if progress:
            progress(done, spans[-1][1])

    workers.run(task, range(len(spans)), file, tell)


def write_rows(file: Path, rows: pa.Table) -> None:
    """Write the rows of a block; the file is there whole or not at all."""
    with (
        whole_file(file) as unfinished,
        pa.OSFile(str(unfinished), "wb") as sink,
        pa.ipc.new_file(sink, rows.schema) as writer,
    ):
        writer.write_table(rows)


def joint_units(incidence: Incidence, start: int, kept: Kept) -> npt.NDArray[np.int32]:
    """Units [pairs] on which both of each kept pair are active; latent `start` comes first."""
    shared = np.empty(len(kept.partners), dtype=np.int32)
    ends = np.concatenate([[0], np.cumsum(kept.sizes)])
    size = int(incidence.units.max(initial=0)) + 1
    work = (incidence.units, incidence.latent_ends, start, ends, kept.partners, size, shared)
    over_spans(len(kept.sizes), partial(_shared_units, *work))
    return shared


@numba.njit(nogil=True, cache=True)
def _shared_units(  # noqa: PLR0913, PLR0917 - a kernel
    units: npt.NDArray[np.uint32],
    latent_ends: Ints,
    first: int,
    ends: Ints,
    partners: npt.NDArray[np.int32],
    size: int,
    shared: npt.NDArray[np.int32],
    start: int,
    stop: int,
) -> None:
    """Count them for latents first + start .. first + stop - 1, whose pairs end at ends."""
    marked = np.zeros(size, dtype=np.uint8)
    for i in range(start, stop):
        if ends[i] == ends[i + 1]:
            continue
        own = units[latent_ends[first + i] : latent_ends[first + i + 1]]
        for unit in own:
            marked[unit] = 1
        for pair in range(ends[i], ends[i + 1]):
            b = partners[pair]
            total = np.int32(0)
            for k in range(latent_ends[b], latent_ends[b + 1]):
                total += marked[units[k]]
            shared[pair] = total
        for unit in own:
            marked[unit] = 0


def activation_cosines(incidence: Incidence, start: int, kept: Kept) -> npt.NDArray[np.float64]:
    """Cosine [pairs] of the activations of each kept pair over all tokens; 0 for 0/0.

    sum_t x_a x_b / sqrt(sum x_a^2 sum x_b^2), in float64, tokens in ascending order.
    """
    products = np.zeros(len(kept.partners))
    ends = np.concatenate([[0], np.cumsum(kept.sizes)])
    work = (
        (incidence.units, incidence.values_by_latent, incidence.latent_ends),
        (incidence.ranks, incidence.values_by_unit, incidence.unit_ends),
        incidence.rank_of_latent,
    )
    over_spans(len(kept.sizes), partial(_add_products, *work, start, ends, kept.partners, products))
    squares = incidence.squares
    own = np.repeat(np.arange(start, start + len(kept.sizes)), kept.sizes)
    below = np.sqrt(squares[own] * squares[kept.partners])
    return np.divide(products, below, out=np.zeros_like(products), where=below > 0)


@numba.njit(nogil=True, cache=True)
def _add_products(  # noqa: PLR0913, PLR0917 - a kernel
    by_latent: tuple[Any, Any, Any],
    by_unit: tuple[Any, Any, Any],
    rank_of: npt.NDArray[np.uint32],
    first: int,
    ends: Ints,
    partners: npt.NDArray[np.int32],
    products: npt.NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Add the products of activations of latents first + start .. first + stop - 1."""
    units, own_values, latent_ends = by_latent
    ranks, values, unit_ends = by_unit
    pair_of = np.full(len(latent_ends) - 1, -1, dtype=np.int64)
    for i in range(start, stop):
        if ends[i] == ends[i + 1]:
            continue
        for pair in range(ends[i], ends[i + 1]):
            pair_of[rank_of[partners[pair]]] = pair
        for k in range(latent_ends[first + i], latent_ends[first + i + 1]):
            unit, own = np.int64(units[k]), np.float64(own_values[k])
            for j in range(unit_ends[unit], unit_ends[unit + 1]):
                pair = pair_of[ranks[j]]
                if pair >= 0:
                    products[pair] += own * np.float64(values[j])
        for pair in range(ends[i], ends[i + 1]):
            pair_of[rank_of[partners[pair]]] = -1
