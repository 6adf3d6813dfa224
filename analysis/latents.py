"""One row per latent: how often, in how many documents and how strongly it is active.

Activations are read in blocks of latents that fit a memory setting; sums are float64. Moments and
quantiles are over a latent's active tokens, never over its silent ones.
"""

from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.activations import MEMORY_BYTES, DocumentRows, latent_blocks
from analysis.bundle import TABLES, Activations

ULTRALOW_DENSITY = 1e-6
"""Below this fraction of the kept tokens a latent is ultralow; Bricken et al. 2023."""
DENSE_DENSITY = 0.10
"""Above this fraction it is dense: it swamps every count that it is mixed into."""

FLAGS = ("live", "dead", "ultralow", "dense")
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

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def latent_statistics(
    activations: Activations,
    documents: DocumentRows,
    n_tokens: int,
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> pa.Table:
    """The columns of the latent table that follow from activations, one row per latent.

    `n_tokens` counts the kept tokens. std divides by the number of active tokens; median and p90
    interpolate linearly. Mean, std, median, p90 and max of a dead latent are null.
    """
    parts = list(_measured(activations, documents, memory_bytes))
    in_documents = np.concatenate([part[0] for part in parts])
    measured = np.concatenate([part[1] for part in parts])
    counts = np.diff(activations.latent_ends, prepend=0)
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


def flag_codes(density: Floats) -> npt.NDArray[np.int32]:
    """Index into FLAGS of every density [n]: dead is 0 in all kept tokens, however few."""
    codes = np.zeros(len(density), dtype=np.int32)
    codes[density < ULTRALOW_DENSITY] = FLAGS.index("ultralow")
    codes[density == 0] = FLAGS.index("dead")
    codes[density > DENSE_DENSITY] = FLAGS.index("dense")
    return codes


def activation_histogram(
    activations: Activations, latent: int, bins: int = 40
) -> tuple[Ints, Floats]:
    """Counts [bins] of a latent's non-zero activations, and edges [bins + 1] from 0 to its largest.

    A dead latent has no counts, between 0 and 1.
    """
    _, values = activations.of_latent(latent)
    top = float(values.max()) if len(values) else 1.0
    counts, edges = np.histogram(values, bins=bins, range=(0.0, top))
    return counts.astype(np.int64), edges.astype(np.float64)


def _measured(
    activations: Activations, documents: DocumentRows, memory_bytes: int
) -> Iterator[tuple[Ints, Floats]]:
    """Per block of latents: documents [k]; mean, std, median, p90 and max [k, 5]."""
    for block in latent_blocks(activations, memory_bytes):
        in_documents = np.zeros(len(block.ends), dtype=np.int64)
        measured = np.zeros((len(block.ends), 5))
        _measure(
            block.ends, block.tokens, block.activations, documents.ends, in_documents, measured
        )
        yield in_documents, measured


@numba.njit(parallel=True, cache=True)
def _measure(
    ends: Ints,
    tokens: npt.NDArray[np.uint32],
    activations: npt.NDArray[np.float32],
    document_ends: Ints,
    in_documents: Ints,
    measured: Floats,
) -> None:
    for i in numba.prange(len(ends)):
        start = ends[i - 1] if i else 0
        if ends[i] > start:
            in_documents[i] = _distinct_documents(tokens[start : ends[i]], document_ends)
            _moments(activations[start : ends[i]], measured[i])


@numba.njit(cache=True)
def _distinct_documents(tokens: npt.NDArray[np.uint32], document_ends: Ints) -> int:
    """Documents in which ascending token rows lie."""
    found = 0
    behind = np.int64(0)
    for token in tokens:
        if token >= behind:
            found += 1
            behind = document_ends[np.searchsorted(document_ends, np.int64(token), side="right")]
    return found


@numba.njit(cache=True)
def _moments(activations: npt.NDArray[np.float32], out: Floats) -> None:
    """Mean, std, median, p90 and max of at least one activation, into out [5]."""
    values = np.sort(activations.astype(np.float64))
    n = len(values)
    mean = values.sum() / n
    out[0] = mean
    out[1] = np.sqrt(((values - mean) ** 2).sum() / n)
    out[2] = _quantile(values, 0.5)
    out[3] = _quantile(values, 0.9)
    out[4] = values[-1]


@numba.njit(cache=True)
def _quantile(ascending: Floats, share: float) -> float:
    """Linear interpolation between order statistics; Hyndman and Fan 1996, type 7."""
    place = share * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])
