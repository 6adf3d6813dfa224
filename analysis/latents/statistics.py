"""One row per latent: how often, in how many documents and how strongly it is active.

Activations are read in blocks of latents that fit a memory setting; sums are float64. Moments and
quantiles are taken over the active tokens of a latent, without the tokens on which it is 0.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa

from analysis.bundle import TABLES, WORKING_BYTES, Activations, KeptTokens, LatentBlock
from analysis.latents.flags import FLAGS, flag_codes
from analysis.runtime.arrays import Floats, Ints
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.threads import over_spans

_COLUMNS = (
    "latent",
    "active_tokens",
    "active_documents",
    "density",
    "mean",
    "std",
    "median",
    "p90",
    "max",
    "flag",
)


def latent_statistics(
    activations: Activations,
    kept: KeptTokens,
    n_tokens: int,
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> pa.Table:
    """The columns of the latent table that are computed from activations, one row per latent.

    `n_tokens` counts the kept tokens. std divides by the number of active tokens; median and p90
    interpolate linearly. Mean, std, median, p90 and max of a dead latent are null.
    """
    parts = list(_measured(activations, kept, memory_bytes))
    in_documents = np.concatenate([part[0] for part in parts])
    measured = np.concatenate([part[1] for part in parts])
    counts = activations.latent_counts
    density = counts / n_tokens
    columns: list[pa.Array] = [
        pa.array(np.arange(len(counts), dtype=np.int32)),
        pa.array(counts),
        pa.array(in_documents.astype(np.int32)),
        pa.array(density),
        *(pa.array(column.astype(np.float32), mask=counts == 0) for column in measured.T),
        pa.DictionaryArray.from_arrays(pa.array(flag_codes(density), pa.int32()), pa.array(FLAGS)),
    ]
    schema = pa.schema([TABLES["latents"].field(name) for name in _COLUMNS])
    return pa.Table.from_arrays(columns, schema=schema)


def activation_histogram(
    activations: Activations, latent: int, bins: int = 40
) -> tuple[Ints, Floats]:
    """Counts [bins] of a latent's non-zero activations, and edges [bins + 1] from 0 to its largest.

    For a dead latent all counts are 0 and the edges run from 0 to 1.
    """
    _, values = activations.of_latent(latent)
    top = float(values.max()) if len(values) else 1.0
    counts, edges = np.histogram(values, bins=bins, range=(0.0, top))
    return counts.astype(np.int64), edges.astype(np.float64)


def _measured(
    activations: Activations, kept: KeptTokens, memory_bytes: int
) -> Iterator[tuple[Ints, Floats]]:
    """Per block of latents: documents [k]; mean, std, median, p90 and max [k, 5]."""
    for block in activations.blocks_by_latent(most_rows=memory_bytes // WORKING_BYTES):
        measured = np.zeros((len(block.ends), 5))
        over_spans(len(block.ends), partial(_measure, block, measured))
        yield _documents_each(block, kept), measured


def _measure(block: LatentBlock, measured: Floats, start: int, stop: int) -> None:
    """Fill rows start..stop-1 of measured; numpy's sort runs outside the GIL."""
    for i in range(start, stop):
        behind = int(block.ends[i - 1]) if i else 0
        values = np.sort(block.activations[behind : block.ends[i]]).astype(np.float64)
        if len(values):
            middle, high = _quantile(values, 0.5), _quantile(values, 0.9)
            measured[i] = values.mean(), values.std(), middle, high, values[-1]


def _quantile(ascending: Floats, share: float) -> float:
    """Linear interpolation between order statistics; Hyndman and Fan 1996, type 7."""
    place = share * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return float(ascending[below] + (place - below) * (ascending[above] - ascending[below]))


def _documents_each(block: LatentBlock, kept: KeptTokens) -> Ints:
    """Documents [latents] in which each latent of a block is active."""
    document = kept.documents_of(block.tokens)
    starts = np.concatenate([[0], block.ends[:-1]])
    new = np.ones(len(document), dtype=bool)
    new[1:] = document[1:] != document[:-1]
    new[starts[starts < len(new)]] = True
    before = np.concatenate([[0], np.cumsum(new)])
    return before[block.ends] - before[starts]
