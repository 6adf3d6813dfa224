"""Which latents are active on which units, by latent and by unit, in memory-mapped files.

A unit of co-occurrence is a kept token, a window of consecutive kept tokens of one document, or a
document. A latent is active on a unit if its activation exceeds a threshold on
at least one token of the unit. One pass over the stored activations serves any number of
thresholds.

Each threshold has a folder with

- `units.bin`: the units of latent 0, of latent 1, ..., ascending (compressed sparse columns),
- `ranks.bin`: the latents of unit 0, of unit 1, ... (compressed sparse rows),
- `values_by_latent.bin` and `values_by_unit.bin`: the activations in both orders, on request,
- `incidence.npz`: the running counts of both orders, and moments of the activations.

Memory: the memory setting plus a few bytes for each token and latent.

`ranks.bin` stores ranks instead of latent ids. Rank 0 is the latent on the most units; ties go to
the larger id. Frequent latents are therefore neighbours in memory, where a cache holds them, and a
larger rank means rarer, or as rare with a smaller id. Ranks have 16 bits if they fit, which halves
the bytes that counting reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np
import numpy.typing as npt

from analysis.bundle import LatentBlock, Unit, Units, spans_within
from analysis.runtime.arrays import Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.durable import is_whole, whole_file
from analysis.runtime.memory import MEMORY_BYTES

_READ_BYTES = 24
"""Memory for each activation while it is read and assigned to a unit."""
_PLACED_BYTES = 16
"""Memory for each activation while it is sorted by unit."""
_INCIDENCE = "incidence.npz"


class ByLatent(Protocol):
    """Activations that are read by latent, such as `Activations`."""

    @property
    def latent_ends(self) -> Ints:
        """[F] where each latent's activations end."""
        ...

    def blocks_by_latent(
        self, latents: Ints | Int32s | None = None, most_rows: float = ...
    ) -> Iterator[LatentBlock]:
        """Yield the activations of all latents in blocks."""
        ...


@dataclass(frozen=True)
class Incidence:
    """Which latents are active on which units at one threshold; the arrays are memory-mapped."""

    kind: Unit
    n_units: int
    """N of every measure: units with at least one kept token."""
    threshold: float
    """A latent is active where its activation is above this."""
    latent_ends: Ints
    """[F + 1] running counts: latent i is active on units[latent_ends[i]:latent_ends[i + 1]]."""
    unit_ends: Ints
    """[size + 1] running counts of `ranks` and `values_by_unit`."""
    units: UInt32s
    """[m] by latent, ascending for each latent."""
    ranks: npt.NDArray[Any]
    """[m] uint16 or uint32, by unit; empty if only `units` was written."""
    values_by_latent: Float32s
    """[m] activations in the order of `units`; empty unless written. Tokens only."""
    values_by_unit: Float32s
    """[m] activations in the order of `ranks`; empty unless written."""
    means: Floats
    """[F] means of the activations above the threshold; 0 for a latent without any."""
    deviations: Floats
    """[F] sums of their squared deviations from the mean."""

    @property
    def counts(self) -> Ints:
        """Units on which each latent is active, [F]."""
        return np.diff(self.latent_ends)

    @cached_property
    def latent_of_rank(self) -> UInt32s:
        """[F] latents by descending count; ties by descending id."""
        return _latent_of_rank(self.counts)

    @cached_property
    def rank_of_latent(self) -> UInt32s:
        """[F] the inverse of `latent_of_rank`."""
        return _inverse(self.latent_of_rank)


