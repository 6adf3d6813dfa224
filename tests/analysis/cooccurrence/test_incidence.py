"""Which latents are active on which units, against the dense planted matrix."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from analysis.bundle import LatentBlock, Units
from analysis.cooccurrence.incidence import (
    Incidence,
    open_incidence,
    write_incidences,
)
from tests.analysis.conftest import Stored
from tests.planted import LATENTS


def dense(incidence: Incidence) -> npt.NDArray[np.bool_]:
    """[units, latents] from the columns; the rows must say the same."""
    size = len(incidence.unit_ends) - 1
    columns, rows = (np.zeros((size, LATENTS), dtype=bool) for _ in range(2))
    named = incidence.latent_of_rank[incidence.ranks]
    assert (np.diff(incidence.counts[incidence.latent_of_rank]) <= 0).all()
    columns[incidence.units, np.repeat(np.arange(LATENTS), incidence.counts)] = True
    rows[np.repeat(np.arange(size), np.diff(incidence.unit_ends)), named] = True
    assert np.array_equal(rows, columns)
    assert columns.sum() == len(incidence.units) == len(incidence.ranks)
    return columns


def test_thresholds_of_one_pass_are_those_of_the_matrix(stored: Stored, tmp_path: Path) -> None:
    thresholds = [0.0, 1.0, 2.5]
    made = write_incidences(
        stored.activations,
        stored.kept.units("token"),
        tmp_path,
        thresholds=thresholds,
        with_values=True,
    )
    for threshold, incidence in zip(thresholds, made, strict=True):
        above = stored.values > threshold
        assert incidence.n_units == stored.planted.n_tokens and incidence.threshold == threshold
        assert np.array_equal(dense(incidence), above)
        assert np.array_equal(incidence.values_by_latent, stored.values.T[above.T])
        by_unit = np.zeros_like(stored.values)
        unit = np.repeat(np.arange(len(by_unit)), np.diff(incidence.unit_ends))
        by_unit[unit, incidence.latent_of_rank[incidence.ranks]] = incidence.values_by_unit
        assert np.array_equal(by_unit, np.where(above, stored.values, 0))
        wide = np.where(above, stored.values, np.nan).astype(np.float64)
        fires = above.any(axis=0)
        assert incidence.means[fires] == pytest.approx(np.nanmean(wide[:, fires], axis=0))
        spread = np.nanvar(wide[:, fires], axis=0) * above[:, fires].sum(axis=0)
        assert incidence.deviations[fires] == pytest.approx(spread, rel=1e-9, abs=1e-9)
        assert not incidence.means[~fires].any() and not incidence.deviations[~fires].any()


@pytest.mark.parametrize("window", [1, 7, 256])
def test_windows_and_documents(stored: Stored, tmp_path: Path, window: int) -> None:
    windows = stored.kept.units("window", window)
    documents = stored.kept.units("document")
    starts = stored.kept.row_starts
    edges = [
        row
        for start, end in zip(starts.tolist(), stored.kept.row_ends.tolist(), strict=True)
        for row in range(start, end, window)
    ]
    for name, units, begins in (("w", windows, edges), ("d", documents, starts)):
        (made,) = write_incidences(stored.activations, units, tmp_path / name, thresholds=[0.5])
        blocks = np.logical_or.reduceat(stored.values > 0.5, begins, axis=0)
        assert made.n_units == len(begins)
        assert np.array_equal(dense(made), blocks)


def test_memory_setting_changes_no_byte(stored: Stored, tmp_path: Path) -> None:
    units = stored.kept.units("token")
    for name, memory in (("a", 1 << 28), ("b", 5_000)):
        write_incidences(
            stored.activations,
            units,
            tmp_path / name,
            thresholds=[0.0],
            with_values=True,
            memory_bytes=memory,
        )
    for file in (tmp_path / "a" / "0").iterdir():
        if file.suffix == ".bin":
            assert file.read_bytes() == (tmp_path / "b" / "0" / file.name).read_bytes()


def test_what_is_there_is_not_made_again(stored: Stored, tmp_path: Path) -> None:
    units = stored.kept.units("token")
    write_incidences(stored.activations, units, tmp_path, thresholds=[1.0])
    written = (tmp_path / "0" / "units.bin").stat().st_mtime_ns
    (again,) = write_incidences(stored.activations, units, tmp_path, thresholds=[1.0])
    assert (tmp_path / "0" / "units.bin").stat().st_mtime_ns == written
    assert np.array_equal(again.units, open_incidence(tmp_path / "0").units)


def test_values_belong_to_tokens(stored: Stored, tmp_path: Path) -> None:
    units = stored.kept.units("document")
    with pytest.raises(ValueError, match="units are document units"):
        write_incidences(stored.activations, units, tmp_path, thresholds=[0.0], with_values=True)


class OnceEach:
    """Latent i is active once, on token i % 3."""

    def __init__(self, n_latents: int) -> None:
        self.latent_ends = np.arange(1, n_latents + 1)

    def blocks_by_latent(
        self, latents: object = None, most_rows: float = 0
    ) -> Iterator[LatentBlock]:
        ids = np.arange(len(self.latent_ends))
        rows = (ids % 3).astype(np.uint32)
        yield LatentBlock(ids, self.latent_ends, rows, np.ones(len(ids), dtype=np.float32))


@pytest.mark.parametrize(("n_latents", "width"), [(65_535, 2), (65_536, 2), (65_537, 4)])
def test_ranks_have_two_bytes_if_they_fit_and_are_read_as_written(
    tmp_path: Path, n_latents: int, width: int
) -> None:
    tokens = Units("token", np.arange(3, dtype=np.uint32), 3, 3)
    (made,) = write_incidences(OnceEach(n_latents), tokens, tmp_path, thresholds=[0.0])
    assert (tmp_path / "0" / "ranks.bin").stat().st_size == width * n_latents
    for unit, (first, last) in enumerate(pairwise(made.unit_ends.tolist())):
        on_it = np.sort(made.latent_of_rank[made.ranks[first:last]])
        assert np.array_equal(on_it, np.arange(unit, n_latents, 3))
