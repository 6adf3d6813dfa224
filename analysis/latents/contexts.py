"""Contexts of a latent: its top activations, even intervals of them, and a random sample.

Top activations make a latent look more specific than it is, so they are not the only kind. A
context is a run of tokens around a picked token, inside its document. Ties go to the earlier token.
Draws are seeded by latent, so they do not depend on the order in which latents are processed.
Activations are read in blocks of latents, and the token table in row groups.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import (
    ROW_GROUP,
    WORKING_BYTES,
    Activations,
    ContextKind,
    KeptTokens,
    LatentBlock,
    Parameters,
    TableFile,
    TableWriter,
    read_rows,
)
from analysis.bundle.cut_texts import cut_texts
from analysis.runtime.arrays import Float32s, Int32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans

BLOCK_LATENTS = 1_024
"""Maximum number of latents in a block; bounds the contexts in memory."""
KINDS: tuple[ContextKind, ...] = get_args(ContextKind)


class ContextRows(NamedTuple):
    """Rows of the token table around p picked tokens, inside their documents."""

    document: Ints
    """[p] index of the document."""
    peak: Ints
    """[p] index of the picked token in its context."""
    offsets: Ints
    """[p + 1] context i has rows[offsets[i]:offsets[i + 1]]."""
    rows: Ints
    """[offsets[p]] rows of the token table."""

    @property
    def lengths(self) -> Ints:
        """[p] tokens of each context."""
        return np.diff(self.offsets)

    def lists(self, values: pa.Array | Float32s) -> pa.ListArray:
        """One list per context, from one value for each of the rows."""
        return pa.ListArray.from_arrays(pa.array(self.offsets.astype(np.int32)), pa.array(values))


def rows_around(kept: KeptTokens, picked: Ints, length: int) -> ContextRows:
    """The contexts of `length` tokens around picked rows [p]: length // 2 tokens come before.

    A context is shorter if its document begins or ends inside it.
    """
    document = kept.documents_of(picked)
    first = picked - length // 2
    start = np.maximum(kept.row_starts[document], first)
    stop = np.minimum(kept.row_ends[document], first + length)
    offsets = np.concatenate([[0], np.cumsum(stop - start)])
    rows = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], stop - start)
    return ContextRows(document, picked - start, offsets, rows)


def write_contexts(
    activations: Activations,
    kept: KeptTokens,
    folder: Path,
    *,
    parameters: Parameters,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> int:
    """Write the contexts table to `folder`, which holds the token table; returns its rows.

    For each latent and kind, parameters.contexts_per_kind contexts of parameters.context_tokens
    tokens. There are fewer if the latent has fewer active tokens, and a context is shorter if its
    document begins or ends inside it.

    - top: the largest activations (ties: the earlier token), no two contexts overlapping;
    - interval: the active tokens in ascending order of activation, cut into equal parts; one token
      is drawn from each part, and the strongest part comes first;
    - random: active tokens drawn uniformly without replacement, in the order of the corpus.
    """
    written = 0
    most_rows = memory_bytes // WORKING_BYTES
    with TableWriter(folder, "contexts") as writer:
        for block in activations.blocks_by_latent(most_rows=most_rows, most_latents=BLOCK_LATENTS):
            picks = _picks(block, kept, parameters)
            if len(picks.owner):
                writer.write(_context_rows(block, picks, kept, folder, parameters.context_tokens))
                written += len(picks.owner)
            progress(int(block.latents[-1]) + 1, len(activations.latent_ends))
    return written


class _Picks(NamedTuple):
    """Picked tokens [p] of a block of latents, in the order of the table."""

    owner: Ints
    """Index of the latent in the block."""
    kind: npt.NDArray[np.int8]
    """Index into KINDS."""
    place: Ints
    """Index of the picked activation in the block."""


def _picks(block: LatentBlock, kept: KeptTokens, parameters: Parameters) -> _Picks:
    most = parameters.contexts_per_kind
    top = np.full((len(block.latents), most), -1, dtype=np.int64)
    document = kept.documents_of(block.tokens)
    given = (block.ends, block.tokens, block.activations, document, parameters.context_tokens, top)
    over_spans(len(block.ends), partial(_pick_top, *given))
    nothing = np.empty(0, dtype=np.int64)
    picks = [_Picks(nothing, nothing.astype(np.int8), nothing)]
    start = 0
    for i, (latent, _, own) in enumerate(block.each()):
        rng = np.random.Generator(np.random.Philox(key=[parameters.seed, latent]))
        if len(own):
            places = (
                top[i][top[i] >= 0],
                start + _pick_intervals(own, most, rng),
                start + np.sort(rng.choice(len(own), min(most, len(own)), replace=False)),
            )
            kinds = np.repeat(np.arange(len(KINDS), dtype=np.int8), [len(one) for one in places])
            picks.append(_Picks(np.full(len(kinds), i), kinds, np.concatenate(places)))
        start += len(own)
    return _Picks(*(np.concatenate(part) for part in zip(*picks, strict=True)))


@numba.njit(nogil=True, cache=True)
def _pick_top(
    ends: Ints,
    tokens: UInt32s,
    activations: Float32s,
    document: Ints,
    window: int,
    top: Ints,
    first: int,
    stop: int,
) -> None:
    """Fill rows first..stop-1 of top [latents, most] with indices of the largest activations.

    Picks of one document are at least `window` tokens apart. Each pick is one pass over the
    activations, which costs less than sorting them.
    """
    for i in range(first, stop):
        start = ends[i - 1] if i else 0
        for pick in range(top.shape[1]):
            best = -1
            for k in range(start, ends[i]):
                if best >= 0 and activations[k] <= activations[best]:
                    continue
                apart = True
                for other in top[i, :pick]:
                    if document[k] == document[other] and (
                        abs(np.int64(tokens[k]) - np.int64(tokens[other])) < window
                    ):
                        apart = False
                        break
                if apart:
                    best = k
            if best < 0:
                break
            top[i, pick] = best


def _pick_intervals(activations: Float32s, most: int, rng: np.random.Generator) -> Ints:
    """Indices of one activation from each of up to `most` equal parts, strongest part first.

    The parts cut the activations [n] in ascending order; ties keep their order.
    """
    order = np.argsort(activations, kind="stable")
    parts = min(most, len(order))
    bounds = np.arange(parts + 1) * len(order) // parts
    return order[rng.integers(bounds[:-1], bounds[1:])][::-1].astype(np.int64)


def _context_rows(
    block: LatentBlock, picks: _Picks, kept: KeptTokens, tables: Path, length: int
) -> pa.Table:
    """The rows of the contexts table for some picks."""
    around = rows_around(kept, block.tokens[picks.place].astype(np.int64), length)
    values = _activations_at(block, np.repeat(picks.owner, around.lengths), around.rows)
    text, position = read_tokens(tables / "tokens.parquet", around.rows)
    kinds = pa.array(picks.kind.astype(np.int32))
    return pa.table(
        {
            "latent": block.latents[picks.owner].astype(np.int32),
            "kind": pa.DictionaryArray.from_arrays(kinds, pa.array(KINDS)),
            "activation": block.activations[picks.place],
            "document": kept.documents[around.document],
            "position": position[around.offsets[:-1] + around.peak],
            "tokens": around.lists(text),
            "activations": around.lists(values),
            "peak": around.peak.astype(np.int16),
        }
    )


def _activations_at(block: LatentBlock, owner: Ints, rows: Ints) -> Float32s:
    """Activation [m] on rows [m] of the latents at index `owner` [m]; 0 where not active."""
    width = int(max(rows.max(initial=0), block.tokens.max(initial=0))) + 1
    # One ascending key for latent and row locates all activations with one search.
    keys = np.repeat(np.arange(len(block.latents)) * width, block.counts) + block.tokens
    wanted = owner * width + rows
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, block.activations[place], np.float32(0))


def read_tokens(tokens_file: Path, rows: Ints) -> tuple[pa.Array, Int32s]:
    """Text and position of rows [m] of the token table, read one row group at a time.

    Raises InputError if the table is damaged.
    """
    unique, inverse = np.unique(rows, return_inverse=True)
    file = TableFile(tokens_file)
    pieces: list[pa.Array] = [pa.array([], pa.string())]
    positions: list[npt.NDArray[Any]] = [np.empty(0, dtype=np.int32)]
    for group in np.unique(unique // ROW_GROUP):
        low, high = np.searchsorted(unique, [group * ROW_GROUP, (group + 1) * ROW_GROUP])
        first = int(group) * ROW_GROUP
        table = read_rows(file, first, min(first + ROW_GROUP, file.rows), ["token", "position"])
        wanted = cut_texts("tokens", table).take(pa.array(unique[low:high] - first))
        pieces += wanted["token"].cast(pa.string()).chunks
        positions.append(wanted["position"].to_numpy())
    text = pa.concat_arrays(pieces).take(pa.array(inverse))
    return text, np.concatenate(positions)[inverse].astype(np.int32)
