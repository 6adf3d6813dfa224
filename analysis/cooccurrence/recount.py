"""Count a finished bundle again, over another unit or with other activation thresholds.

A bundle stores partners by token, at its own active rule. Here the same kernels count its stored
activations over tokens, windows or documents, at any number of thresholds; the activations are read
once for all thresholds. Each threshold gives one Parquet file with every measure. The bundle does
not change.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from analysis.bundle import Bundle, Unit
from analysis.cooccurrence.association import MEASURES, TwoByTwo
from analysis.cooccurrence.incidence import Incidence, open_incidence, write_incidences
from analysis.cooccurrence.partners import block_spans, run_blocks, write_rows
from analysis.cooccurrence.strongest import Ranking, strongest_partners
from analysis.runtime.durable import sync
from analysis.runtime.errors import InputError
from analysis.runtime.folder_lock import hold
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.storage import clear_storage_errors
from analysis.runtime.workers import Workers
from analysis.runtime.working_folder import discard, open_folder

MEANINGS = {
    "latent": "a",
    "partner": "b; among the strongest partners of a by phi, Jaccard, NPMI, a conditional or lift",
    "latent_count": "units on which a is active",
    "partner_count": "units on which b is active",
    "joint": "units on which both are active",
    **{name: measure.formula for name, measure in MEASURES.items() if name != "joint"},
}
"""The meaning of every column, stored in the file. n1, n2 and n11 are the three counts; N is
`n_units`."""
_METADATA = b"clearwater"


@dataclass(frozen=True)
class CountRequest:
    """The parameters of a count."""

    unit: Unit
    window: int
    """Kept tokens of a window; used only if `unit` is window."""
    thresholds: tuple[float, ...]
    """A latent is active on a token if its activation is above this; one file for each."""
    ranking: Ranking
    memory_bytes: int

    @property
    def unit_name(self) -> str:
        """`token`, `window-256` or `document`."""
        return f"window-{self.window}" if self.unit == "window" else self.unit

    def file_name(self, threshold: float) -> str:
        """The name of the file of one threshold."""
        return f"partners-{self.unit_name}-above-{_exact(threshold)}.parquet"


class _Inputs(BaseModel):
    """What the blocks in a working folder depend on."""

    bundle_id: str
    unit: str
    thresholds: tuple[float, ...]
    partners_kept: int
    minimum_joint: int


@dataclass(frozen=True)
class _Description:
    """The source of a count, stored in the file's metadata together with `n_units`."""

    bundle_id: str
    unit: str
    active_rule: str
    mask: str
    partners_kept: int
    minimum_joint: int


@dataclass(frozen=True)
class _BlockCount:
    """Counts one block of latents of one incidence."""

    incidence: Path
    folder: Path
    ranking: Ranking

    def file(self, block: int) -> Path:
        return self.folder / f"{block:06d}.arrow"

    def __call__(self, block: int) -> None:
        incidence = open_incidence(self.incidence)
        start, stop = list(block_spans(incidence.counts))[block]
        kept = strongest_partners(incidence, start, stop, self.ranking)
        latents = np.repeat(np.arange(start, stop, dtype=np.int32), kept.sizes)
        rows = {"latent": latents, "partner": kept.partners, "joint": kept.joint}
        write_rows(self.file(block), pa.table(rows))


