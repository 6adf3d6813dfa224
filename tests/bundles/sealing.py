"""Seal a bundle that a test has changed, so that only the change itself can be noticed."""

import json
from pathlib import Path

from analysis.bundle import MANIFEST, Manifest
from analysis.bundle.checksums import sealed


def reseal(folder: Path) -> None:
    """Write the hashes, the id and the checksum of the files of a bundle into its manifest."""
    file = folder / MANIFEST
    content = json.loads(file.read_text(encoding="utf-8"))
    made = Manifest.model_validate(content | {"tables": {}, "checksum": ""})
    file.write_text(json.dumps(sealed(folder, made).model_dump()), encoding="utf-8")
