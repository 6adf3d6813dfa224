"""A ready bundle counted again, by every unit, against its own activations as a matrix."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle, Unit
from analysis.cooccurrence.association import MEASURES, TwoByTwo
from analysis.cooccurrence.recount import CountRequest, recount
from analysis.cooccurrence.strongest import Ranking
from analysis.runtime.errors import InputError
from analysis.runtime.workers import LocalWorkers
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
        bits = np.logical_or.reduceat(values > threshold, begins, axis=0).astype(np.int64)
        gram, table = bits.T @ bits, pq.read_table(file)
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
    asked = CountRequest("token", 1, (0.0,), Ranking(8, 1), 1 << 28)
    (file,) = recount(bundle, asked, tmp_path / "out", LocalWorkers())
    rows = pq.read_table(file).to_pandas()
    n1, n2 = rows["latent_count"], rows["partner_count"]
    assert np.allclose(rows["expected"], n1 * n2 / kept, rtol=1e-12)
    assert np.allclose(rows["lift"], rows["joint"] * kept / (n1 * n2), rtol=1e-12)
    said = json.loads(pq.read_schema(file).metadata[b"clearwater"])
    assert said["n_units"] == kept


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
