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
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import TABLES, Activations, KeptTokens, TableWriter, spans_within
from analysis.cooccurrence.incidence import Incidence, open_incidence, write_incidences
from analysis.cooccurrence.kept_pairs import joint_units, value_associations
from analysis.cooccurrence.strongest import Ranking, strongest_partners
from analysis.runtime.arrays import Ints
from analysis.runtime.durable import whole_file
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.workers import LocalWorkers, Workers

BLOCK_ACTIVATIONS = 4 << 20
"""Most activations of a block of several latents: a few seconds of counting. It is a constant, not
a setting, because it determines which latents a block file holds, and an interrupted count may
resume with another memory setting."""
BLOCK_LATENTS = 16_384
"""Most latents of a block."""
DIGITS = 3
"""Decimals of a stored cosine and correlation. More would double the size of the table."""


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
