"""Decoder rows scaled to unit length.

W_dec may be float16 or memory-mapped: it is read in blocks, and only the unit rows are float32 in
memory.
"""

import numpy as np

from analysis.runtime.arrays import Float32s

BLOCK = 16_384
"""Rows that are scaled at once."""


def unit_rows(W_dec: np.ndarray, rows: np.ndarray | None = None) -> Float32s:
    """Rows of W_dec [F, d] scaled to length 1, float32; a row of zeros stays zeros.

    `rows` selects some of them; None selects all.
    """
    count = len(W_dec) if rows is None else len(rows)
    unit = np.empty((count, W_dec.shape[1]), dtype=np.float32)
    for start in range(0, count, BLOCK):
        block = slice(start, min(start + BLOCK, count))
        unit[block] = W_dec[block if rows is None else rows[block]]
        lengths = np.linalg.norm(unit[block], axis=1, keepdims=True)
        unit[block] /= np.where(lengths > 0, lengths, 1)
    return unit


def row_norms(W_dec: np.ndarray) -> Float32s:
    """Euclidean norm float32 [F] of each row of W_dec [F, d]."""
    blocks = [
        np.linalg.norm(W_dec[i : i + BLOCK].astype(np.float32), axis=1)
        for i in range(0, len(W_dec), BLOCK)
    ]
    return np.concatenate([np.empty(0, np.float32), *blocks])
