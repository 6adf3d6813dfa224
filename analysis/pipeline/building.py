"""The state of a build that every step may use. Runs the steps, and skips those finished earlier.

It also prints their titles and times.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import Activations, KeptTokens, Parameters, kept_tokens, write_table
from analysis.labels.naming_terms import NamingTerms, naming_terms
from analysis.labels.requested import LabelSources
from analysis.pipeline.artifacts import (
    ACTIVE_TOKENS,
    HARVEST,
    NAME,
    TOKENS,
    Artifact,
    BundleTable,
    ScratchTable,
)
from analysis.pipeline.whole_build import WholeBuild
from analysis.runtime.arrays import Bools, Float32s, Ints
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.workers import Workers
from analysis.runtime.working_folder import R, RecordFile, WorkingFolder
from analysis.saes import SparseAutoencoder


@dataclass(frozen=True)
class Building:
    """The state of a build that every step may use. Tables have typed names."""

    sae: SparseAutoencoder
    parameters: Parameters
    labels: LabelSources
    memory_bytes: int
    """For counting and sorting."""
    workers: Workers
    work: WorkingFolder
    progress: Progress = SILENT
    whole: WholeBuild | None = None
    """The progress of all steps together, if it is shown."""

    def path(self, artifact: Artifact) -> Path:
        """Where a file or folder is."""
        return self.work.path / artifact.path

    def read(
        self, table: BundleTable | ScratchTable, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """A table that an earlier step wrote, or some of its columns."""
        return pq.read_table(self.path(table), columns=columns, page_checksum_verification=True)

    def write(self, table: BundleTable | ScratchTable, rows: pa.Table) -> None:
        """Write a whole table; one of the bundle is cast to its declared schema."""
        if isinstance(table, BundleTable):
            write_table(self.work.tables, table.name, rows)
        else:
            pq.write_table(rows, self.path(table))

    def write_columns(
        self, table: ScratchTable, columns: dict[str, np.ndarray], kind: pa.DataType | None = None
    ) -> None:
        """Write float columns, by default in their own type; NaN becomes null."""
        arrays = {name: pa.array(v, kind, mask=~np.isfinite(v)) for name, v in columns.items()}
        self.write(table, pa.table(arrays))

    def record(self, record: RecordFile[R]) -> R:
        """What an earlier step reported. Raises RuntimeError if it is not finished."""
        known = self.work.read(record)
        if known is None:
            raise RuntimeError(f"{self.work.path}: the step {record.step} is not finished.")
        return known

    @property
    def n_tokens(self) -> int:
        """Kept tokens, N in every statistic."""
        return self.record(HARVEST).tokens

    @cached_property
    def active_tokens(self) -> Ints:
        """Kept tokens on which each latent is active, [d_sae]; counted once, by `store`."""
        return np.asarray(self.read(ACTIVE_TOKENS)["active_tokens"].to_numpy())

    @property
    def fired(self) -> Bools:
        """The latents that are on the map and in the clusters, bool [d_sae]: those that fired."""
        return self.active_tokens > 0

    @cached_property
    def activations(self) -> Activations:
        """The stored activations."""
        per_token = self.read(TOKENS, ["active_latents"])["active_latents"].to_numpy()
        return Activations(
            self.work.tables,
            np.cumsum(self.active_tokens),
            np.cumsum(per_token, dtype=np.int64),
        )

    @cached_property
    def kept(self) -> KeptTokens:
        """Kept tokens, documents and windows of the token table."""
        return kept_tokens(self.work.tables)

    @cached_property
    def naming_terms(self) -> NamingTerms:
        """The terms of the corpus and the held-out documents, for the steps that share them."""
        return naming_terms(
            self.work.tables,
            self.activations,
            seed=self.parameters.seed,
            memory_bytes=self.memory_bytes,
        )

    @property
    def decoder(self) -> Float32s:
        """W_dec, float32 [d_sae, d_out]."""
        return np.asarray(self.sae.W_dec.float().numpy())


@dataclass(frozen=True)
class Step(Generic[R]):
    """One step of a build: a function, and what it reads, writes and reports."""

    record: RecordFile[R]
    run: Callable[[Building], R]
    reads: tuple[Artifact | RecordFile[Any], ...] = ()
    writes: tuple[Artifact, ...] = ()
    title: str | None = None
    """What the console shows; None if the step itself reports its progress in pieces."""
    resumes_from: tuple[Artifact, ...] = ()
    """What an interrupted run leaves for the next; removed if what it was made from has changed."""


def run_steps(build: Building, steps: Iterable[Step[Any]]) -> dict[str, float]:
    """Run the steps in order, except those that are finished; returns the seconds of each.

    Raises RuntimeError if what a step declares as read is missing, or it does not write what it
    declares.
    """
    return {step.record.step: _run(build, step) for step in steps}


def _run(build: Building, step: Step[R]) -> float:
    def run() -> R:
        if build.whole is not None:
            build.whole.begin(step.record.step)
        for needed in step.reads:
            if not (build.work.path / needed.path).exists():
                raise RuntimeError(f"The step {step.record.step} needs {needed.path}.")
        if step.title is None:
            return step.run(build)
        progress = build.progress.named(step.title)
        progress(0, 1)
        returned = step.run(build)
        progress(1, 1)
        return returned

    record, ran = build.work.run(step.record, run, [build.path(one) for one in step.writes])
    if not ran:
        name = step.record.step.replace("_", " ")
        build.progress.named(f"{name}, finished earlier")(1, 1)
    if build.whole is not None:
        build.whole.end(step.record.step)
    return record.seconds


def forget_unfinished(build: Building, steps: Iterable[Step[Any]]) -> None:
    """Let steps run again whose record or files are damaged, and every step that read from them.

    `steps` are all steps of the build, in order. Call it once when a build is resumed. Records
    vanish from the last to the first, so an interruption leaves none without what it was made from.
    """
    changed: set[Artifact | RecordFile[Any]] = set()
    unfinished: list[Step[Any]] = []
    for step in steps:
        outdated = not changed.isdisjoint(step.reads)
        paths = [build.path(one) for one in step.writes]
        if not outdated and build.work.is_finished(step.record, paths):
            continue
        unfinished.append(step)
        changed |= {*step.writes, step.record}
        for artifact in step.resumes_from if outdated else ():
            shutil.rmtree(build.path(artifact), ignore_errors=True)
    for step in reversed(unfinished):
        build.work.forget(step.record)


def forget_other_labels(build: Building) -> None:
    """Let the labels be made again if an interrupted build made them from other sources."""
    known = build.work.read(NAME)
    if known is not None and known.sources != build.labels.fingerprint():
        build.work.forget(NAME)
