"""The partner table: count every pair of latents and keep the strongest partners of each.

The stored activations are first written as incidences, by token and by document. Then each block of
consecutive latents is one piece of work: it reads the incidences and writes one file. A block
depends on the incidences only, so any number of processes or machines that share the folder can
work on different blocks in any order. An interrupted count resumes with the missing blocks. At the
end, the blocks are concatenated into the bundle's table.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa

from analysis.bundle import TABLES, Activations, KeptTokens, TableWriter, spans_within
from analysis.cooccurrence.incidence import Incidence, open_incidence, write_incidences
from analysis.cooccurrence.strongest import Kept, Ranking, strongest_partners
from analysis.runtime.arrays import Floats, Int32s, Ints, UInt32s
from analysis.runtime.durable import whole_file
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans
from analysis.runtime.workers import LocalWorkers, Workers

BLOCK_ACTIVATIONS = 4 << 20
"""Most activations of a block of several latents: a few seconds of counting. It is a constant, not
a setting, because it determines which latents a block file holds, and an interrupted count may
resume with another memory setting."""
BLOCK_LATENTS = 16_384
"""Most latents of a block."""
DIGITS = 3
"""Decimals of a stored cosine and correlation. More would double the size of the table."""

_CONSTANT = 1e-20  # a variance below this share of the mean square is a rounding error


def count_partners(
    activations: Activations,
    kept: KeptTokens,
    tables: Path,
    scratch: Path,
    ranking: Ranking,
    *,
    workers: Workers | None = None,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> int:
    """Write the partner table to `tables`; resumes an interrupted count.

    `scratch` is the working folder, removed at the end. `strongest_partners` defines which partners
    are kept. `progress` receives latents. Returns the number of rows.
    """
    count = PartnerCount(scratch.absolute(), ranking)
    count.prepare(activations, kept, memory_bytes)
    count.run(workers or LocalWorkers(), progress)
    rows = count.write_table(tables)
    count.remove()
    return rows


@dataclass(frozen=True)
class PartnerCount:
    """A count of partners by token, in blocks of latents."""

    folder: Path
    """Working folder; absolute, because other processes may work in it."""
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
        """Write the incidences, unless they exist."""
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
        """Consecutive latents (start, stop) of each block."""
        return list(block_spans(self.tokens.counts))

    def run(self, workers: Workers, progress: Progress = SILENT) -> None:
        """Count the blocks whose files are missing."""
        run_blocks(workers, self.make, self.blocks(), self.file, progress)

    def make(self, block: int) -> None:
        """Count one block of latents and write its rows."""
        start, stop = self.blocks()[block]
        tokens = self.tokens
        kept = strongest_partners(tokens, start, stop, self.ranking)
        values = value_associations(tokens, start, kept)
        columns = {
            "latent": np.repeat(np.arange(start, stop, dtype=np.int32), kept.sizes),
            "partner": kept.partners,
            "joint_tokens": kept.joint,
            "joint_documents": joint_units(self.documents, start, kept),
            "activation_cosine": np.round(values.cosine, DIGITS).astype(np.float32),
            "activation_pearson": np.round(values.pearson, DIGITS).astype(np.float32),
        }
        rows = pa.table(columns, schema=TABLES["partners"])
        write_rows(self.file(block), rows)

    def write_table(self, tables: Path) -> int:
        """Concatenate all blocks into the bundle's table; returns the number of rows."""
        written = 0
        with TableWriter(tables, "partners") as writer:
            for block in range(len(self.blocks())):
                rows = pa.ipc.open_file(pa.memory_map(str(self.file(block)))).read_all()
                writer.write(rows)
                written += rows.num_rows
        return written

    def remove(self) -> None:
        """Remove the working folder. Call it after `write_table`."""
        shutil.rmtree(self.folder)

    def file(self, block: int) -> Path:
        """The file of a block."""
        return self.folder / f"{block:06d}.arrow"


def block_spans(counts: Ints) -> Iterator[tuple[int, int]]:
    """Yield the consecutive latents (start, stop) of each block.

    A block has at most BLOCK_LATENTS latents and BLOCK_ACTIVATIONS activations; a latent with more
    activations forms a separate block.
    """
    for start, stop in spans_within(counts, BLOCK_ACTIVATIONS):
        for first in range(start, stop, BLOCK_LATENTS):
            yield first, min(first + BLOCK_LATENTS, stop)


def run_blocks(
    workers: Workers,
    task: Callable[[int], None],
    spans: Sequence[tuple[int, int]],
    file: Callable[[int], Path],
    progress: Progress = SILENT,
) -> None:
    """Run `task` for the blocks of latents whose files are missing."""
    done = 0

    def report(block: int) -> None:
        nonlocal done
        start, stop = spans[block]
        done += stop - start
        progress(done, spans[-1][1])

    workers.run(task, range(len(spans)), file, report)


def write_rows(file: Path, rows: pa.Table) -> None:
    """Write the rows of a block under another name, and rename the file when it is complete."""
    with (
        whole_file(file) as unfinished,
        pa.OSFile(str(unfinished), "wb") as sink,
        pa.ipc.new_file(sink, rows.schema) as writer,
    ):
        writer.write_table(rows)


