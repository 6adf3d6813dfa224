"""Hashes that identify a bundle, and show whether its files are those that were written.

The manifest stores the SHA-256 of every table and of its Parquet footer, and its number of rows.
Opening a bundle verifies the manifest and the footers, reading a table verifies the pages that are
read (by the checksums in the file), and `clearwater verify` verifies all bytes. Bundles that
predate these fields open, and say that they cannot be verified.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.bundle.damage import damaged
from analysis.bundle.manifest import MANIFEST, Manifest, StoredTable
from analysis.bundle.older_schemas import CURRENT, OLDER
from analysis.bundle.schema import TABLES
from analysis.bundle.table_file import TableFile
from analysis.runtime.content import content_hash

NOT_IDENTIFYING = ("bundle_id", "timings", "versions", "tables", "checksum")
"""Manifest fields that are not part of a bundle's content. The files of the tables are hashed."""

NOT_CHECKED = ("checksum", "timings")
"""Manifest fields that its checksum leaves out, so that builds of equal content are equal."""


def stored_tables(folder: Path) -> dict[str, StoredTable]:
    """The hashes and the number of rows of every table in a folder."""
    return {
        table: _stored_table(path)
        for table in sorted(TABLES)
        if (path := folder / f"{table}.parquet").exists()
    }


def _stored_table(path: Path) -> StoredTable:
    file = TableFile(path)
    return StoredTable(sha256=content_hash([path]), footer=file.footer_hash, rows=file.rows)


def content_hash_of(hashes: Mapping[str, str], manifest: Mapping[str, Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of tables and manifest.

    `hashes` holds the SHA-256 of each table.
    """
    digest = hashlib.sha256()
    for table in sorted(hashes):
        digest.update(bytes.fromhex(hashes[table]))
    digest.update(_canonical(manifest, NOT_IDENTIFYING))
    return digest.hexdigest()[:16]


def stored_content_id(folder: Path) -> str:
    """The content id of a published bundle of any schema version, from the stored bytes.

    It equals the stored `bundle_id` unless a file was changed.
    """
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    older = OLDER.get(content["schema_version"], CURRENT)
    files = {table: folder / f"{table}.parquet" for table in (*TABLES, *older.removed_tables)}
    hashes = {table: content_hash([file]) for table, file in files.items() if file.exists()}
    return content_hash_of(hashes, content)


def manifest_checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of all fields of a manifest but its checksum and the seconds that the steps took."""
    return hashlib.sha256(_canonical(content, NOT_CHECKED)).hexdigest()


def sealed(folder: Path, manifest: Manifest) -> Manifest:
    """The manifest of a folder of finished tables, with their hashes, its id and its checksum."""
    tables = stored_tables(folder)
    stored = manifest.model_copy(update={"tables": tables, "checksum": ""})
    # Validated, so that 1 in a field of type float is hashed as it will be read: as 1.0.
    content = Manifest.model_validate(stored.model_dump()).model_dump()
    content["bundle_id"] = content_hash_of({t: s.sha256 for t, s in tables.items()}, content)
    content["checksum"] = manifest_checksum(content)
    return Manifest.model_validate(content)


def check_manifest(file: Path, content: Mapping[str, Any]) -> None:
    """Raise InputError if a manifest with a checksum was changed."""
    stated = content.get("checksum", "")
    if stated != "" and manifest_checksum(content) != stated:
        raise damaged(file, "was changed after it was written (checksum)")


def check_footers(files: Mapping[str, TableFile], manifest: Manifest) -> None:
    """Raise InputError if a footer is not the one whose hash the manifest stores."""
    if not manifest.tables:
        return
    for table, file in files.items():
        stored = manifest.tables.get(table)
        if stored is None:
            raise damaged(file.path.parent / MANIFEST, f"has no hash of the table {table}")
        if stored.footer != file.footer_hash:
            raise damaged(file.path, "is not the file that the manifest describes (footer hash)")


def _canonical(manifest: Mapping[str, Any], left_out: tuple[str, ...]) -> bytes:
    kept = {name: value for name, value in manifest.items() if name not in left_out}
    return json.dumps(kept, sort_keys=True).encode()
