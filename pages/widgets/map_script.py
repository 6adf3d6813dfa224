"""The JavaScript of the map: the files in `pages/latent_map/` and their version."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "latent_map"

FIRST = "index.js"
"""The module that Streamlit runs."""
_IMPORT = re.compile(rb'\bfrom "\./([\w.]+)"')
"""An import that is needed before the module runs; others are written `import(...)`."""

Stamp = tuple[tuple[str, int, int], ...]
"""Name, time of change in ns and size of every file."""
_read_last: dict[str, dict[str, bytes]] = {}
"""The modules that were read last, by their version."""


def modules() -> dict[str, bytes]:
    """The content of every module by its file name."""
    return _read(_stamp())[1]


def module_of(digest: str, name: str) -> bytes | None:
    """A module of a version; None if the files have another version or no such module.

    The files are only looked at if it is not the version that was read last: a browser asks for
    thirty modules at once.
    """
    if digest not in _read_last:
        _read(_stamp())
    return _read_last.get(digest, {}).get(name)


def version() -> str:
    """The hash of all modules."""
    return _read(_stamp())[0]


def addresses() -> list[str]:
    """The addresses of the modules that draw a map, relative to the dashboard.

    Those of exports are loaded at the first export.
    """
    return list(_addresses(_stamp()))


def _imported(first: str, content: Mapping[str, bytes]) -> set[str]:
    """A module and all that it imports."""
    every = {first}
    waiting = [first]
    while waiting:
        more = {name.decode() for name in _IMPORT.findall(content[waiting.pop()])} - every
        every |= more
        waiting += more
    return every


def style() -> str:
    """The style sheets of the map."""
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.css")))


def _stamp() -> Stamp:
    """Which files there are now; a developer changes them while the server runs."""
    files = sorted(FOLDER.glob("*.js"))
    return tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in files)


@lru_cache(maxsize=1)
def _addresses(stamp: Stamp) -> tuple[str, ...]:
    digest, content = _read(stamp)
    return tuple(f"map-modules/{digest}/{name}" for name in sorted(_imported(FIRST, content)))


@lru_cache(maxsize=1)
def _read(stamp: Stamp) -> tuple[str, dict[str, bytes]]:
    content = {name: (FOLDER / name).read_bytes() for name, _, _ in stamp}
    digest = hashlib.sha256()
    for name, text in content.items():
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    _read_last.clear()
    _read_last[digest.hexdigest()[:16]] = content
    return digest.hexdigest()[:16], content
