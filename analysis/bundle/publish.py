"""Seal a finished working folder as a bundle: identify it, check it, rename it."""

import json
from pathlib import Path
from typing import Any

from analysis.bundle.checksums import content_hash_of, file_hash, sealed
from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.open import Bundle, open_bundle
from analysis.bundle.schema import TABLES
from analysis.runtime.errors import InputError


def publish(folder: Path, manifest: Manifest, destination: Path) -> Bundle:
    """Turn a complete working folder into a bundle: identify it, check it, rename it.

    The id is the hash of the tables and of the manifest without timings and versions, so equal
    content has an equal id. Raises InputError if the destination exists.
    """
    identified = sealed(folder, manifest)
    (folder / MANIFEST).write_text(
        json.dumps(identified.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    open_bundle(folder)
    check_destination(destination)
    folder.replace(destination)
    return open_bundle(destination)


def check_destination(destination: Path) -> None:
    """Raise InputError if the path of a new bundle exists."""
    if destination.exists():
        raise InputError(f"{destination}: already exists; choose another folder or remove it.")


def content_id(folder: Path, manifest: Manifest) -> str:
    """The first 16 hexadecimal digits of the sha256 of tables and manifest."""
    return _content_id(folder, manifest.model_dump())


def stored_content_id(folder: Path) -> str:
    """The content id of a published bundle of any schema version, from the stored bytes.

    It equals the stored `bundle_id` unless a file was changed.
    """
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return _content_id(folder, content)


def _content_id(folder: Path, manifest: dict[str, Any]) -> str:
    files = {table: folder / f"{table}.parquet" for table in TABLES}
    hashes = {table: file_hash(file) for table, file in files.items() if file.exists()}
    return content_hash_of(hashes, manifest)
