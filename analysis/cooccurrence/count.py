"""Exact joint counts of latents by token, and the strongest partners of every latent.

Counted are kept tokens on which both latents are active, as integers. For each latent of a tile,
each of its tokens is walked and the latents of that token are added up in one dense row of all
latents; the strongest partners are then selected from the complete row. What is held is a tile of
rows (tile x latents x 4 bytes) and its activations, within a memory setting, and a piece of the
stored activations, which are streamed once for each tile. The output is split, never the tokens,
and each row belongs to one thread: any number of threads and any tile size give the same bytes.
Cost: two increments for each unordered pair of latents that is active on one token.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.activations import DocumentRows
from analysis.bundle import ROW_GROUP, Activations, TableWriter
from analysis.cooccurrence.association import TwoByTwo, phi
from analysis.threads import over_spans

MEMORY_BYTES = 256 << 20
PIECE_ACTIVATIONS = 2 << 20
LARGEST_MATRIX = 2_000
_RANKED = 5  # phi, Jaccard, P(a given b), joint, NPMI; P(b given a) orders as joint does

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Is told latents done and latents in all."""


def count_partners(
    activations: Activations,
    documents: DocumentRows,
    n_tokens: int,
    folder: Path,
    *,
    partners_kept: int,
    minimum_joint: int,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> int:
    """Write the partner table to `folder`; returns its number of rows.

    A pair (latent, partner) is kept where the partner is among the `partners_kept` first by one
    of the ranked measures: phi, Jaccard, NPMI (among pairs of at least `minimum_joint` tokens),
    P(b given a), P(a given b) or the joint count. Equal values are ordered by the smaller id. The
    rows of a latent are in descending order of phi. Pairs that never meet are not kept.
    """
    pairs = _PairFile(folder / "partners.unfinished")
    counts = np.diff(activations.latent_ends, prepend=0)
    for start, stop in _tiles(counts, memory_bytes):
        rows = joint_rows(activations, start, stop)
        pairs.append(_strongest(rows, counts, start, n_tokens, partners_kept, minimum_joint), start)
        if progress:
            progress(stop, len(counts))
    written = _write_with_documents(pairs, activations, documents, folder, memory_bytes)
    pairs.remove()
    return written


def joint_rows(activations: Activations, start: int, stop: int) -> npt.NDArray[Any]:
    """Joint counts [stop - start, latents] of latents start..stop-1 with every latent.

    int32, or int64 where there are more tokens than it can count.
    """
    n_latents, n_rows = len(activations.latent_ends), len(activations.token_ends)
    kind = np.int32 if n_rows < np.iinfo(np.int32).max else np.int64
    rows = np.zeros((stop - start, n_latents), dtype=kind)
    tokens, counted = activations.tokens_of_latents(start, stop)
    ends = np.cumsum(counted)
    cursor = ends - counted
    for first, offsets, latents in token_pieces(activations):
        piece = (tokens, ends, cursor, first, offsets, latents, rows)
        over_spans(stop - start, partial(_add_piece, *piece))
    return rows


def token_pieces(
    activations: Activations, start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, Ints, npt.NDArray[np.uint32]]]:
    """The activations by token in pieces: first row, offsets [rows + 1], latents [m]."""
    ends = activations.token_ends
    stop = len(ends) if stop is None else stop
    while start < stop:
        behind = int(ends[start - 1]) if start else 0
        last = int(np.searchsorted(ends, behind + PIECE_ACTIVATIONS, side="right"))
        last = min(max(last, start + 1), stop)
        latents, counted = activations.latents_of_tokens(start, last)
        yield start, np.concatenate([[0], np.cumsum(counted)]), latents
        start = last


def _tiles(counts: Ints, memory_bytes: int) -> Iterator[tuple[int, int]]:
    """Consecutive latents whose rows of counts and own tokens fit the memory setting."""
    row = 4 * len(counts)
    cost = np.cumsum(counts * 8 + row)
    start = 0
    while start < len(counts):
        before = int(cost[start - 1]) if start else 0
        stop = int(np.searchsorted(cost, before + memory_bytes, side="right"))
        yield start, max(stop, start + 1)
        start = max(stop, start + 1)


