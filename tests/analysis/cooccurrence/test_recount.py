"""A ready bundle counted again, by every unit, against its own activations as a matrix."""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle, Unit
from analysis.cooccurrence.association import MEASURES, TwoByTwo
from analysis.cooccurrence.recount import CountRequest, recount
from analysis.cooccurrence.strongest import Ranking
from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.workers import File, Finished, LocalWorkers, Task
from tests.analysis.cooccurrence.dense import gram_of
from tests.charts.conftest import make_bundle
from tests.planted import LATENTS

THRESHOLDS = (0.0, 1.0)


def request(unit: Unit, window: int = 50) -> CountRequest:
    return CountRequest(unit, window, THRESHOLDS, Ranking(LATENTS, 1), 1 << 28)


def blocks_of(bundle: Bundle, unit: Unit, window: int = 50) -> np.ndarray:
    """First token row of every unit; every planted token is kept."""
    document = bundle.tokens["document"].to_numpy()
    starts = np.flatnonzero(np.diff(document, prepend=document[0] - 1))
    if unit == "document":
        return starts
    if unit == "token":
        return np.arange(len(document))
    ends = np.append(starts[1:], len(document))
    return np.concatenate([np.arange(a, b, window) for a, b in zip(starts, ends, strict=True)])


@pytest.mark.parametrize("unit", ["token", "window", "document"])
def test_every_pair_at_every_threshold(planted_bundle: Bundle, tmp_path: Path, unit: Unit) -> None:
    files = recount(planted_bundle, request(unit), tmp_path, LocalWorkers())
    values = np.zeros((planted_bundle.tokens.num_rows, LATENTS))
    for latent in range(LATENTS):
        rows, activations = planted_bundle.activations.of_latent(latent)
        values[rows, latent] = activations
    begins = blocks_of(planted_bundle, unit)
    for threshold, file in zip(THRESHOLDS, files, strict=True):
        gram = gram_of(np.logical_or.reduceat(values > threshold, begins, axis=0))
        table = pq.read_table(file)
        a, b = table["latent"].to_numpy(), table["partner"].to_numpy()
        met = gram - np.diag(np.diag(gram)) > 0
        assert len(a) == met.sum() and met[a, b].all()
        assert np.array_equal(table["joint"].to_numpy(), gram[a, b])
        assert np.array_equal(table["latent_count"].to_numpy(), np.diag(gram)[a])
        square = TwoByTwo.from_margins(gram[a, b], np.diag(gram)[a], np.diag(gram)[b], len(begins))
        assert np.array_equal(table["phi"].to_numpy(), MEASURES["phi"].of(square))
        metadata = json.loads(table.schema.metadata[b"clearwater"])
        assert metadata["n_units"] == len(begins) and metadata["bundle_id"] == (
            planted_bundle.manifest.bundle_id
        )
        assert metadata["active_rule"] == f"activation > {threshold:g}"
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in files}