def joint_units(incidence: Incidence, start: int, kept: Kept) -> Int32s:
    """Units [pairs] on which both latents of each kept pair are active.

    The pairs are those of latents start, start + 1, ...
    """
    shared = np.empty(len(kept.partners), dtype=np.int32)
    ends = np.concatenate([[0], np.cumsum(kept.sizes)])
    size = int(incidence.units.max(initial=0)) + 1
    work = (incidence.units, incidence.latent_ends, start, ends, kept.partners, size, shared)
    over_spans(len(kept.sizes), partial(_shared_units, *work))
    return shared


@numba.njit(nogil=True, cache=True)
def _shared_units(  # noqa: PLR0913, PLR0917 - a kernel
    units: UInt32s,
    latent_ends: Ints,
    first: int,
    ends: Ints,
    partners: Int32s,
    size: int,
    shared: Int32s,
    start: int,
    stop: int,
) -> None:
    """Fill `shared` for latents first + start .. first + stop - 1.

    `ends` [latents + 1] are where the pairs of each latent end; units are below `size`.
    """
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


class ValueAssociations(NamedTuple):
    """Association of the activations of pairs over all tokens; arrays [pairs]."""

    cosine: Floats
    """sum_t x_a x_b / sqrt(sum_t x_a^2 sum_t x_b^2); 0 if a latent is dead."""
    pearson: Floats
    """Pearson's r; 0 if a latent is constant."""


def value_associations(incidence: Incidence, start: int, kept: Kept) -> ValueAssociations:
    """Cosine and Pearson's r of the activations of each kept pair over all tokens.

    The pairs are those of latents start, start + 1, ... Sums are over deviations from the mean m of
    the active tokens, since a difference of large sums has no digits left for a latent that is
    always active. With u = x - m on active tokens and 0 elsewhere,

        N cov(x_a, x_b) = sum u_a u_b + m_a sum u_b + m_b sum u_a + m_a m_b (n11 - n_a n_b / N)
        N var(x_a) = sum u_a^2 + m_a^2 n_a (N - n_a) / N

    where the sums of the first line are over the n11 joint tokens. All are added in float64, in the
    order of the tokens.
    """
    sums = np.zeros((len(kept.partners), 3))
    ends = np.concatenate([[0], np.cumsum(kept.sizes)])
    work = (
        (incidence.units, incidence.values_by_latent, incidence.latent_ends),
        (incidence.ranks, incidence.values_by_unit, incidence.unit_ends),
        incidence.rank_of_latent,
        incidence.means,
    )
    over_spans(len(kept.sizes), partial(_add_products, *work, start, ends, kept.partners, sums))
    own = np.repeat(np.arange(start, start + len(kept.sizes)), kept.sizes)
    mean, n = incidence.means, incidence.counts.astype(np.float64)
    m_a, m_b, n_a, n_b = mean[own], mean[kept.partners], n[own], n[kept.partners]
    both, of_a, of_b = sums.T
    cross = both + m_a * of_b + m_b * of_a
    product = cross + m_a * m_b * kept.joint
    covariance = cross + m_a * m_b * (kept.joint - n_a * n_b / incidence.n_units)
    squares = incidence.deviations + n * mean**2
    variances = incidence.deviations + n * (incidence.n_units - n) / incidence.n_units * mean**2
    variances[variances <= _CONSTANT * squares] = 0.0
    return ValueAssociations(
        _normalised(product, squares[own] * squares[kept.partners]),
        _normalised(covariance, variances[own] * variances[kept.partners]),
    )


def _normalised(products: Floats, squares: Floats) -> Floats:
    """products / sqrt(squares), in [-1, 1]; 0 where `squares` is 0."""
    below = np.sqrt(squares)
    ratio = np.divide(products, below, out=np.zeros_like(products), where=below > 0)
    return np.clip(ratio, -1.0, 1.0)


@numba.njit(nogil=True, cache=True)
def _add_products(  # noqa: PLR0913, PLR0917 - a kernel
    by_latent: tuple[Any, Any, Any],
    by_unit: tuple[Any, Any, Any],
    rank_of: UInt32s,
    means: Floats,
    first: int,
    ends: Ints,
    partners: Int32s,
    sums: Floats,
    start: int,
    stop: int,
) -> None:
    """Fill `sums` [pairs, 3] for latents a = first + start .. first + stop - 1.

    For each pair: sum u_a u_b, sum u_a and sum u_b over its joint tokens, where u is an activation
    minus the latent's mean. `ends` [latents + 1] are where the pairs of each latent end.
    """
    units, own_values, latent_ends = by_latent
    ranks, values, unit_ends = by_unit
    pair_of = np.full(len(latent_ends) - 1, -1, dtype=np.int64)
    for i in range(start, stop):
        if ends[i] == ends[i + 1]:
            continue
        for pair in range(ends[i], ends[i + 1]):
            pair_of[rank_of[partners[pair]]] = pair
        for k in range(latent_ends[first + i], latent_ends[first + i + 1]):
            unit, own = np.int64(units[k]), np.float64(own_values[k]) - means[first + i]
            for j in range(unit_ends[unit], unit_ends[unit + 1]):
                pair = pair_of[ranks[j]]
                if pair >= 0:
                    other = np.float64(values[j]) - means[partners[pair]]
                    sums[pair, 0] += own * other
                    sums[pair, 1] += own
                    sums[pair, 2] += other
        for pair in range(ends[i], ends[i + 1]):
            pair_of[rank_of[partners[pair]]] = -1