@numba.njit(nogil=True, cache=True)
def _add_piece(  # noqa: PLR0913, PLR0917 - a kernel
    tokens: npt.NDArray[np.uint32],
    ends: Ints,
    cursor: Ints,
    first: int,
    offsets: Ints,
    latents: npt.NDArray[np.uint32],
    rows: npt.NDArray[Any],
    start: int,
    stop: int,
) -> None:
    """Add one piece of tokens to rows start..stop-1; cursor [tile] walks each latent's tokens."""
    behind = first + len(offsets) - 1
    for i in range(start, stop):
        row = rows[i]
        k = cursor[i]
        while k < ends[i] and tokens[k] < behind:
            token = np.int64(tokens[k]) - first
            for j in range(offsets[token], offsets[token + 1]):
                row[latents[j]] += 1
            k += 1
        cursor[i] = k


@dataclass(frozen=True)
class _Kept:
    """The kept partners of the latents of a tile, one latent after the other."""

    counts: Ints
    partners: npt.NDArray[np.int32]
    joint: Ints


def _strongest(
    rows: npt.NDArray[Any],
    counts: Ints,
    first: int,
    n_tokens: int,
    partners_kept: int,
    minimum_joint: int,
) -> _Kept:
    """The union of each row's lists of the best, by descending phi and then ascending id."""
    best = np.full((len(rows), _RANKED, partners_kept), -1, dtype=np.int32)
    margins = Margins.of(counts, n_tokens)
    over_spans(
        len(rows), partial(_select_rows, rows, first, *margins, n_tokens, minimum_joint, best)
    )
    row, _, _ = np.nonzero(best >= 0)
    row, partners = np.divmod(np.unique(row * len(counts) + best[best >= 0]), len(counts))
    joint = rows[row, partners].astype(np.int64)
    by_phi = phi(TwoByTwo.from_margins(joint, counts[first + row], counts[partners], n_tokens))
    order = np.lexsort((partners, -by_phi, row))
    in_row = np.bincount(row, minlength=len(rows))
    return _Kept(in_row, partners[order].astype(np.int32), joint[order])


class Margins(NamedTuple):
    """What the ranked measures need of each latent alone, [latents] each."""

    counts: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    """n1 (N - n1): N^2 times the variance of the latent's bit."""
    logarithm: npt.NDArray[np.float64]
    """ln n1, and 0 for a dead latent."""

    @staticmethod
    def of(counts: Ints, n_tokens: int) -> "Margins":
        """From active tokens [latents] and the number of kept tokens."""
        wide = counts.astype(np.float64)
        return Margins(wide, wide * (n_tokens - wide), np.log(np.maximum(wide, 1.0)))


@numba.njit(nogil=True, cache=True)
def _select_rows(  # noqa: PLR0913, PLR0917 - a kernel
    rows: npt.NDArray[Any],
    first: int,
    counts: npt.NDArray[np.float64],
    variance: npt.NDArray[np.float64],
    logarithm: npt.NDArray[np.float64],
    n_tokens: int,
    minimum_joint: int,
    best: npt.NDArray[np.int32],
    start: int,
    stop: int,
) -> None:
    """Fill best [tile, measures, partners_kept] for rows start..stop-1 of a tile."""
    n = float(n_tokens)
    scores = np.empty(best.shape[1:])
    for i in range(start, stop):
        latent = first + i
        scores[:] = -np.inf
        n1 = counts[latent]
        for other in range(rows.shape[1]):
            joint = float(rows[i, other])
            if joint == 0 or other == latent:
                continue
            n2 = counts[other]
            spread = np.sqrt(variance[latent] * variance[other])
            by_phi = (joint * n - n1 * n2) / spread if spread > 0 else 0.0
            _offer(scores[0], best[i, 0], by_phi, other)
            _offer(scores[1], best[i, 1], joint / (n1 + n2 - joint), other)
            _offer(scores[2], best[i, 2], joint / n2, other)
            _offer(scores[3], best[i, 3], joint, other)
            if joint >= minimum_joint:
                together = np.log(joint)
                information = np.log(n) - together
                pmi = together + np.log(n) - logarithm[latent] - logarithm[other]
                _offer(scores[4], best[i, 4], pmi / information if information > 0 else 0.0, other)


