"""Seal a bundle that a test has changed, so that only the change itself can be noticed."""

import json
from pathlib import Path

from analysis.bundle import MANIFEST, Manifest
from analysis.bundle.checksums import manifest_checksum, sealed


def reseal(folder: Path, *, count_rows: bool = True) -> None:
    """Write the hashes, the id and the checksum of the files of a bundle into its manifest.

    Without `count_rows` the numbers of rows stay as the manifest states them.
    """
    file = folder / MANIFEST
    content = json.loads(file.read_text(encoding="utf-8"))
    made = sealed(folder, Manifest.model_validate(content | {"tables": {}, "checksum": ""}))
    resealed = made.model_dump()
    if not count_rows:
        for table, stored in content["tables"].items():
            resealed["tables"][table]["rows"] = stored["rows"]
        resealed["checksum"] = manifest_checksum(resealed)
    file.write_text(json.dumps(resealed), encoding="utf-8")