def write_incidences(
    activations: ByLatent,
    units: Units,
    folder: Path,
    *,
    thresholds: Sequence[float],
    both_ways: bool = True,
    with_values: bool = False,
    memory_bytes: int = MEMORY_BYTES,
) -> list[Incidence]:
    """Write one incidence for each threshold to `folder`/0, 1, ... and open them.

    `both_ways` also writes the order by unit, `with_values` also the activations. Incidences that
    exist and are not damaged are opened and not written again. Raises ValueError for `with_values`
    if units are not tokens.
    """
    folders = [folder / str(i) for i in range(len(thresholds))]
    if with_values and units.kind != "token":
        raise ValueError(f"with_values needs token units, but the units are {units.kind} units")
    if not all(is_whole(place / _INCIDENCE) for place in folders):
        for place in folders:
            place.mkdir(parents=True, exist_ok=True)
        columns = _write_columns(activations, units, folders, thresholds, with_values, memory_bytes)
        for place, threshold, (ends, means, deviations) in zip(
            folders, thresholds, columns, strict=True
        ):
            unit_ends = np.zeros(1, dtype=np.int64)
            if both_ways:
                unit_ends = _write_rows(place, ends, units.size, with_values, memory_bytes)
            with (
                whole_file(place / _INCIDENCE, sorted(place.glob("*.bin"))) as unfinished,
                unfinished.open("wb") as stream,
            ):
                np.savez(
                    stream,
                    kind=units.kind,
                    n_units=units.total,
                    threshold=threshold,
                    latent_ends=ends,
                    unit_ends=unit_ends,
                    means=means,
                    deviations=deviations,
                )
    return [open_incidence(place) for place in folders]


def open_incidence(folder: Path) -> Incidence:
    """Memory-map the incidence in a folder."""
    with np.load(folder / _INCIDENCE) as facts:
        latent_ends, unit_ends = facts["latent_ends"], facts["unit_ends"]
        kind: Any = str(facts["kind"])
        return Incidence(
            kind,
            int(facts["n_units"]),
            float(facts["threshold"]),
            latent_ends,
            unit_ends,
            _mapped(folder / "units.bin", np.uint32),
            _mapped(folder / "ranks.bin", _rank_kind(len(latent_ends) - 1)),
            _mapped(folder / "values_by_latent.bin", np.float32),
            _mapped(folder / "values_by_unit.bin", np.float32),
            facts["means"],
            facts["deviations"],
        )


def _latent_of_rank(counts: Ints) -> UInt32s:
    return np.argsort(counts, kind="stable")[::-1].astype(np.uint32)


def _inverse(order: UInt32s) -> UInt32s:
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=np.uint32)
    return place


def _rank_kind(n_latents: int) -> type[np.uint16] | type[np.uint32]:
    return np.uint16 if n_latents <= 1 << 16 else np.uint32


def _mapped(file: Path, kind: type[Any]) -> npt.NDArray[Any]:
    if not file.exists() or file.stat().st_size == 0:
        return np.empty(0, dtype=kind)
    # A plain array over the mapping, so that numba compiles each kernel once.
    return np.asarray(np.memmap(file, dtype=kind, mode="r"))


