"""How far clusters can be believed. Pages import it, so it loads neither numba nor torch."""

import pyarrow as pa
import pyarrow.compute as pc

WEAK = 0.5
"""Stability or bootstrap below which a cluster or a level is weak evidence."""


def found_again(clusters: pa.Table) -> pa.ChunkedArray:
    """The lower of stability and bootstrap of every row of the cluster table; 0 to 1.

    Stability is the overlap with clusters of other seeds, bootstrap that with clusters of
    resampled edges. Null where neither was measured.
    """
    return pc.min_element_wise(clusters["stability"], clusters["bootstrap"], skip_nulls=True)
