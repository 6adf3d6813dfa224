"""Mask special tokens and attention sinks, which are in no count."""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from analysis.runtime.arrays import Bools, Ints


class MaskPolicy(BaseModel):
    """Which positions are excluded from training and from every statistic.

    Special tokens are masked at every position. Attention sinks are masked too: these positions
    attract attention in any text, and their residual norm is a hundred times that of other tokens.
    SmolLM2's sink is the first position of each block (norm about 24,000, median 141). Other sinks
    are recognised by their norm.
    """

    model_config = ConfigDict(frozen=True)

    special_token_ids: tuple[int, ...]
    sink_positions: int = 1
    """Number of positions at the start of each block that are masked."""
    sink_norm_ratio: float = 100.0
    """Positions whose norm exceeds this multiple of the median norm are masked."""


class MaskCounts(BaseModel):
    """Number of kept positions, and of masked ones by reason; each position counts once."""

    model_config = ConfigDict(frozen=True)

    kept: int = 0
    special: int = 0
    sink_position: int = 0
    sink_norm: int = 0

    def __add__(self, other: "MaskCounts") -> "MaskCounts":
        return MaskCounts(
            kept=self.kept + other.kept,
            special=self.special + other.special,
            sink_position=self.sink_position + other.sink_position,
            sink_norm=self.sink_norm + other.sink_norm,
        )


def kept_mask(
    token_ids: npt.NDArray[np.integer[Any]],
    special_token_ids: Collection[int],
    sink_positions: int = 1,
) -> Bools:
    """True where a position of token_ids [..., seq] counts, by token id and position only."""
    kept = ~np.isin(token_ids, list(special_token_ids))
    kept[..., :sink_positions] = False
    return kept


def batch_mask(
    token_ids: Ints,
    attention_mask: Ints,
    norms: npt.NDArray[np.floating[Any]],
    median_norm: float,
    policy: MaskPolicy,
) -> tuple[Bools, MaskCounts]:
    """Which positions of a batch are kept, bool [batch, seq], and the counts by reason.

    token_ids, attention_mask (1 on text, 0 on padding) and norms are [batch, seq]; norms are those
    of the hooked activations. `median_norm` is computed once per corpus (`reference_norm`), so
    masking does not depend on batching. A position with several reasons counts under the first of
    special token, sink position, sink norm. Padding is not counted.
    """
    text = attention_mask.astype(bool)
    special = text & np.isin(token_ids, policy.special_token_ids)
    first = text & ~special
    first[:, policy.sink_positions :] = False
    sink = text & ~special & ~first & (norms > policy.sink_norm_ratio * median_norm)
    kept = text & ~special & ~first & ~sink
    return kept, MaskCounts(
        kept=int(kept.sum()),
        special=int(special.sum()),
        sink_position=int(first.sum()),
        sink_norm=int(sink.sum()),
    )


def reference_norm(attention_mask: Ints, norms: npt.NDArray[np.floating[Any]]) -> float:
    """Median of norms [batch, seq] over text; by convention, of the first batch of a corpus."""
    return float(np.median(norms[attention_mask.astype(bool)]))