def _write_columns(
    activations: ByLatent,
    units: Units,
    folders: Sequence[Path],
    thresholds: Sequence[float],
    with_values: bool,
    memory_bytes: int,
) -> list[tuple[Ints, Floats, Floats]]:
    """Write `units.bin` (and `values_by_latent.bin`) of every threshold in one pass.

    Returns the ends [F + 1], means [F] and squared deviations [F] of each threshold.
    """
    F = len(activations.latent_ends)
    totals = [(np.zeros(F + 1, np.int64), np.zeros(F), np.zeros(F)) for _ in thresholds]
    for folder in folders:
        (folder / "units.bin").write_bytes(b"")
        (folder / "values_by_latent.bin").write_bytes(b"")
    for block in activations.blocks_by_latent(most_rows=max(1, memory_bytes // _READ_BYTES)):
        start, stop = int(block.latents[0]), int(block.latents[-1]) + 1
        rows, values = block.tokens, block.activations
        for folder, threshold, (ends, means, deviations) in zip(
            folders, thresholds, totals, strict=True
        ):
            distinct = np.empty(len(rows), dtype=np.uint32)
            kept = np.empty(len(rows) if with_values else 0, dtype=np.float32)
            sizes = ends[start + 1 : stop + 1]
            moments = means[start:stop], deviations[start:stop]
            total = _distinct_units(
                rows,
                values,
                block.ends,
                units.of_row,
                threshold,
                distinct,
                kept,
                sizes,
                moments,
            )
            _append(folder / "units.bin", distinct[:total])
            _append(folder / "values_by_latent.bin", kept[:total])
    return [(np.cumsum(ends), means, deviations) for ends, means, deviations in totals]


def _append(file: Path, values: npt.NDArray[Any]) -> None:
    with file.open("ab") as stream:
        stream.write(values.data)


def _write_rows(folder: Path, ends: Ints, size: int, with_values: bool, memory_bytes: int) -> Ints:
    """Write `ranks.bin` and `values_by_unit.bin` from the columns; returns the ends [size + 1].

    The units are sorted in blocks that fit the memory setting. Each block scans all latents from
    where the previous block stopped, so every activation is read once.
    """
    units = _mapped(folder / "units.bin", np.uint32)
    given_values = _mapped(folder / "values_by_latent.bin", np.float32)
    unit_ends = np.zeros(size + 1, dtype=np.int64)
    for start in range(0, len(units), 1 << 24):
        piece = units[start : start + (1 << 24)]
        unit_ends[1:] += np.bincount(piece, minlength=size)
    np.cumsum(unit_ends, out=unit_ends)
    cursor = ends[:-1].copy()
    rank_of = _inverse(_latent_of_rank(np.diff(ends)))
    ranks_file, values_file = folder / "ranks.bin", folder / "values_by_unit.bin"
    ranks_file.write_bytes(b"")
    values_file.write_bytes(b"")
    for start, stop in spans_within(np.diff(unit_ends), max(1, memory_bytes // _PLACED_BYTES)):
        total = int(unit_ends[stop] - unit_ends[start])
        ranks = np.empty(total, dtype=_rank_kind(len(ends) - 1))
        values = np.empty(total if with_values else 0, dtype=np.float32)
        fill = unit_ends[start:stop] - unit_ends[start]
        _place_units(units, given_values, ends, rank_of, cursor, start, stop, fill, ranks, values)
        _append(ranks_file, ranks)
        _append(values_file, values)
    return unit_ends


@numba.njit(nogil=True, cache=True)
def _distinct_units(  # noqa: PLR0913, PLR0917 - a kernel
    rows: UInt32s,
    values: Float32s,
    ends: Ints,
    of_row: UInt32s,
    threshold: float,
    distinct: UInt32s,
    kept: Float32s,
    sizes: Ints,
    moments: tuple[Floats, Floats],
) -> int:
    """Write the distinct units of each latent, ascending, to `distinct`; returns their number.

    `rows` and `values` [m] are the activations of some latents, `ends` [latents] where those of
    each latent end. Fills `sizes` and `squares` [latents], and `kept` with the values unless it is
    empty.
    """
    means, deviations = moments
    total, k = 0, 0
    for i in range(len(ends)):
        first, start = total, k
        active, added = 0, 0.0
        while k < ends[i]:
            value = np.float64(values[k])
            if value > threshold:
                unit = of_row[rows[k]]
                active, added = active + 1, added + value
                if total == first or distinct[total - 1] != unit:
                    distinct[total] = unit
                    if len(kept):
                        kept[total] = values[k]
                    total += 1
            k += 1
        means[i] = added / max(active, 1)
        for j in range(start, k):
            value = np.float64(values[j])
            if value > threshold:
                deviations[i] += (value - means[i]) ** 2
        sizes[i] = total - first
    return total


@numba.njit(nogil=True, cache=True)
def _place_units(  # noqa: PLR0913, PLR0917 - a kernel
    units: UInt32s,
    given_values: Float32s,
    ends: Ints,
    rank_of: UInt32s,
    cursor: Ints,
    start: int,
    stop: int,
    fill: Ints,
    ranks: npt.NDArray[Any],
    values: Float32s,
) -> None:
    """Sort the ranks of units start..stop-1 by unit.

    `fill` [units of the block] is the next free place of each unit, `cursor` [F] the next
    activation of each latent. Both are advanced.
    """
    for latent in range(len(cursor)):
        k = cursor[latent]
        while k < ends[latent + 1] and units[k] < stop:
            place = fill[np.int64(units[k]) - start]
            ranks[place] = rank_of[latent]
            if len(values):
                values[place] = given_values[k]
            fill[np.int64(units[k]) - start] = place + 1
            k += 1
        cursor[latent] = k
