"""Seal a finished working folder as a bundle: identify it, check it, rename it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from analysis.bundle.checksums import sealed
from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.open import Bundle, open_bundle
from analysis.runtime.durable import sync, write_whole
from analysis.runtime.errors import InputError, ResumableError


def publish(
    folder: Path,
    manifest: Manifest,
    destination: Path,
    written: Mapping[str, str] | None = None,
) -> Bundle:
    """Turn a complete working folder into a bundle: identify it, check it, rename it.

    The id is the hash of the tables and of the manifest without timings and versions, so equal
    content has an equal id. `written` gives the SHA-256 of tables when they were written. Raises
    InputError if the destination exists, and ResumableError if a table has changed since.
    """
    identified = sealed(folder, manifest)
    for table, expected in (written or {}).items():
        if table not in identified.tables or identified.tables[table].sha256 != expected:
            raise ResumableError(
                f"{folder / table}.parquet: has changed since it was written; check the disk, then "
                "run the same command to make it again."
            )
    write_whole(
        folder / MANIFEST,
        json.dumps(identified.model_dump(), indent=2, ensure_ascii=False) + "\n",
    )
    open_bundle(folder)
    check_destination(destination)
    folder.replace(destination)
    sync(destination.parent)
    return open_bundle(destination)


def check_destination(destination: Path) -> None:
    """Raise InputError if the path of a new bundle exists."""
    if os.path.lexists(destination):
        raise InputError(f"{destination}: already exists; choose another folder or remove it.")
