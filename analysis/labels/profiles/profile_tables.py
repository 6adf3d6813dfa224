"""The bundle's tables `latent_profiles` and `cluster_profiles`.

Latents, or clusters, are taken in blocks: the active tokens of each in every document are a matrix
whose size the memory setting bounds. The active tokens of a cluster are those of its members, added
up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import scipy.sparse

from analysis.bundle import TABLES, Activations, KeptTokens
from analysis.cooccurrence.document_null import strata_of
from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.labels.profiles.document_columns import DocumentColumn
from analysis.labels.profiles.main_values import Kind
from analysis.labels.profiles.value_tests import (
    chance_of_more,
    count_values,
    fires_in,
    smallest_lifts,
)
from analysis.runtime.arrays import Floats, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES

_CELL_BYTES = 64
"""Bytes for a latent and a document while a block is in use."""
_MOST_LATENTS = 512
_SIGNIFICANT_BITS = 11
"""Bits that are kept of expected counts and q-values, as of activations, so that they compress."""


def latent_profiles(
    activations: Activations,
    kept: KeptTokens,
    columns: Sequence[DocumentColumn],
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> pa.Table:
    """The profiles of all latents that are ever active."""
    active = np.flatnonzero(activations.latent_counts)
    blocks = _counts_of_latents(activations, kept, active, memory_bytes)
    return _profiles("latent", blocks, kept, columns)


def cluster_profiles(
    members: Sequence[Int32s],
    activations: Activations,
    kept: KeptTokens,
    columns: Sequence[DocumentColumn],
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> pa.Table:
    """The profiles of the clusters 0, 1, ... with these members."""
    blocks = _counts_of_clusters(members, activations, kept, memory_bytes)
    return _profiles("cluster", blocks, kept, columns)


def _counts_of_latents(
    activations: Activations, kept: KeptTokens, latents: Ints, memory_bytes: int
) -> Iterator[tuple[Ints, Ints]]:
    """Yield latents and their active tokens in each document [k, documents]."""
    D = len(kept.documents)
    most = int(min(max(memory_bytes // (D * _CELL_BYTES), 1), _MOST_LATENTS))
    rows = memory_bytes // _CELL_BYTES
    for block in activations.blocks_by_latent(latents, most_rows=rows, most_latents=most):
        place = np.repeat(np.arange(len(block.latents)), block.counts) * D
        cells = place + kept.documents_of(block.tokens)
        counts = np.bincount(cells, minlength=len(block.latents) * D)
        yield block.latents, counts.reshape(-1, D)


def _counts_of_clusters(
    members: Sequence[Int32s], activations: Activations, kept: KeptTokens, memory_bytes: int
) -> Iterator[tuple[Ints, Ints]]:
    """Yield clusters and the active tokens of their members in each document [k, documents]."""
    D = len(kept.documents)
    most = int(max(memory_bytes // (D * _CELL_BYTES), 1))
    for start in range(0, len(members), most):
        chosen = members[start : start + most]
        latents = np.unique(np.concatenate(chosen)).astype(np.int64)
        of_latents = _membership(chosen, len(activations.latent_ends))
        total = np.zeros((len(chosen), D), dtype=np.int64)
        for block, counts in _counts_of_latents(activations, kept, latents, memory_bytes):
            total += of_latents[:, block] @ counts
        yield np.arange(start, start + len(chosen)), total


def _membership(members: Sequence[Int32s], latents: int) -> scipy.sparse.csc_matrix:
    """int64 [clusters, latents], 1 for every member of each cluster."""
    row = np.repeat(np.arange(len(members)), [len(ids) for ids in members])
    ones = np.ones(len(row), dtype=np.int64)
    return scipy.sparse.csc_matrix((ones, (row, np.concatenate(members))), (len(members), latents))


@dataclass
class _Rows:
    """The rows of one column, collected block by block."""

    family: int = 0
    """Tests of this column: units and values that could occur together."""
    units: list[Ints] = field(default_factory=list)
    values: list[Ints] = field(default_factory=list)
    tokens: list[Ints] = field(default_factory=list)
    documents: list[Ints] = field(default_factory=list)
    expected: list[Floats] = field(default_factory=list)
    p: list[Floats] = field(default_factory=list)
    lift: list[Floats] = field(default_factory=list)


def _profiles(
    kind: Kind,
    blocks: Iterator[tuple[Ints, Ints]],
    kept: KeptTokens,
    columns: Sequence[DocumentColumn],
) -> pa.Table:
    strata, lengths = strata_of(kept), kept.lengths
    collected = [_Rows() for _ in columns]
    for units, counts in blocks:
        fires = fires_in(counts, lengths)
        for column, rows in zip(columns, collected, strict=True):
            counted = count_values(fires, column.codes, len(column.values), strata)
            tokens = _tokens(counts, column)
            rows.family += int((counted.expected > 0).sum())
            unit, value = np.nonzero(tokens)
            rows.units.append(units[unit])
            rows.values.append(value)
            rows.tokens.append(tokens[unit, value])
            rows.documents.append(counted.observed[unit, value])
            rows.expected.append(counted.expected[unit, value])
            rows.p.append(chance_of_more(counted)[unit, value])
            rows.lift.append(smallest_lifts(counted)[unit, value])
    parts = [
        _table(kind, column, rows)
        for column, rows in zip(columns, collected, strict=True)
        if rows.units
    ]
    schema = TABLES[f"{kind}_profiles"]
    if not parts:
        return schema.empty_table()
    table = pa.concat_tables(parts)
    # A stable order keeps the columns, and in each the values, in their own order.
    table = table.take(np.argsort(table[kind].to_numpy(), kind="stable"))
    for place, name in ((1, "column"), (2, "value")):
        table = table.set_column(place, name, table[name].dictionary_encode())
    return table.cast(schema)


def _tokens(counts: Ints, column: DocumentColumn) -> Ints:
    """Active tokens of each unit in the documents of each value [k, values]."""
    known = np.flatnonzero(column.codes >= 0)
    ones = np.ones(len(known), dtype=np.int64)
    of_value = scipy.sparse.csr_matrix(
        (ones, (column.codes[known], known)), (len(column.values), counts.shape[1])
    )
    return np.asarray(of_value @ counts.T).T


def _table(kind: Kind, column: DocumentColumn, rows: _Rows) -> pa.Table:
    p = np.concatenate(rows.p)
    q = benjamini_hochberg(np.minimum(p, 1.0), max(rows.family, len(p)))
    lift = _rounded(np.concatenate(rows.lift))
    words = np.array(column.values, dtype=object)[np.concatenate(rows.values)]
    return pa.table(
        {
            kind: pa.array(np.concatenate(rows.units), pa.int32()),
            "column": pa.array([column.name] * len(p), pa.string()),
            "value": pa.array(words, pa.string()),
            "active_tokens": np.concatenate(rows.tokens),
            "documents": pa.array(np.concatenate(rows.documents), pa.int32()),
            "expected": _rounded(np.concatenate(rows.expected)),
            "q_value": _rounded(q),
            "smallest_lift": pa.array(lift, mask=~np.isfinite(lift)),
        }
    )


def _rounded(values: Floats) -> np.ndarray:
    """float32 with `_SIGNIFICANT_BITS` bits, to the nearest; zero and infinity are unchanged."""
    mantissa, exponent = np.frexp(values)
    scale = 2.0**_SIGNIFICANT_BITS
    return np.ldexp(np.rint(mantissa * scale) / scale, exponent).astype(np.float32)
