"""The files of Streamlit's browser code that a page needs soon after the first ones.

Streamlit's browser code loads the code of an element when the first element of its kind arrives.
A chart waits for a megabyte of it. A browser that is told earlier loads these files while the
server prepares the page.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from streamlit import file_util

MANIFEST = "manifest.json"
"""Of Streamlit's browser code: each file, and the files that it imports."""
START = "index.html"
"""The entry of the files that browsers load first."""
EVERY_PAGE = ("BidiComponent", "TextInput", "Button", "Selectbox")
"""Kinds of elements in the toolbar of every page."""
CHARTS = ("PageLink", "ArrowVegaLiteChart")
"""Kinds of elements that follow on pages that begin with cards or charts."""


@lru_cache
def early_chunks(elements: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of the files of kinds of elements, relative to the dashboard.

    Nothing if this version of Streamlit names its files in another way: pages then load them later.
    """
    try:
        manifest = json.loads((Path(file_util.get_static_dir()) / MANIFEST).read_bytes())
        return chunks_of(manifest, elements)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def chunks_of(
    manifest: Mapping[str, Mapping[str, object]], elements: Iterable[str]
) -> tuple[str, ...]:
    """The files of kinds of elements and what they import, without what browsers load first."""
    entries = {Path(name).stem: name for name, one in manifest.items() if one.get("isDynamicEntry")}
    first = _imported(manifest, [START])
    soon = _imported(manifest, [entries[element] for element in elements if element in entries])
    return tuple(str(manifest[name]["file"]) for name in soon if name not in first)


def _imported(
    manifest: Mapping[str, Mapping[str, object]], names: Iterable[str]
) -> dict[str, None]:
    """The entries with these names and all that they import, in the order of their use."""
    every: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in every:
            every[name] = None
            imports = manifest[name].get("imports", [])
            waiting += imports if isinstance(imports, list) else []
    return every
