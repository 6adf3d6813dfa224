"""Contexts of a latent: its top activations, equal intervals of activation, and a random sample.

Top activations make a latent look more specific than it is, so they are not the only kind. A
context is a picked token; the window around it is read when it is shown (`windows.py`). Ties go to
the earlier token. Draws are seeded by latent, so they do not depend on the order in which latents
are processed. Activations are read in blocks of latents, and the token table in row groups.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import (
    WORKING_BYTES,
    Activations,
    ContextKind,
    KeptTokens,
    LatentBlock,
    Parameters,
    TableFile,
    TableWriter,
)
from analysis.latents.windows import token_rows
from analysis.runtime.arrays import Float32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans

BLOCK_LATENTS = 1_024
"""Maximum number of latents in a block; bounds the contexts in memory."""
KINDS: tuple[ContextKind, ...] = get_args(ContextKind)
INTERVALS = 10
"""Intervals of activation, of equal width."""


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

    For each latent and kind, up to parameters.contexts_per_kind active tokens:

    - top: the largest activations (ties: the earlier token), whose windows of
      parameters.context_tokens tokens do not overlap;
    - interval: the range from 0 to the largest activation is cut into INTERVALS intervals of equal
      width, and equally many active tokens are drawn from each; an interval with fewer gives all of
      them. The strongest interval comes first;
    - random: active tokens drawn uniformly without replacement, in the order of the corpus.
    """
    written = 0
    most_rows = memory_bytes // WORKING_BYTES
    tokens = TableFile(folder / "tokens.parquet")
    with TableWriter(folder, "contexts") as writer:
        for block in activations.blocks_by_latent(most_rows=most_rows, most_latents=BLOCK_LATENTS):
            picks = _picks(block, kept, parameters)
            if len(picks.owner):
                writer.write(_context_rows(block, picks, kept, tokens))
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
    """Indices of up to `most` activations [n] from equal intervals of activation.

    The strongest interval comes first, and in each the strongest activation; ties keep their order.
    """
    parts = min(INTERVALS, most)
    share = activations.astype(np.float64) / float(activations.max())
    interval = np.clip(np.ceil(share * parts) - 1, 0, parts - 1).astype(np.int8)
    order = np.argsort(interval, kind="stable")
    stops = np.searchsorted(interval[order], np.arange(parts), side="right")
    picks: list[Ints] = []
    for i in range(parts - 1, -1, -1):
        members = order[(stops[i - 1] if i else 0) : stops[i]]
        wanted = (i + 1) * most // parts - i * most // parts
        chosen = rng.choice(members, min(wanted, len(members)), replace=False, shuffle=False)
        chosen.sort()
        picks.append(chosen[np.argsort(-activations[chosen], kind="stable")])
    return np.concatenate(picks)


def _context_rows(
    block: LatentBlock, picks: _Picks, kept: KeptTokens, tokens: TableFile
) -> pa.Table:
    """The rows of the contexts table for some picks."""
    rows = block.tokens[picks.place].astype(np.int64)
    kinds = pa.array(picks.kind.astype(np.int32))
    return pa.table(
        {
            "latent": block.latents[picks.owner].astype(np.int32),
            "kind": pa.DictionaryArray.from_arrays(kinds, pa.array(KINDS)),
            "activation": block.activations[picks.place],
            "document": kept.documents[kept.documents_of(rows)],
            "position": token_rows(tokens, rows, ["position"])["position"],
        }
    )
