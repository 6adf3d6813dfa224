"""Open a bundle, check that it is complete, and read its tables when they are used."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from analysis.bundle import cross_checks
from analysis.bundle.activations import Activations
from analysis.bundle.checksums import check_footers, check_manifest
from analysis.bundle.cut_texts import cut_texts
from analysis.bundle.damage import MEND
from analysis.bundle.footer_checks import check_columns, check_counts
from analysis.bundle.kept_columns import KeptColumns
from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.older_schemas import CURRENT, REFRESH_TABLES, OlderSchema, reading_of
from analysis.bundle.positions import KeptTokens, kept_tokens
from analysis.bundle.ranges import Limits
from analysis.bundle.row_checks import check_rows
from analysis.bundle.schema import OPTIONAL_TABLES, TABLES
from analysis.bundle.table_file import TableFile
from analysis.bundle.tables import LatentTable
from analysis.runtime.errors import InputError
from analysis.runtime.once import once_property

LARGEST_MANIFEST_BYTES = 4_000_000


@dataclass(frozen=True)
class TopWords:
    """All top tokens of all latents; each distinct text is stored once and searched once."""

    words: pa.Array = field(repr=False)
    codes: np.ndarray = field(repr=False)
    latents: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Bundle:
    """An open bundle. Small tables are read whole, once; large tables are read by latent.

    Rows are checked against the schema when they are read. Every table raises InputError if it is
    damaged.
    """

    path: Path
    manifest: Manifest
    schema: OlderSchema = field(default=CURRENT, repr=False)
    """Defaults for what the bundle lacks, if an older version wrote it."""
    identity: str = ""
    """Changes when a file of the bundle is replaced; the key of everything derived from it."""
    files: dict[str, TableFile] = field(default_factory=dict, repr=False, compare=False)
    """The files of the tables, as they were when the bundle was opened."""
    columns: KeptColumns = field(default_factory=KeptColumns, repr=False, compare=False)
    """What was read of large tables lately."""

    @once_property
    def latents(self) -> pa.Table:
        """One row per latent; row i is latent i."""
        rows, active = self._read("latents"), self._file("activations_by_latent").rows
        cross_checks.check_latents(self._path("latents"), rows, self.manifest, active)
        return rows

    @once_property
    def top_words(self) -> TopWords:
        """The top tokens in a form that is fast to search."""
        lists = self.latents["top_tokens"].combine_chunks()
        encoded = lists.flatten().dictionary_encode()
        return TopWords(
            encoded.dictionary, encoded.indices.to_numpy(), pc.list_parent_indices(lists).to_numpy()
        )

    @once_property
    def clusters(self) -> pa.Table:
        """One row per cluster of every space and level."""
        return self._read("clusters")

    @once_property
    def memberships(self) -> pa.Table:
        """Which cluster a latent belongs to, in every space and at every level."""
        rows = self._read("memberships")
        cross_checks.check_memberships(
            self._path("memberships"), rows, self.clusters, self.latents, self.manifest
        )
        return rows

    @once_property
    def null_latents(self) -> pa.Table:
        """Positions, clusters and partners of latents in draws where there is nothing to find."""
        rows = self._read("null_latents")
        cross_checks.check_null_latents(self._path("null_latents"), rows, self.null_clusters)
        return rows

    @once_property
    def null_clusters(self) -> pa.Table:
        """One row per cluster of these draws."""
        return self._read("null_clusters")

    @once_property
    def cluster_pairs(self) -> pa.Table:
        """Joint tokens of two clusters of a level."""
        rows = self._read("cluster_pairs")
        cross_checks.check_cluster_pairs(self._path("cluster_pairs"), rows, self.clusters)
        return rows

    @once_property
    def cluster_components(self) -> pa.Table:
        """Principal components of the clusters' reconstructed activations."""
        return self._read("cluster_components")

    @once_property
    def cluster_loadings(self) -> pa.Table:
        """The members' decoder vectors on these components."""
        rows = self._read("cluster_loadings")
        cross_checks.check_loadings(self._path("cluster_loadings"), rows, self.cluster_components)
        return rows

    @once_property
    def documents(self) -> pa.Table:
        """One row per document."""
        return self._read("documents")

    @once_property
    def document_values(self) -> pa.Table:
        """The values of the documents in the columns of the corpus."""
        rows = self._read("document_values")
        cross_checks.check_document_values(self._path("document_values"), rows, self.documents)
        return rows

    @once_property
    def latent_profiles(self) -> LatentTable | None:
        """Where latents fire, by the values of the documents; None if an older bundle lacks it."""
        return self._by_latent("latent_profiles") if "latent_profiles" in self.files else None

    @once_property
    def cluster_profiles(self) -> pa.Table:
        """Where clusters fire, by the values of the documents."""
        return self._read("cluster_profiles")

    @once_property
    def tokens(self) -> pa.Table:
        """One row per token of the corpus, masked ones included."""
        return self._read("tokens")

    @property
    def tokens_file(self) -> TableFile:
        """The file of the tokens, of which pages read few rows."""
        return self._file("tokens")

    @once_property
    def neighbours(self) -> LatentTable:
        """Nearest decoder vectors."""
        return self._by_latent("neighbours")

    @once_property
    def partners(self) -> LatentTable:
        """Strongest co-occurrence partners."""
        return self._by_latent("partners")

    @once_property
    def relations(self) -> LatentTable:
        """Duplicates, implications, exclusive siblings and absorption candidates, by `a`."""
        return self._by_latent("relations")

    @once_property
    def kept_tokens(self) -> KeptTokens:
        """Kept tokens, documents and windows."""
        kept = kept_tokens(self.path)
        cross_checks.check_kept(self._path("tokens"), kept, self.documents, self.manifest)
        return kept

    @once_property
    def contexts(self) -> LatentTable:
        """Windows of the corpus on which a latent is active."""
        return self._by_latent("contexts")

    @once_property
    def logits(self) -> LatentTable:
        """Tokens that a latent promotes or suppresses; empty without a model."""
        return self._by_latent("logits")

    @once_property
    def activations(self) -> Activations:
        """The sparse activations."""
        # Read one column only: for ten million tokens the whole table takes a second and 200 MB.
        active = self._checked("tokens", self._file("tokens").read(["active_latents"]))
        ends = np.cumsum(active["active_latents"].to_numpy(), dtype=np.int64)
        counted = int(ends[-1]) if len(ends) else 0
        cross_checks.check_active(
            self._path("tokens"), counted, self._file("activations_by_token").rows
        )
        return Activations(
            self.path,
            np.cumsum(self.latents["active_tokens"].to_numpy(), dtype=np.int64),
            ends,
            {
                table: self._file(table)
                for table in ("activations_by_latent", "activations_by_token")
            },
        )

    def pieces(self, table: str) -> Iterator[pa.Table]:
        """All rows of a table, checked, one row group at a time."""
        file = self._file(table)
        for group in range(file.groups):
            yield self._checked(table, file.read(groups=[group]))

    @property
    def name(self) -> str:
        """Name of the bundle's folder, for display."""
        return self.path.name

    @property
    def without_checksums(self) -> list[str]:
        """The tables in which damage cannot be noticed, because an older version wrote them."""
        return [table for table, file in self.files.items() if not file.has_checksums]

    def _path(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def _file(self, table: str) -> TableFile:
        if table not in self.files:
            self.files[table] = TableFile(self._path(table), self.columns)
        return self.files[table]

    @once_property
    def _limits(self) -> Limits:
        return Limits.of(self.manifest, self._file("tokens").rows)

    def _checked(self, table: str, rows: pa.Table) -> pa.Table:
        """Complete rows of a table that were read, and check them."""
        rows = self.schema.completed(table, cut_texts(table, rows))
        check_rows(self._path(table), rows, self._limits)
        if table == "relations":
            cross_checks.check_relations(self._path(table), rows, self.manifest)
        if table == "contexts":
            cross_checks.check_contexts(self._path(table), rows, self.documents)
        return rows

    def _read(self, table: str) -> pa.Table:
        if table in OPTIONAL_TABLES and table not in self.files:
            return TABLES[table].empty_table()
        return self._checked(table, self._file(table).read())

    def _by_latent(self, table: str) -> LatentTable:
        return LatentTable(self._path(table), partial(self._checked, table), self._file(table))


def open_bundle(path: str | Path, *, to_refresh: bool = False) -> Bundle:
    """Open a bundle and check that it is complete and that its tables fit the manifest.

    A bundle of an older schema version opens if its missing columns and fields have defaults. With
    `to_refresh`, a bundle also opens if only its activations can be used; the other tables are then
    not checked.

    Raises InputError if the folder is not a bundle, has a schema version that cannot be read, lacks
    a table or a column, or was changed after it was written. Rows are checked when they are read.
    """
    folder = Path(path)
    identity = folder_identity(folder)
    content = _manifest_content(folder)
    schema = reading_of(folder / MANIFEST, content["schema_version"], to_refresh)
    manifest = _validated(folder / MANIFEST, schema.completed_manifest(content))
    check_manifest(folder / MANIFEST, content)
    tables = REFRESH_TABLES if to_refresh and not schema.opens else _tables_of(folder, manifest)
    columns = KeptColumns()
    files = {table: _table_file(folder, table, columns) for table in tables}
    for file in files.values():
        check_columns(file, schema)
    check_footers(files, manifest)
    # A refresh computes the other tables again, so it does not matter what they hold.
    used = {table: files[table] for table in (REFRESH_TABLES if to_refresh else files)}
    check_counts(used, manifest)
    return Bundle(folder, manifest, schema, identity, files, columns)


def _tables_of(folder: Path, manifest: Manifest) -> list[str]:
    """The tables that a bundle has: all, without optional ones that were never written."""
    return [
        table
        for table in TABLES
        if table not in OPTIONAL_TABLES
        or table in manifest.tables
        or (folder / f"{table}.parquet").exists()
    ]


def folder_identity(folder: Path) -> str:
    """Which files a bundle's folder holds now: changes when one is replaced, added or removed."""
    digest = hashlib.sha256(str(folder.absolute()).encode())
    try:
        # Every page asks, and paths of all files take five times as long as the files themselves.
        with os.scandir(folder) as entries:
            present = {entry.name: entry for entry in entries}
    except OSError:
        present = {}
    for name in (MANIFEST, *(f"{table}.parquet" for table in TABLES)):
        try:
            status = present[name].stat()
        except (KeyError, OSError):
            continue
        facts = (name, status.st_ino, status.st_size, status.st_mtime_ns)
        digest.update(repr(facts).encode())
    return digest.hexdigest()[:16]


def read_manifest(folder: Path) -> Manifest:
    """Read and check `manifest.json` only.

    Raises InputError if it is missing, unreadable, invalid or changed, or if its schema version
    cannot be read.
    """
    content = _manifest_content(folder)
    schema = reading_of(folder / MANIFEST, content["schema_version"], to_refresh=False)
    manifest = _validated(folder / MANIFEST, schema.completed_manifest(content))
    check_manifest(folder / MANIFEST, content)
    return manifest


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
            f"{MEND}."
        )
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        content["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: is not a readable manifest; {MEND}.") from error
    return content


def _validated(file: Path, content: dict[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(f"{file}: the field {place} is not valid; {MEND}.") from error


def _table_file(folder: Path, table: str, columns: KeptColumns) -> TableFile:
    file = folder / f"{table}.parquet"
    if not file.is_file():
        raise InputError(f"{file}: is missing, so the bundle is incomplete; {MEND}.")
    return TableFile(file, columns)
