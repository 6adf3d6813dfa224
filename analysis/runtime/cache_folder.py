"""Where files are kept that can be recreated."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Folder for files that can be recreated: $CLEARWATER_CACHE, or ~/.cache/clearwater."""
    folder = os.environ.get("CLEARWATER_CACHE")
    return Path(folder) if folder else Path.home() / ".cache" / "clearwater"
