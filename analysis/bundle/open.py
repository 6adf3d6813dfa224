"""Open a bundle, check that it is complete, and read its tables when they are used."""

import json
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from analysis.bundle.activations import Activations
from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.older_schemas import CURRENT, REFRESH_TABLES, OlderSchema, reading_of
from analysis.bundle.positions import KeptTokens, kept_tokens
from analysis.bundle.schema import TABLES
from analysis.bundle.tables import LatentTable
from analysis.runtime.errors import InputError

LARGEST_MANIFEST_BYTES = 4_000_000


@dataclass(frozen=True)
class TopWords:
    """All top tokens of all latents; each distinct text is stored once and searched once."""

    words: pa.Array = field(repr=False)
    codes: np.ndarray = field(repr=False)
    latents: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Bundle:
    """An open bundle. Small tables are read whole, once; large tables are read by latent."""

    path: Path
    manifest: Manifest
    schema: OlderSchema = field(default=CURRENT, repr=False)
    """Defaults for what the bundle lacks, if an older version wrote it."""

    @cached_property
    def latents(self) -> pa.Table:
        """One row per latent; row i is latent i."""
        return self._read("latents")

    @cached_property
    def top_words(self) -> TopWords:
        """The top tokens in a form that is fast to search."""
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
        """Which co-occurrence community a latent belongs to at every level."""
        return self._read("communities")

    @cached_property
    def cluster_pairs(self) -> pa.Table:
        """Joint tokens of two clusters of a level."""
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
        return self._by_latent("neighbours")

    @cached_property
    def partners(self) -> LatentTable:
        """Strongest co-occurrence partners."""
        return self._by_latent("partners")

    @cached_property
    def relations(self) -> LatentTable:
        """Duplicates, implications, exclusive siblings and absorption candidates, by `a`."""
        return self._by_latent("relations")

    @cached_property
    def kept_tokens(self) -> KeptTokens:
        """Kept tokens, documents and windows."""
        return kept_tokens(self.path)

    @cached_property
    def contexts(self) -> LatentTable:
        """Windows of the corpus on which a latent is active."""
        return self._by_latent("contexts")

    @cached_property
    def logits(self) -> LatentTable:
        """Tokens that a latent promotes or suppresses; empty without a model."""
        return self._by_latent("logits")

    @cached_property
    def activations(self) -> Activations:
        """The sparse activations."""
        # Read one column only: for ten million tokens the whole table takes a second and 200 MB.
        active = pq.read_table(self._file("tokens"), columns=["active_latents"], memory_map=True)
        return Activations(
            self.path,
            np.cumsum(self.latents["active_tokens"].to_numpy(), dtype=np.int64),
            np.cumsum(active["active_latents"].to_numpy(), dtype=np.int64),
        )

    @property
    def name(self) -> str:
        """Name of the bundle's folder, for display."""
        return self.path.name

    def _file(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def _read(self, table: str) -> pa.Table:
        rows = pq.read_table(self._file(table), memory_map=True)
        return self.schema.completed(table, rows)

    def _by_latent(self, table: str) -> LatentTable:
        return LatentTable(self._file(table), partial(self.schema.completed, table))


def open_bundle(path: str | Path, *, to_refresh: bool = False) -> Bundle:
    """Open a bundle and check that it is complete.

    A bundle of an older schema version opens if its missing columns and fields have defaults. With
    `to_refresh`, a bundle also opens if only its activations can be used; the other tables are then
    not checked.

    Raises InputError if the folder is not a bundle, has a schema version that cannot be read, or
    lacks a table or a column.
    """
    folder = Path(path)
    content = _manifest_content(folder)
    schema = reading_of(folder / MANIFEST, content["schema_version"], to_refresh)
    manifest = _validated(folder / MANIFEST, schema.completed_manifest(content))
    for table in REFRESH_TABLES if to_refresh and not schema.opens else TABLES:
        _check_table(folder, table, schema)
    return Bundle(folder, manifest, schema)


def read_manifest(folder: Path) -> Manifest:
    """Read and check `manifest.json` only.

    Raises InputError if it is missing, unreadable or invalid, or if its schema version cannot be
    read.
    """
    content = _manifest_content(folder)
    schema = reading_of(folder / MANIFEST, content["schema_version"], to_refresh=False)
    return _validated(folder / MANIFEST, schema.completed_manifest(content))


def _manifest_content(folder: Path) -> dict[str, Any]:
    """The JSON object of `manifest.json`, with at least `schema_version`."""
    file = folder / MANIFEST
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder of a bundle.")
    if not file.is_file():
        raise InputError(
            f"{folder}: has no {MANIFEST}, so it is not a bundle; make one with `clearwater build`."
        )
    if file.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise InputError(
            f"{file}: has more than {LARGEST_MANIFEST_BYTES:,} bytes, too many for a manifest; "
            "build the bundle again."
        )
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        content["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: is not a readable manifest; build the bundle again.") from error
    return content


def _validated(file: Path, content: dict[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"{file}: the field {place} is not valid; build the bundle again."
        ) from error


def _check_table(folder: Path, table: str, schema: OlderSchema) -> None:
    file = folder / f"{table}.parquet"
    if not file.is_file():
        raise InputError(f"{file}: is missing, so the bundle is incomplete; build it again.")
    try:
        stored = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{file}: is not a readable Parquet file; build the bundle again."
        ) from error
    for wanted in TABLES[table]:
        index = stored.get_field_index(wanted.name)
        if index < 0 and schema.lacks(table, wanted.name):
            continue
        if index < 0 or stored.field(index).type != wanted.type:
            raise InputError(
                f"{file}: lacks the column {wanted.name} of type {wanted.type}; "
                "build the bundle again."
            )
