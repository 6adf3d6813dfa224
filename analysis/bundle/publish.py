"""Seal a finished working folder as a bundle: identify it, check it, rename it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.open import Bundle, open_bundle
from analysis.bundle.schema import TABLES
from analysis.runtime.errors import InputError


def publish(folder: Path, manifest: Manifest, destination: Path) -> Bundle:
    """Seal a complete working folder as a bundle: identify it, check it, rename it.

    The id is the hash of the tables and of the manifest without timings and versions, so equal
    content has an equal id. Raises InputError when the destination exists.
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
    """InputError where something stands at the place of a new bundle."""
    if destination.exists():
        raise InputError(f"{destination}: exists already; choose another folder or remove it.")


def content_id(folder: Path, manifest: Manifest) -> str:
    """The first 16 hexadecimal digits of the sha256 of tables and manifest."""
    digest = hashlib.sha256()
    for table in sorted(TABLES):
        with (folder / f"{table}.parquet").open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    said: dict[str, Any] = manifest.model_dump(exclude={"bundle_id", "timings", "versions"})
    digest.update(json.dumps(said, sort_keys=True).encode())
    return digest.hexdigest()[:16]
