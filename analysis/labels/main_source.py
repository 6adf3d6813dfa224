"""The source of the corpus in which a cluster is mostly active.

The activity of a cluster is the number of active tokens of its members. A cluster is marked with a
source that has more than `MOSTLY` of it: such a cluster may describe a book or a site rather than a
meaning. A source that has more than `MOSTLY` of the corpus marks no cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analysis.bundle import Activations
from analysis.labels.naming import membership_matrix
from analysis.runtime.arrays import Float32s, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES

MOSTLY = 0.5
"""Share of its activity from which a cluster is marked with a source."""
MOST_SOURCES = 1_000
"""With more sources than this, hardly any document shares one with another; none is counted."""
_ROW_BYTES = 24


@dataclass(frozen=True)
class MainSources:
    """The main sources of C clusters."""

    name: list[str]
    """[C], the source with more than MOSTLY of the activity; empty if there is none."""
    share: Float32s
    """float32 [C], share of the activity in the source with most; NaN if the corpus has no two."""


def main_sources(
    members: Sequence[Int32s],
    activations: Activations,
    documents: pa.Table,
    document_of_row: Ints,
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> MainSources:
    """The main source of clusters with these members.

    `documents` is the bundle's table; document_of_row int64 [N] has the document of every row of
    the token table. `memory_bytes` bounds the activations in memory.
    """
    sources, code = np.unique(documents["source"].to_pylist(), return_inverse=True)
    if not 2 <= len(sources) <= MOST_SOURCES:
        return MainSources([""] * len(members), np.full(len(members), np.nan, dtype=np.float32))
    of_row = code[np.searchsorted(documents["document"].to_numpy(), document_of_row)]
    F, S = len(activations.latent_ends), len(sources)
    of_latents = membership_matrix(members, F).tocsc()
    counts = np.zeros((len(members), S))
    rows = memory_bytes // _ROW_BYTES
    for block in activations.blocks_by_latent(most_rows=rows, most_latents=max(rows // S, 1)):
        place = np.repeat(np.arange(len(block.latents)), block.counts)
        by_latent = np.bincount(place * S + of_row[block.tokens], minlength=len(block.latents) * S)
        counts += of_latents[:, block.latents] @ by_latent.reshape(-1, S)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    of_corpus = np.bincount(code, documents["tokens"].to_numpy(), minlength=S)
    main = share.argmax(axis=1)
    largest = share[np.arange(len(share)), main]
    marked = (largest > MOSTLY) & (of_corpus[main] <= MOSTLY * of_corpus.sum())
    names = [
        str(sources[i]) if is_marked else "" for i, is_marked in zip(main, marked, strict=True)
    ]
    return MainSources(names, largest.astype(np.float32))