@numba.njit(nogil=True, cache=True)
def _offer(
    scores: npt.NDArray[np.float64], ids: npt.NDArray[np.int32], score: float, other: int
) -> None:
    """Insert into a descending list of the best. Ids come ascending, so a tie stays behind."""
    place = len(scores) - 1
    if score <= scores[place]:
        return
    while place > 0 and scores[place - 1] < score:
        scores[place] = scores[place - 1]
        ids[place] = ids[place - 1]
        place -= 1
    scores[place] = score
    ids[place] = other


class _PairFile:
    """Kept pairs on disk between counting and writing, so that memory does not hold them all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kind = np.dtype([("latent", "<i4"), ("partner", "<i4"), ("joint", "<i8")])
        path.write_bytes(b"")

    def append(self, kept: _Kept, start: int) -> None:
        pairs = np.empty(len(kept.partners), dtype=self._kind)
        pairs["latent"] = np.repeat(np.arange(start, start + len(kept.counts)), kept.counts)
        pairs["partner"] = kept.partners
        pairs["joint"] = kept.joint
        with self._path.open("ab") as file:
            file.write(pairs.tobytes())

    def read(self) -> npt.NDArray[Any]:
        """All pairs, mapped into memory; `latent`, `partner` and `joint`."""
        if self._path.stat().st_size == 0:
            return np.empty(0, dtype=self._kind)
        return np.memmap(self._path, dtype=self._kind, mode="r")

    def remove(self) -> None:
        self._path.unlink()


def _write_with_documents(
    pairs: _PairFile,
    activations: Activations,
    documents: DocumentRows,
    folder: Path,
    memory_bytes: int,
) -> int:
    """Write the kept pairs with their joint documents; returns their number."""
    kept = pairs.read()
    shared_file = folder / "joint_documents.unfinished"
    shared = np.memmap(shared_file, np.int32, "w+", shape=(max(len(kept), 1),))
    for bits in document_bits(activations, documents, memory_bytes):
        for start in range(0, len(kept), ROW_GROUP):
            piece = kept[start : start + ROW_GROUP]
            pair = np.ascontiguousarray(piece["latent"]), np.ascontiguousarray(piece["partner"])
            found = shared[start : start + len(piece)]
            over_spans(len(piece), partial(_add_shared, bits, *pair, found))
    with TableWriter(folder, "partners") as writer:
        for start in range(0, len(kept), ROW_GROUP):
            piece = kept[start : start + ROW_GROUP]
            writer.write(
                pa.table(
                    {
                        "latent": np.ascontiguousarray(piece["latent"]),
                        "partner": np.ascontiguousarray(piece["partner"]),
                        "joint_tokens": np.ascontiguousarray(piece["joint"]),
                        "joint_documents": np.array(shared[start : start + len(piece)]),
                    }
                )
            )
    del shared
    shared_file.unlink()
    return len(kept)


def document_bits(
    activations: Activations, documents: DocumentRows, memory_bytes: int = MEMORY_BYTES
) -> Iterator[npt.NDArray[np.uint64]]:
    """For blocks of documents: bit d of row i [latents, words] says that i fires in document d."""
    n_latents = len(activations.latent_ends)
    words = max(1, memory_bytes // (8 * n_latents))
    starts, ends = documents.starts, documents.ends
    for first in range(0, len(ends), 64 * words):
        last = min(first + 64 * words, len(ends))
        bits = np.zeros((n_latents, (last - first + 63) // 64), dtype=np.uint64)
        for row, offsets, latents in token_pieces(
            activations, int(starts[first]), int(ends[last - 1])
        ):
            document = int(np.searchsorted(ends, row, side="right"))
            _set_bits(bits, ends, first, document, row, offsets, latents)
        yield bits


@numba.njit(cache=True)
def _set_bits(
    bits: npt.NDArray[np.uint64],
    ends: Ints,
    first: int,
    document: int,
    row: int,
    offsets: Ints,
    latents: npt.NDArray[np.uint32],
) -> None:
    """Set the bits of a piece of tokens from `row` on, which lies in `document`."""
    for i in range(len(offsets) - 1):
        while row + i >= ends[document]:
            document += 1
        word, bit = (document - first) >> 6, np.uint64((document - first) & 63)
        for j in range(offsets[i], offsets[i + 1]):
            bits[latents[j], word] |= np.uint64(1) << bit


@numba.njit(nogil=True, cache=True)
def _add_shared(
    bits: npt.NDArray[np.uint64],
    latents: npt.NDArray[np.int32],
    partners: npt.NDArray[np.int32],
    shared: npt.NDArray[np.int32],
    start: int,
    stop: int,
) -> None:
    """Add to shared [pairs] the documents that both of each pair fire in."""
    for i in range(start, stop):
        total = np.int64(0)
        for word in range(bits.shape[1]):
            total += _popcount(bits[latents[i], word] & bits[partners[i], word])
        shared[i] += total


@numba.njit(cache=True)
def _popcount(word: np.uint64) -> np.int64:
    """Bits set in 64, by adding neighbouring fields; Warren, Hacker's Delight, chapter 5."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    x = (x & pairs) + ((x >> np.uint64(2)) & pairs)
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


