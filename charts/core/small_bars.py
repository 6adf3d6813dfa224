"""Bars of a selection that would be too small to be seen beside those of all latents."""

import numpy as np
import pyarrow as pa

LEAST_SHARE = 0.02
"""Of the longest bar: about 5 pixels."""


def at_least_seen(selected: pa.ChunkedArray, longest: float) -> pa.Array:
    """How long bars of counts [bars] are drawn: at least LEAST_SHARE of the longest, except 0."""
    counts = selected.to_numpy().astype(np.float64)
    return pa.array(np.where(counts > 0, np.maximum(counts, LEAST_SHARE * longest), 0.0))


def least_height_note(selected: pa.ChunkedArray, drawn: pa.Array) -> str:
    """A sentence if a bar is drawn longer than its count; else empty."""
    if (drawn.to_numpy() <= selected.to_numpy()).all():
        return ""
    return (
        " The smallest bars of the selection are drawn longer, so that they can be seen; their "
        "tooltips have the numbers."
    )
