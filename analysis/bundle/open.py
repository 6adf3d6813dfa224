"""Open a bundle, check that it is whole, and read it by what is asked for."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from analysis.bundle.activations import Activations
from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.positions import KeptTokens, kept_tokens
from analysis.bundle.schema import SCHEMA_VERSION, TABLES
from analysis.bundle.tables import LatentTable
from analysis.runtime.errors import InputError

LARGEST_MANIFEST_BYTES = 4_000_000


@dataclass(frozen=True)
class TopWords:
    """All top tokens of all latents, each distinct text once, so that a search reads it once."""

    words: pa.Array = field(repr=False)
    codes: np.ndarray = field(repr=False)
    latents: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Bundle:
    """An open bundle. Small tables are read once, large ones by the rows that are asked for."""

    path: Path
    manifest: Manifest

    @cached_property
    def latents(self) -> pa.Table:
        """One row per latent, row i is latent i."""
        return self._read("latents")

    @cached_property
    def top_words(self) -> TopWords:
        """The top tokens in a form that a search reads fast."""
        lists = self.latents["top_tokens"].combine_chunks()
        encoded = lists.flatten().dictionary_encode()
        return TopWords(
            encoded.dictionary, encoded.indices.to_numpy(), pc.list_parent_indices(lists).to_numpy()
        )

    @cached_property
    def clusters(self) -> pa.Table:
        """One row per cluster of every level."""
        return self._read("clusters")

    @cached_property
    def memberships(self) -> pa.Table:
        """Which cluster a latent belongs to at every level."""
        return self._read("memberships")

    @cached_property
    def communities(self) -> pa.Table:
        """Which community of latents that fire together a latent belongs to at every level."""
        return self._read("communities")

    @cached_property
    def cluster_pairs(self) -> pa.Table:
        """On how many tokens two clusters of a level are active together."""
        return self._read("cluster_pairs")

    @cached_property
    def cluster_components(self) -> pa.Table:
        """Principal components of the clusters' reconstructed activations."""
        return self._read("cluster_components")

    @cached_property
    def cluster_loadings(self) -> pa.Table:
        """The members' decoder vectors on these components."""
        return self._read("cluster_loadings")

    @cached_property
    def documents(self) -> pa.Table:
        """One row per document."""
        return self._read("documents")

    @cached_property
    def tokens(self) -> pa.Table:
        """One row per token of the corpus, masked ones included."""
        return self._read("tokens")

    @cached_property
    def neighbours(self) -> LatentTable:
        """Nearest decoder vectors."""
        return LatentTable(self._file("neighbours"))

    @cached_property
    def partners(self) -> LatentTable:
        """Strongest co-occurrence partners."""
        return LatentTable(self._file("partners"))

    @cached_property
    def relations(self) -> LatentTable:
        """Duplicates, implications, exclusive siblings and absorption candidates, by `a`."""
        return LatentTable(self._file("relations"))

    @cached_property
    def kept_tokens(self) -> KeptTokens:
        """Kept tokens, documents and windows."""
        return kept_tokens(self.path)

    @cached_property
    def contexts(self) -> LatentTable:
        """Windows of the corpus on which a latent is active."""
        return LatentTable(self._file("contexts"))

    @cached_property
    def logits(self) -> LatentTable:
        """Tokens that a latent pushes up or down; empty without a model."""
        return LatentTable(self._file("logits"))

    @cached_property
    def activations(self) -> Activations:
        """The sparse activations."""
        # One column alone: of ten million tokens the whole table takes a second and 200 MB.
        active = pq.read_table(self._file("tokens"), columns=["active_latents"], memory_map=True)
        return Activations(
            self.path,
            np.cumsum(self.latents["active_tokens"].to_numpy(), dtype=np.int64),
            np.cumsum(active["active_latents"].to_numpy(), dtype=np.int64),
        )

    @property
    def name(self) -> str:
        """The folder's name, for people."""
        return self.path.name

    def _file(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def _read(self, table: str) -> pa.Table:
        return pq.read_table(self._file(table), memory_map=True)


def open_bundle(path: str | Path) -> Bundle:
    """Open a bundle and check that it is whole.

    Raises InputError when the folder is no bundle, has another schema version, or lacks a table or
    a column.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    for table, schema in TABLES.items():
        _check_table(folder / f"{table}.parquet", schema)
    return Bundle(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Read and check `manifest.json` alone; raises InputError."""
    file = folder / MANIFEST
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder of a bundle.")
    if not file.is_file():
        raise InputError(
            f"{folder}: has no {MANIFEST}, so it is no bundle; make one with "
            "`python -m analysis build`."
        )
    if file.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise InputError(f"{file}: is too large for a manifest; build the bundle again.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: is not a readable manifest; build the bundle again.") from error
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{file}: has bundle schema version {version!r}, and this Clearwater reads version "
            f"{SCHEMA_VERSION}; build the bundle again with this version."
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"{file}: the field {place} is not valid; build the bundle again."
        ) from error


def _check_table(file: Path, schema: pa.Schema) -> None:
    if not file.is_file():
        raise InputError(f"{file}: is missing, so the bundle is not whole; build it again.")
    try:
        stored = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{file}: is not a readable Parquet file; build the bundle again."
        ) from error
    for wanted in schema:
        index = stored.get_field_index(wanted.name)
        if index < 0 or stored.field(index).type != wanted.type:
            raise InputError(
                f"{file}: lacks the column {wanted.name} of type {wanted.type}; "
                "build the bundle again."
            )
