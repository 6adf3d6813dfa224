"""The share of each latent's activation that its label does not describe, on held-out documents.

A token is inside the label if one of its terms is (the same terms by which the label is scored).
"""

from collections.abc import Sequence

import numba
import numpy as np

from analysis.bundle import Activations
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Float32s
from analysis.runtime.memory import MEMORY_BYTES

_ROW_BYTES = 24
"""Bytes of one activation while it is read and decoded."""


def outside_label(
    label_terms: Sequence[Sequence[int]],
    activations: Activations,
    terms: TokenTerms,
    *,
    held_out: Bools,
    memory_bytes: int = MEMORY_BYTES,
) -> Float32s:
    """float32 [F], the share of the activation in the rows `held_out` bool [N] outside the label.

    NaN without a label or without activation. `label_terms` are the terms of each latent's label.
    `memory_bytes` bounds the activations in memory.
    """
    share = np.full(len(label_terms), np.nan, dtype=np.float32)
    longest = max(map(len, label_terms), default=0)
    label = np.array([[*row, *[-1] * (longest - len(row))] for row in label_terms], dtype=np.int64)
    labelled = np.flatnonzero([len(row) > 0 for row in label_terms])
    for block in activations.blocks_by_latent(labelled, most_rows=memory_bytes // _ROW_BYTES):
        _outside(
            (block.latents, block.ends, block.tokens, block.activations),
            held_out,
            terms.kinds,
            label,
            share,
        )
    return share


@numba.njit(cache=True)
def _outside(
    block: tuple[np.ndarray, ...],
    held_out: np.ndarray,
    kinds: tuple[np.ndarray, ...],
    label: np.ndarray,
    share: np.ndarray,
) -> None:
    """Fill share [F] for the latents of a block; label int64 [F, terms] has -1 for none."""
    latents, ends, tokens, values = block
    start = 0
    for i in range(len(latents)):
        latent = latents[i]
        inside, total = 0.0, 0.0
        for at in range(start, ends[i]):
            row = tokens[at]
            if held_out[row]:
                total += values[at]
                is_inside = False
                for kind in kinds:
                    for term in label[latent]:
                        if term >= 0 and kind[row] == term:
                            is_inside = True
                if is_inside:
                    inside += values[at]
        if total > 0:
            share[latent] = (total - inside) / total
        start = ends[i]
