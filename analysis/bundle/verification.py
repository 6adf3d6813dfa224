"""Read a bundle completely and report on every table: what `clearwater verify` does.

Opening a bundle and reading some rows check only what is used. Here every byte is hashed and every
row is checked, one row group at a time, so memory does not grow with the number of rows.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.bundle.checksums import content_hash_of
from analysis.bundle.damage import damaged
from analysis.bundle.manifest import MANIFEST
from analysis.bundle.open import Bundle
from analysis.bundle.tables import LatentTable
from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError
from analysis.runtime.hashing import mixed


@dataclass(frozen=True)
class TableReport:
    """What reading one table completely has shown."""

    table: str
    rows: int
    bytes: int
    problem: str
    """One sentence; empty if the table is whole."""


def verify(bundle: Bundle) -> Iterator[TableReport]:
    """Report on every table of an open bundle, then on its id as the table `manifest`."""
    hashes: dict[str, str] = {}
    for table, file in bundle.files.items():
        problem = ""
        try:
            hashes[table] = _checked_hash(bundle, table)
            _read_all(bundle, table)
        except InputError as error:
            problem = str(error)
        yield TableReport(table, file.rows, _size(file.path), problem)
    manifest = bundle.path / MANIFEST
    problem = ""
    if len(hashes) == len(bundle.files):
        hashes |= _hashes_of_removed_tables(bundle)
        content = json.loads(manifest.read_text(encoding="utf-8"))
        if content_hash_of(hashes, content) != bundle.manifest.bundle_id:
            problem = str(damaged(manifest, "its id is not that of its tables and settings"))
    yield TableReport("manifest", 1, _size(manifest), problem)


def _hashes_of_removed_tables(bundle: Bundle) -> dict[str, str]:
    """The SHA-256 of tables that this version does not read, but on which the id depends."""
    files = {table: bundle.path / f"{table}.parquet" for table in bundle.schema.removed_tables}
    return {table: content_hash([file]) for table, file in files.items() if file.exists()}


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _checked_hash(bundle: Bundle, table: str) -> str:
    """SHA-256 of a table's file. Raises InputError if it is not that of the manifest."""
    file = bundle.files[table].path
    try:
        actual = content_hash([file])
    except OSError as error:
        raise damaged(file, "cannot be read") from error
    stored = bundle.manifest.tables.get(table)
    if stored is not None and stored.sha256 != actual:
        raise damaged(file, "has bytes that differ from those that were written (SHA-256)")
    return actual


def _read_all(bundle: Bundle, table: str) -> None:
    """Check all rows of a table. Raises InputError if they are damaged."""
    if table in _READERS:
        _READERS[table](bundle)
        return
    part = getattr(bundle, table)
    if isinstance(part, LatentTable):
        _read_by_latent(part)


def _read_by_latent(table: LatentTable) -> None:
    last = -1
    for rows in table.pieces():
        ids = rows.column(0).to_numpy()
        if len(ids) and ids[0] < last:
            raise damaged(table.path, "is not sorted by latent")
        last = int(ids[-1]) if len(ids) else last


def _read_tokens(bundle: Bundle) -> None:
    for _ in bundle.pieces("tokens"):
        pass
    bundle.kept_tokens  # noqa: B018 - compared with the documents when it is read


def _read_activations_by_latent(bundle: Bundle) -> None:
    for _ in bundle.activations.blocks_by_latent():
        pass


def _read_activations_by_token(bundle: Bundle) -> None:
    """Both orders hold the same pairs: an order-independent sum of the hashed pairs is equal."""
    stored, by_latent, by_token = bundle.activations, 0, 0
    for latents in stored.blocks_by_latent():
        owner = np.repeat(latents.latents, latents.counts)
        by_latent += _fingerprint(latents.tokens.astype(np.uint64), owner.astype(np.uint64))
    for tokens in stored.blocks_by_token():
        row = tokens.first + np.repeat(np.arange(len(tokens.offsets) - 1), np.diff(tokens.offsets))
        by_token += _fingerprint(row.astype(np.uint64), tokens.latents.astype(np.uint64))
    if (by_latent - by_token) % 2**64:
        file = bundle.files["activations_by_token"].path
        raise damaged(file, "has other pairs of token and latent than activations_by_latent")


def _fingerprint(tokens: np.ndarray, latents: np.ndarray) -> int:
    return int(mixed((tokens << np.uint64(32)) | latents).sum(dtype=np.uint64))


_READERS: dict[str, Callable[[Bundle], None]] = {
    "tokens": _read_tokens,
    "activations_by_latent": _read_activations_by_latent,
    "activations_by_token": _read_activations_by_token,
}
"""How tables are read that are neither small nor sorted by latent."""
