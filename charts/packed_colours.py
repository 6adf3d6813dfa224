"""The colours of a map as bytes for the browser."""

import json
from dataclasses import asdict
from typing import Any

from charts.map_columns import Colouring


def packed(colours: Colouring) -> bytes:
    """A colouring for the browser: the length of a header, the header and the codes.

    The length is a little-endian uint32. The header is JSON in UTF-8, padded with spaces so that
    the codes begin at a multiple of 4.
    """
    scale = colours.scale
    header: dict[str, Any] = {
        "name": colours.name,
        "kind": colours.kind,
        "title": colours.title,
        "meaning": colours.meaning,
        "bytes": colours.codes.dtype.itemsize,
        "palette": {"light": colours.light, "dark": colours.dark},
        "entries": [asdict(entry) for entry in colours.entries],
        "ids": colours.ids,
        "scale": None if scale is None else scale.for_browser(),
    }
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + colours.codes.tobytes()