def recount(
    bundle: Bundle,
    request: CountRequest,
    out: Path,
    workers: Workers,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write one Parquet file for each threshold to the folder `out`; returns the files.

    Columns: latent, partner, latent_count, partner_count and joint (units), then every measure. The
    metadata give the bundle, unit, N, active rule and mask. If every file of this count exists,
    nothing is counted; an interrupted count resumes, unless another one of this unit has begun in
    the folder since.

    Raises InputError if a threshold is not a number or is below the bundle's active threshold,
    below which it stores no activations; a file of the same name holds another count; or another
    process counts by this unit in the folder. Raises ResumableError for what the disk refuses.
    """
    _check_thresholds(bundle, request.thresholds)
    with clear_storage_errors(out), hold(out / request.unit_name, "this count"):
        return _recount(bundle, request, out, workers, progress)


def _recount(
    bundle: Bundle, request: CountRequest, out: Path, workers: Workers, progress: Progress
) -> list[Path]:
    files = [out / request.file_name(threshold) for threshold in request.thresholds]
    # Check every file, even after a missing one, because any may hold another count.
    finished = [
        _is_finished(file, _describe(bundle, request, threshold))
        for file, threshold in zip(files, request.thresholds, strict=True)
    ]
    place = (out / f".{request.unit_name}.counting").absolute()
    if all(finished):
        discard(place, _inputs(bundle, request))
        return files
    work = open_folder(place, _inputs(bundle, request))
    incidences = write_incidences(
        bundle.activations,
        bundle.kept_tokens.units(request.unit, request.window),
        place / "incidences",
        thresholds=request.thresholds,
        memory_bytes=request.memory_bytes,
    )
    for i, (incidence, file) in enumerate(zip(incidences, files, strict=True)):
        if finished[i]:
            continue
        folder = place / f"blocks-{i}"
        folder.mkdir(exist_ok=True)
        task = _BlockCount(place / "incidences" / str(i), folder, request.ranking)
        spans = list(block_spans(incidence.counts))
        run_blocks(workers, task, spans, task.file, progress)
        blocks = [task.file(block) for block in range(len(spans))]
        unfinished = place / file.name
        _write(_describe(bundle, request, incidence.threshold), incidence, blocks, unfinished)
        sync(unfinished)
        unfinished.replace(file)
        sync(out)
    work.remove()
    return files


def _inputs(bundle: Bundle, request: CountRequest) -> _Inputs:
    return _Inputs(
        bundle_id=bundle.manifest.bundle_id,
        unit=request.unit_name,
        thresholds=request.thresholds,
        partners_kept=request.ranking.partners_kept,
        minimum_joint=request.ranking.minimum_joint,
    )


def _exact(threshold: float) -> str:
    """Six digits, or as many as it takes to read the same number back."""
    text = f"{threshold:g}"
    return text if float(text) == threshold else repr(threshold)


def _check_thresholds(bundle: Bundle, thresholds: Sequence[float]) -> None:
    least = bundle.manifest.parameters.active_threshold
    for threshold in thresholds:
        if not math.isfinite(threshold):
            raise InputError(f"--above {threshold}: is not a number; give one such as 1.5.")
        if threshold < least:
            raise InputError(
                f"{bundle.path}: stores only activations above {_exact(least)}, so --above "
                f"{_exact(threshold)} cannot be counted; build the bundle with a lower "
                "--active-above."
            )


def _describe(bundle: Bundle, request: CountRequest, threshold: float) -> _Description:
    return _Description(
        bundle_id=bundle.manifest.bundle_id,
        unit=request.unit_name,
        active_rule=f"activation > {_exact(threshold)}",
        mask=bundle.manifest.mask.policy,
        partners_kept=request.ranking.partners_kept,
        minimum_joint=request.ranking.minimum_joint,
    )


def _is_finished(file: Path, description: _Description) -> bool:
    """Whether the file exists; InputError if it holds another count."""
    if not file.exists():
        return False
    wanted = asdict(description)
    try:
        stored = json.loads((pq.read_schema(file).metadata or {})[_METADATA])
        same = {name: stored.get(name) for name in wanted} == wanted
    except (pa.ArrowInvalid, OSError, KeyError, ValueError):
        same = False
    if not same:
        raise InputError(
            f"{file}: exists and holds another count; choose another folder or remove it."
        )
    return True


def _write(
    description: _Description, incidence: Incidence, blocks: Sequence[Path], file: Path
) -> None:
    """Concatenate the blocks with their measures; there is at least one block."""
    metadata = asdict(description) | {"n_units": incidence.n_units}
    tables = _with_measures(incidence, blocks)
    first = next(tables)
    fields = [field.with_metadata({"meaning": MEANINGS[field.name]}) for field in first.schema]
    schema = pa.schema(fields, {_METADATA: json.dumps(metadata)})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in chain([first], tables):
            writer.write_table(rows.cast(schema))


def _with_measures(incidence: Incidence, blocks: Sequence[Path]) -> Iterator[pa.Table]:
    """The rows of each block with both counts and every measure."""
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
