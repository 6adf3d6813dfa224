"""Windows of the corpus on which a latent is active: the top, even intervals, and a random sample.

Top activations alone mislead, they look cleaner than the latent is. A window stands around a
picked token, inside its document. Ties go to the earlier token and draws are seeded by latent, so
they do not hang on the order in which latents are worked on. Blocks of latents and pieces of the
token table are streamed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import (
    ROW_GROUP,
    WORKING_BYTES,
    Activations,
    KeptTokens,
    Parameters,
    TableWriter,
    latent_spans,
)
from analysis.runtime.threads import over_spans

MEMORY_BYTES = 128 << 20
BLOCK_LATENTS = 1_024
KINDS = ("top", "interval", "random")

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Is told latents done and latents in all."""


def write_contexts(
    activations: Activations,
    kept: KeptTokens,
    folder: Path,
    *,
    parameters: Parameters,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> int:
    """Write the contexts table beside the token table in `folder`; returns its number of rows.

    For each latent and kind parameters.contexts_per_kind windows of parameters.context_tokens
    tokens, or fewer where the latent has fewer active tokens or the document ends:

    - top: the largest activations (ties: the earlier token), no two windows overlapping;
    - interval: the active tokens in ascending order of activation, cut into equal parts; one
      drawn from each, strongest part first;
    - random: active tokens drawn evenly without replacement, in the order of the corpus.
    """
    written, n_latents = 0, len(activations.latent_ends)
    with TableWriter(folder, "contexts") as writer:
        for start, stop in _blocks(activations, memory_bytes):
            picks = _picks(activations, kept, start, stop, parameters)
            if len(picks.latent):
                writer.write(
                    _windows(picks, kept, folder / "tokens.parquet", parameters.context_tokens)
                )
                written += len(picks.latent)
            if progress:
                progress(stop, n_latents)
    return written


@dataclass(frozen=True)
class _Picks:
    """Picked tokens [p] of a block of latents, in the order of the table."""

    latent: Ints
    kind: npt.NDArray[np.int8]
    place: Ints
    """Where the picked activation stands among those of the block."""
    ends: Ints
    """[latents of the block] where each latent's activations end."""
    first: int
    """The block's first latent."""
    tokens: npt.NDArray[np.uint32]
    activations: npt.NDArray[np.float32]


def _blocks(activations: Activations, memory_bytes: int) -> Iterator[tuple[int, int]]:
    """Latents (start, stop) in blocks, bounded in their activations and in their windows."""
    counts = np.diff(activations.latent_ends, prepend=0)
    for start, stop in latent_spans(counts, memory_bytes // WORKING_BYTES):
        for first in range(start, stop, BLOCK_LATENTS):
            yield first, min(first + BLOCK_LATENTS, stop)


def _picks(
    activations: Activations,
    kept: KeptTokens,
    start: int,
    stop: int,
    parameters: Parameters,
) -> _Picks:
    tokens, values, counts = activations.of_latents(start, stop)
    ends = np.cumsum(counts)
    most = parameters.contexts_per_kind
    top = np.full((stop - start, most), -1, dtype=np.int64)
    document = kept.documents_of(tokens)
    given = (ends, tokens, values, document, parameters.context_tokens, top)
    over_spans(len(ends), partial(_pick_top, *given))
    latents, kinds, places = [], [], []
    for i in np.flatnonzero(counts):
        behind = int(ends[i] - counts[i])
        rng = np.random.Generator(np.random.Philox(key=[parameters.seed, start + int(i)]))
        own = values[behind : ends[i]]
        chosen = (
            top[i][top[i] >= 0],
            behind + _pick_intervals(own, most, rng),
            behind + np.sort(rng.choice(len(own), min(most, len(own)), replace=False)),
        )
        for kind, some in enumerate(chosen):
            latents.append(np.full(len(some), start + i))
            kinds.append(np.full(len(some), kind, dtype=np.int8))
            places.append(some)
    empty = [np.empty(0, dtype=np.int64)]
    return _Picks(
        np.concatenate(latents or empty).astype(np.int64),
        np.concatenate(kinds or empty).astype(np.int8),
        np.concatenate(places or empty).astype(np.int64),
        ends,
        start,
        tokens,
        values,
    )


@numba.njit(nogil=True, cache=True)
def _pick_top(
    ends: Ints,
    tokens: npt.NDArray[np.uint32],
    activations: npt.NDArray[np.float32],
    document: Ints,
    window: int,
    top: Ints,
    first: int,
    behind: int,
) -> None:
    """Fill rows first..behind-1 of top [latents, most]: the largest activations, windows apart.

    One pass for each pick: a scan of n activations costs less than sorting them.
    """
    for i in range(first, behind):
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


def _pick_intervals(
    activations: npt.NDArray[np.float32], most: int, rng: np.random.Generator
) -> Ints:
    """One place from each of up to `most` equal parts of the ordered activations [n]."""
    order = np.argsort(activations, kind="stable")
    parts = min(most, len(order))
    bounds = np.arange(parts + 1) * len(order) // parts
    return order[rng.integers(bounds[:-1], bounds[1:])][::-1].astype(np.int64)


def _windows(picks: _Picks, kept: KeptTokens, tokens_file: Path, length: int) -> pa.Table:
    """The rows of the contexts table of some picks."""
    peak_row = picks.tokens[picks.place].astype(np.int64)
    document = kept.documents_of(peak_row)
    start = np.maximum(kept.row_starts[document], peak_row - length // 2)
    stop = np.minimum(kept.row_ends[document], peak_row - length // 2 + length)
    offsets = np.concatenate([[0], np.cumsum(stop - start)])
    rows = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], stop - start)
    values = _activations_at(picks, np.repeat(np.arange(len(start)), stop - start), rows)
    text, position = read_tokens(tokens_file, rows)
    peak = peak_row - start
    bounds = pa.array(offsets.astype(np.int32))
    kinds = pa.array(picks.kind.astype(np.int32))
    return pa.table(
        {
            "latent": picks.latent.astype(np.int32),
            "kind": pa.DictionaryArray.from_arrays(kinds, pa.array(KINDS)),
            "activation": picks.activations[picks.place],
            "document": kept.documents[document],
            "position": position[offsets[:-1] + peak],
            "tokens": pa.ListArray.from_arrays(bounds, text),
            "activations": pa.ListArray.from_arrays(bounds, pa.array(values)),
            "peak": peak.astype(np.int16),
        }
    )


def _activations_at(picks: _Picks, pick: Ints, rows: Ints) -> npt.NDArray[np.float32]:
    """Activation of the latent of each pick [m] on rows [m] of the token table, 0 where silent."""
    width = int(max(rows.max(initial=0), picks.tokens.max(initial=0))) + 1
    counts = np.diff(picks.ends, prepend=0)
    # One ascending key for latent and token finds all activations in one search.
    known = np.repeat(np.arange(len(counts)) * width, counts) + picks.tokens
    wanted = (picks.latent[pick] - picks.first) * width + rows
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, picks.activations[place], np.float32(0))


def read_tokens(tokens_file: Path, rows: Ints) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Text and position of rows [m] of the token table, one row group of it at a time."""
    unique, inverse = np.unique(rows, return_inverse=True)
    file = pq.ParquetFile(tokens_file, memory_map=True)
    pieces: list[pa.Array] = [pa.array([], pa.string())]
    positions: list[npt.NDArray[Any]] = [np.empty(0, dtype=np.int32)]
    for group in np.unique(unique // ROW_GROUP):
        low, high = np.searchsorted(unique, [group * ROW_GROUP, (group + 1) * ROW_GROUP])
        table = file.read_row_group(int(group), columns=["token", "position"])
        found = table.take(pa.array(unique[low:high] - group * ROW_GROUP))
        pieces += found["token"].cast(pa.string()).chunks
        positions.append(found["position"].to_numpy())
    text = pa.concat_arrays(pieces).take(pa.array(inverse))
    return text, np.concatenate(positions)[inverse].astype(np.int32)
