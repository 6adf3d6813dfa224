"""Fixtures: planted activations as stored tables and dense matrices, and a Dask cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster

from analysis.bundle import Activations, KeptTokens, Parameters, kept_tokens
from analysis.harvest.imported import import_activations
from analysis.harvest.shards import rounded
from analysis.harvest.store import write_activation_tables
from tests.planted import LATENTS, Planted


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A real Dask cluster of two processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


@dataclass(frozen=True)
class Stored:
    """Planted activations, stored and dense."""

    planted: Planted
    shards: Path
    tables: Path
    activations: Activations
    kept: KeptTokens
    values: npt.NDArray[np.float32]
    """[tokens, latents], rounded as they are stored; read from the file independently."""

    @property
    def bits(self) -> npt.NDArray[np.int64]:
        return (self.values > 0).astype(np.int64)


@pytest.fixture(scope="session")
def stored(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    folder = tmp_path_factory.mktemp("stored")
    shards, tables = folder / "shards", folder / "tables"
    shards.mkdir()
    tables.mkdir()
    import_activations(
        planted.activations, planted.tokens, LATENTS, shards, parameters=Parameters()
    )
    activations = write_activation_tables(shards, tables, LATENTS)
    return Stored(planted, shards, tables, activations, kept_tokens(tables), dense_values(planted))


def dense_values(planted: Planted) -> npt.NDArray[np.float32]:
    """The planted activations as a matrix, by their place in the tokens file."""
    tokens = pq.read_table(planted.tokens)
    keys = zip(tokens["document"].to_pylist(), tokens["position"].to_pylist(), strict=True)
    row = {key: i for i, key in enumerate(keys)}
    values = np.zeros((len(row), LATENTS), dtype=np.float32)
    given = pq.read_table(planted.activations)
    rows = [
        row[key]
        for key in zip(given["document"].to_pylist(), given["position"].to_pylist(), strict=True)
    ]
    values[rows, given["latent"].to_numpy()] = rounded(given["activation"].to_numpy())
    return values