def test_masked_tokens_are_no_units(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    kept = int(np.sum(bundle.tokens["kept"].to_pylist()))
    assert kept < bundle.tokens.num_rows
    wanted = CountRequest("token", 1, (0.0,), Ranking(8, 1), 1 << 28)
    (file,) = recount(bundle, wanted, tmp_path / "out", LocalWorkers())
    rows = pq.read_table(file).to_pandas()
    n1, n2 = rows["latent_count"], rows["partner_count"]
    assert np.allclose(rows["expected"], n1 * n2 / kept, rtol=1e-12)
    assert np.allclose(rows["lift"], rows["joint"] * kept / (n1 * n2), rtol=1e-12)
    metadata = json.loads(pq.read_schema(file).metadata[b"clearwater"])
    assert metadata["n_units"] == kept


def test_what_was_counted_is_not_counted_again(planted_bundle: Bundle, tmp_path: Path) -> None:
    (first, _) = recount(planted_bundle, request("document"), tmp_path, LocalWorkers())
    written = first.stat().st_mtime_ns
    recount(planted_bundle, request("document"), tmp_path, LocalWorkers())
    assert first.stat().st_mtime_ns == written


def test_another_count_of_the_same_name_is_not_taken_for_this_one(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    recount(planted_bundle, request("document"), tmp_path, LocalWorkers())
    fewer = replace(request("document"), ranking=Ranking(3, 1))
    with pytest.raises(InputError, match="another count"):
        recount(planted_bundle, fewer, tmp_path, LocalWorkers())
    (tmp_path / "partners-document-above-0.parquet").write_bytes(b"damaged")
    with pytest.raises(InputError, match="another count"):
        recount(planted_bundle, request("document"), tmp_path, LocalWorkers())


def test_a_threshold_below_the_bundles_is_refused(planted_bundle: Bundle, tmp_path: Path) -> None:
    request_below = CountRequest("token", 1, (-1.0,), Ranking(8, 1), 1 << 28)
    with pytest.raises(InputError, match="stores only activations above 0, so --above -1 "):
        recount(planted_bundle, request_below, tmp_path / "out", LocalWorkers())
    with pytest.raises(InputError, match="is not a number"):
        recount(
            planted_bundle,
            replace(request_below, thresholds=(float("nan"),)),
            tmp_path,
            LocalWorkers(),
        )
    assert not (tmp_path / "out").exists()


class StoppedError(Exception):
    """Stands for a kill: nothing is cleaned up in the working folder."""


class StoppingWorkers(LocalWorkers):
    """Stops after the blocks of the first threshold."""

    def __init__(self) -> None:
        self.runs = 0

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        self.runs += 1
        if self.runs > 1:
            raise StoppedError
        super().run(task, pieces, file, finished)


def stopped(bundle: Bundle, wanted: CountRequest, out: Path) -> None:
    """Leave a count that was interrupted after its first threshold, before its file was written."""
    with pytest.raises(StoppedError):
        recount(bundle, wanted, out, StoppingWorkers())
    (out / wanted.file_name(wanted.thresholds[0])).unlink(missing_ok=True)


def contents(files: list[Path]) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"thresholds": (0.0, 1.0)}, {"thresholds": (0.5, 1.5)}),
        ({"ranking": Ranking(LATENTS, 1)}, {"ranking": Ranking(3, 1)}),
        ({"ranking": Ranking(2, 1)}, {"ranking": Ranking(2, 40)}),
    ],
    ids=["thresholds", "partners", "minimum joint"],
)
def test_an_interrupted_count_is_not_resumed_as_another(
    planted_bundle: Bundle, tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    wanted = replace(request("token"), **after)
    whole = contents(recount(planted_bundle, wanted, tmp_path / "whole", LocalWorkers()))
    stopped(planted_bundle, replace(request("token"), **before), tmp_path / "out")
    files = recount(planted_bundle, wanted, tmp_path / "out", LocalWorkers())
    assert contents(files) == whole
    assert sorted((tmp_path / "out").iterdir()) == sorted(files)


def test_an_interrupted_count_is_not_resumed_at_the_next_larger_threshold(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    # In float64, in which activations are compared with thresholds.
    values = planted_bundle.activations.of_latent(0)[1].astype(np.float64)
    value = float(np.median(values[: len(values) // 2 * 2 - 1]))  # one of the values
    below = float(np.nextafter(value, 0))
    stopped(planted_bundle, replace(request("token"), thresholds=(below, 9.0)), tmp_path)
    wanted = replace(request("token"), thresholds=(value, 9.0))
    (file, _) = recount(planted_bundle, wanted, tmp_path, LocalWorkers())
    rows = pq.read_table(file).to_pandas()
    assert set(rows[rows.latent == 0]["latent_count"]) == {np.count_nonzero(values > value)}
    assert np.count_nonzero(values > value) < np.count_nonzero(values > below)


def test_an_interrupted_count_of_another_bundle_is_not_resumed(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    other = make_bundle(tmp_path)
    wanted = replace(request("token"), thresholds=(0.0, 0.5))
    whole = contents(recount(other, wanted, tmp_path / "whole", LocalWorkers()))
    stopped(planted_bundle, wanted, tmp_path / "out")
    assert contents(recount(other, wanted, tmp_path / "out", LocalWorkers())) == whole


def test_an_interrupted_count_resumes_and_counts_damaged_blocks_again(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    whole = contents(recount(planted_bundle, request("window"), tmp_path / "whole", LocalWorkers()))
    stopped(planted_bundle, request("window"), tmp_path / "out")
    (intact,) = (tmp_path / "out").glob(".*.counting/blocks-0/*.arrow")
    written = intact.stat().st_mtime_ns
    stopped(planted_bundle, request("window"), tmp_path / "out")
    assert intact.stat().st_mtime_ns == written
    damaged = bytearray(intact.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    intact.write_bytes(damaged)
    files = recount(planted_bundle, request("window"), tmp_path / "out", LocalWorkers())
    assert contents(files) == whole


def test_a_finished_threshold_is_not_written_again(planted_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        recount(planted_bundle, request("token"), tmp_path, StoppingWorkers())
    first = tmp_path / "partners-token-above-0.parquet"
    written = first.stat().st_mtime_ns
    recount(planted_bundle, request("token"), tmp_path, LocalWorkers())
    assert first.stat().st_mtime_ns == written


def test_what_a_killed_count_leaves_of_cleaning_up_is_removed(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    stopped(planted_bundle, request("token"), tmp_path / "out")
    left = tmp_path / "out" / ".token.counting"
    shutil.copytree(left, tmp_path / "left")
    files = recount(planted_bundle, request("token"), tmp_path / "out", LocalWorkers())
    for name in (".token.counting", ".token.removing"):
        shutil.copytree(tmp_path / "left", tmp_path / "out" / name)
        recount(planted_bundle, request("token"), tmp_path / "out", LocalWorkers())
        assert sorted((tmp_path / "out").iterdir()) == sorted(files)
    stopped(planted_bundle, replace(request("token"), thresholds=(0.5, 1.5)), tmp_path / "out")
    recount(planted_bundle, request("token"), tmp_path / "out", LocalWorkers())
    assert left.exists()  # it belongs to the other count, which can still be resumed


def test_a_second_count_at_once_is_told_who_counts(planted_bundle: Bundle, tmp_path: Path) -> None:
    class SecondCount(LocalWorkers):
        def run(
            self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
        ) -> None:
            with pytest.raises(InputError, match=rf"process {os.getpid()} on .* this count; wait"):
                recount(planted_bundle, request("token"), tmp_path, LocalWorkers())
            recount(planted_bundle, request("document"), tmp_path, LocalWorkers())
            super().run(task, pieces, file, finished)

    recount(planted_bundle, request("token"), tmp_path, SecondCount())
    assert len(list(tmp_path.iterdir())) == 4


def test_thresholds_have_distinct_names(planted_bundle: Bundle, tmp_path: Path) -> None:
    near = replace(request("token"), thresholds=(0.5, 0.5000001, 0.5000004))
    files = recount(planted_bundle, near, tmp_path, LocalWorkers())
    names = ["0.5", "0.5000001", "0.5000004"]
    assert [file.name for file in files] == [f"partners-token-above-{n}.parquet" for n in names]
    rules = [
        json.loads(pq.read_schema(file).metadata[b"clearwater"])["active_rule"] for file in files
    ]
    assert rules == [f"activation > {name}" for name in names]
    for threshold, name in [(0.0, "0"), (1.25, "1.25"), (3e7, "3e+07"), (1e-9, "1e-09")]:
        assert near.file_name(threshold) == f"partners-token-above-{name}.parquet"


def test_a_count_without_rows_is_a_file(planted_bundle: Bundle, tmp_path: Path) -> None:
    wanted = replace(request("document"), thresholds=(0.0, 1e9))
    some, none = recount(planted_bundle, wanted, tmp_path, LocalWorkers())
    assert pq.read_table(none).num_rows == 0
    assert pq.read_schema(none).equals(pq.read_schema(some))
    recount(planted_bundle, wanted, tmp_path, LocalWorkers())


def test_a_folder_that_is_a_file_is_refused(planted_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResumableError, match="a parent of it is a file"):
        recount(planted_bundle, request("token"), tmp_path / "file", LocalWorkers())
