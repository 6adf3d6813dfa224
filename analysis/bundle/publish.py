"""Seal a finished working folder as a bundle: identify it, check it, rename it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.open import Bundle, open_bundle
from analysis.bundle.schema import TABLES
from analysis.runtime.errors import InputError

NOT_HASHED = ("bundle_id", "timings", "versions")
"""Manifest fields that are not part of a bundle's content."""


def publish(folder: Path, manifest: Manifest, destination: Path) -> Bundle:
    """Turn a complete working folder into a bundle: identify it, check it, rename it.

    The id is the hash of the tables and of the manifest without timings and versions, so equal
    content has an equal id. Raises InputError if the destination exists.
    """
    identified = manifest.model_copy(update={"bundle_id": content_id(folder, manifest)})
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
    digest = hashlib.sha256()
    for table in sorted(TABLES):
        file_path = folder / f"{table}.parquet"
        if file_path.exists():
            with file_path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    hashed = {k: v for k, v in manifest.items() if k not in NOT_HASHED}
    digest.update(json.dumps(hashed, sort_keys=True).encode())
    return digest.hexdigest()[:16]
