"""Identify files by their content, independent of their names."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_PIECE = 1 << 22


def content_hash(files: Iterable[Path]) -> str:
    """SHA-256 of the concatenated bytes of the files, hexadecimal; files are read in pieces."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()
