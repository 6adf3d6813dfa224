"""Count a ready bundle again: by another unit, or with latents called active from elsewhere on.

A bundle holds the partners by token at its own active rule. Here the same engine counts its stored
activations by windows or documents, and at any number of thresholds for which they are read once.
Each threshold becomes one Parquet file with every measure; the bundle itself is not changed.
"""

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import Bundle, Unit
from analysis.cooccurrence.association import MEASURES, TwoByTwo
from analysis.cooccurrence.incidence import (
    Incidence,
    open_incidence,
    write_incidences,
)
from analysis.cooccurrence.partners import Progress, block_spans, run_blocks, write_rows
from analysis.cooccurrence.strongest import Ranking, strongest_partners
from analysis.runtime.errors import InputError
from analysis.runtime.workers import Workers

MEANINGS = {
    "latent": "a",
    "partner": "b; among the strongest of a by phi, Jaccard, NPMI, either conditional or lift",
    "latent_count": "units on which a is active",
    "partner_count": "units on which b is active",
    "joint": "units on which both are active",
    **{name: measure.formula for name, measure in MEASURES.items() if name != "joint"},
}
"""Of every column of a file; kept in it. n1, n2 and n11 are the three counts, N is `n_units`."""


@dataclass(frozen=True)
class CountRequest:
    """What is to be counted."""

    unit: Unit
    window: int
    """Kept tokens of a window; only for that unit."""
    thresholds: tuple[float, ...]
    """A latent is active on a token where its activation is above this; one file for each."""
    ranking: Ranking
    memory_bytes: int

    @property
    def name(self) -> str:
        """`token`, `window-256` or `document`."""
        return f"window-{self.window}" if self.unit == "window" else self.unit


@dataclass(frozen=True)
class _Recount:
    """Counts one block of latents of one incidence."""

    incidence: Path
    folder: Path
    ranking: Ranking

    def file(self, block: int) -> Path:
        return self.folder / f"{block:06d}.arrow"

    def __call__(self, block: int) -> None:
        incidence = open_incidence(self.incidence)
        start, stop = list(block_spans(incidence.counts))[block]
        found = strongest_partners(incidence, start, stop, self.ranking)
        latents = np.repeat(np.arange(start, stop, dtype=np.int32), found.sizes)
        rows = {"latent": latents, "partner": found.partners, "joint": found.joint}
        write_rows(self.file(block), pa.table(rows))


def recount(
    bundle: Bundle,
    request: CountRequest,
    out: Path,
    workers: Workers,
    progress: Progress | None = None,
) -> list[Path]:
    """Write one Parquet file for each threshold to `out`; returns them.

    Files of the same count that are there already stay, and an interrupted count goes on where it
    was. In a
    file: latent, partner, latent_count, partner_count and joint (units), then every measure;
    its metadata say bundle, unit, N, rule and mask. InputError: a threshold below the bundle's
    active rule, whose activations it does not hold.
    """
    least = bundle.manifest.parameters.active_threshold
    for threshold in request.thresholds:
        if not math.isfinite(threshold):
            raise InputError(f"--above {threshold}: is no number; give one such as 1.5.")
        if threshold < least:
            raise InputError(
                f"{bundle.path}: holds activations above {least:g} alone, so nothing can be "
                f"counted above {threshold:g}; build it with a lower --active-above."
            )
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"partners-{request.name}-above-{t:g}.parquet" for t in request.thresholds]
    wanted = [_said(bundle, request, threshold) for threshold in request.thresholds]
    # Each is looked at, so that none is taken for another count's.
    there = [_is_there(file, said) for file, said in zip(files, wanted, strict=True)]
    if all(there):
        return files
    work = (out / f".{request.name}.counting").absolute()
    incidences = write_incidences(
        bundle.activations,
        bundle.kept_tokens.units(request.unit, request.window),
        work / "incidences",
        thresholds=request.thresholds,
        memory_bytes=request.memory_bytes,
    )
    for i, (incidence, file) in enumerate(zip(incidences, files, strict=True)):
        folder = work / f"blocks-{i}"
        folder.mkdir(exist_ok=True)
        task = _Recount(work / "incidences" / str(i), folder, request.ranking)
        spans = list(block_spans(incidence.counts))
        run_blocks(workers, task, spans, task.file, progress)
        _write(bundle, request, incidence, [task.file(block) for block in range(len(spans))], file)
    shutil.rmtree(work)
    return files


def _said(bundle: Bundle, request: CountRequest, threshold: float) -> dict[str, Any]:
    """What a file says of itself, and by which it is known again."""
    return {
        "bundle_id": bundle.manifest.bundle_id,
        "unit": request.name,
        "active_rule": f"activation > {threshold:g}",
        "mask": bundle.manifest.mask.policy,
        "partners_kept": request.ranking.partners_kept,
        "minimum_joint": request.ranking.minimum_joint,
    }


def _is_there(file: Path, said: dict[str, Any]) -> bool:
    """Whether a file holds this very count; InputError where it holds something else."""
    if not file.exists():
        return False
    try:
        known = json.loads((pq.read_schema(file).metadata or {})[b"clearwater"])
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
        known = {}
    if {name: known.get(name) for name in said} != said:
        raise InputError(
            f"{file}: exists already and is another count; choose another folder or remove it."
        )
    return True


def _write(
    bundle: Bundle, request: CountRequest, incidence: Incidence, blocks: Sequence[Path], file: Path
) -> None:
    """Put the blocks behind one another, with their measures; the file is there whole or not."""
    said = _said(bundle, request, incidence.threshold) | {"n_units": incidence.n_units}
    unfinished = file.with_suffix(".unfinished")
    writer: pq.ParquetWriter | None = None
    for rows in _measured(incidence, blocks):
        if writer is None:
            fields = [
                field.with_metadata({"meaning": MEANINGS[field.name]}) for field in rows.schema
            ]
            schema = pa.schema(fields, {"clearwater": json.dumps(said)})
            writer = pq.ParquetWriter(unfinished, schema, compression="zstd")
        writer.write_table(rows.cast(writer.schema))
    if writer is not None:
        writer.close()
        unfinished.replace(file)


def _measured(incidence: Incidence, blocks: Sequence[Path]) -> Iterator[pa.Table]:
    counts = incidence.counts
    for block in blocks:
        rows = pa.ipc.open_file(pa.memory_map(str(block))).read_all()
        n1, n2 = (counts[rows[end].to_numpy()] for end in ("latent", "partner"))
        rows = rows.add_column(2, "latent_count", pa.array(n1))
        rows = rows.add_column(3, "partner_count", pa.array(n2))
        table = TwoByTwo.from_margins(rows["joint"].to_numpy(), n1, n2, incidence.n_units)
        for name, measure in MEASURES.items():
            if name != "joint":
                rows = rows.append_column(name, pa.array(measure.of(table)))
        yield rows