def pair_table(activations: Activations, a: int, b: int, n_tokens: int) -> TwoByTwo:
    """The whole 2x2 table of two latents over the kept tokens, from the stored activations."""
    first, _ = activations.of_latent(a)
    second, _ = activations.of_latent(b)
    joint = len(np.intersect1d(first, second, assume_unique=True)) if a != b else len(first)
    return TwoByTwo.from_margins(joint, len(first), len(second), n_tokens)


def joint_matrix(activations: Activations, latents: npt.ArrayLike) -> Ints:
    """Joint counts [m, m] of up to 2,000 latents, in their order; the diagonal counts tokens.

    Reads the row groups of these latents alone and works on the tokens where they are active.
    ValueError: more latents, or one twice.
    """
    wanted = np.asarray(latents, dtype=np.int64)
    order = np.argsort(wanted)
    if len(wanted) > LARGEST_MATRIX or len(np.unique(wanted)) < len(wanted):
        raise ValueError(f"a joint matrix is of at most {LARGEST_MATRIX} different latents")
    matrix = np.zeros((len(wanted), len(wanted)), dtype=np.int64)
    tokens, counts = _tokens_of(activations, wanted[order])
    owner = np.repeat(order.astype(np.int32), counts)
    by_token = np.argsort(tokens, kind="stable")
    _count_runs(tokens[by_token], owner[by_token], matrix)
    return matrix


def _tokens_of(activations: Activations, latents: Ints) -> tuple[npt.NDArray[np.uint32], Ints]:
    """Tokens of ascending latents, one after the other, and their counts.

    Latents that share a row group of the file, or have neighbouring ones, are read together.
    """
    ends = activations.latent_ends
    starts = np.concatenate([[0], ends[:-1]])
    pieces: list[npt.NDArray[np.uint32]] = []
    i = 0
    while i < len(latents):
        j = i + 1
        while j < len(latents) and starts[latents[j]] - ends[latents[j - 1]] < ROW_GROUP:
            j += 1
        tokens, _ = activations.tokens_of_latents(int(latents[i]), int(latents[j - 1]) + 1)
        base = starts[latents[i]]
        pieces += [tokens[starts[one] - base : ends[one] - base] for one in latents[i:j]]
        i = j
    counts = (ends - starts)[latents]
    return (np.concatenate(pieces) if pieces else np.empty(0, np.uint32)), counts


@numba.njit(cache=True)
def _count_runs(tokens: npt.NDArray[np.uint32], owner: npt.NDArray[np.int32], matrix: Ints) -> None:
    """Add every ordered pair of owners of one token; tokens [m] are ascending."""
    start = 0
    while start < len(tokens):
        stop = start + 1
        while stop < len(tokens) and tokens[stop] == tokens[start]:
            stop += 1
        for i in range(start, stop):
            for j in range(start, stop):
                matrix[owner[i], owner[j]] += 1
        start = stop
