"""UMAP's objective, minimised on several threads with the same bytes for any number of them.

McInnes, Healy, Melville 2018: linked latents attract each other by the weight of their edge, and
every latent is repelled by five random ones for each unit of its weights. umap-learn moves both
ends of one sampled edge at a time, so its result depends on the order of its work. Here:

- an epoch reads only the positions of the previous epoch and writes new ones (Jacobi), each vertex
  by one thread;
- all edges of a vertex pull in every epoch, weighted instead of sampled;
- negative samples are drawn by a hash of (seed, epoch, block, draw): SplitMix64 of Steele, Lea and
  Flood 2014;
- the pull is stiff where many edges act at once, so a step is damped by the sum of its attraction
  coefficients.

Vertices are moved in blocks of 32 with similar numbers of edges. A block shares its negative
samples, so every step uses whole vector registers. numba's fastmath is off: with it, the result
would depend on memory addresses.

Memory: two copies of the positions, and the graph. Time on one thread: 3 ns per edge and 1 ns per
sample in two dimensions, 10 and 3 ns in ten.
"""

from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
import scipy.sparse

from analysis.runtime.hashing import GOLDEN_GAMMA, mixed
from analysis.runtime.threads import over_spans

SAMPLES = 10
"""Negative samples of a vertex and epoch; together they weigh as much as 5 per edge."""
PUSHES_PER_PULL = 5.0
"""Repulsions for each unit of weight of a vertex's edges, as in umap-learn."""
DAMPING = 0.5
"""Damping of a step. Trustworthiness of 8,192 planted latents after 200 epochs: .929 without
damping, .944 with .5, .940 with 1, .938 with 2."""
SPREAD_OF_START = 10.0
"""Width of each axis of the start, as in umap-learn."""

LANES = 32
"""Vertices of a block."""
ALONE = 16
"""Blocks up to which one thread moves them all: waking others takes longer."""

_F = np.float32
_U = np.uint64


class _Forces(NamedTuple):
    """The graph in blocks of LANES vertices with similar numbers of edges.

    Block i has the slots starts[i] to starts[i + 1]; a slot has one edge of each of its vertices.
    """

    starts: np.ndarray
    """int64 [blocks + 1]"""
    tails: np.ndarray
    """int32 [slots, LANES], the other end; the vertex itself if it has no more edges"""
    pulls: np.ndarray
    """float32 [slots, LANES], 0 if a vertex has no more edges"""
    pushes: np.ndarray
    """float32 [blocks, LANES], weight of each negative sample"""


class _Curve(NamedTuple):
    """Similarity on the map at distance r: 1 / (1 + a r^2b)."""

    a: np.float32
    b: np.float32


class _Epoch(NamedTuple):
    """The parameters of one epoch: the key of the draws, and how far a force moves a vertex."""

    key: np.uint64
    rate: np.float32
    samples: int


class _Block(NamedTuple):
    """Working memory for the vertices of one block."""

    own: np.ndarray
    """float32 [D, LANES], positions of the vertices"""
    gap: np.ndarray
    """float32 [D, LANES], from the vertices to the other ends of one slot"""
    squared: np.ndarray
    """float32 [LANES], squared distance, then force divided by gap"""
    force: np.ndarray
    """float32 [D, LANES], the sum of the forces"""
    stiffness: np.ndarray
    """float32 [LANES], the sum of the attraction coefficients"""


def optimise(
    start: np.ndarray,
    weights: scipy.sparse.spmatrix,
    curve: tuple[float, float],
    *,
    epochs: int,
    seed: int,
    samples: int = SAMPLES,
) -> np.ndarray:
    """Positions float32 [n, D] after `epochs`, from start [n, D] and symmetric weights [n, n].

    `curve` is umap-learn's (a, b). `samples` negative samples are drawn for each vertex and epoch.
    The start is stretched to the same width on every axis.
    """
    order, forces = _in_blocks(scipy.sparse.csr_matrix(weights), samples)
    low, high = start.min(axis=0), start.max(axis=0)
    stretched = SPREAD_OF_START * (start - low) / np.maximum(high - low, 1e-12)
    before = np.ascontiguousarray(stretched[order], dtype=_F)
    after = np.empty_like(before)
    for epoch in range(epochs):
        # Odd constants of SplitMix64 and PCG separate the keys of neighbouring seeds and epochs.
        key = _U((seed * GOLDEN_GAMMA + epoch * 0xD1342543DE82EF95) % 2**64)
        this_epoch = _Epoch(key, _F(1 - epoch / epochs), samples)
        move = partial(_move, before, after, forces, _Curve(*map(_F, curve)), this_epoch)
        if len(forces.pushes) <= ALONE:
            move(0, len(forces.pushes))
        else:
            over_spans(len(forces.pushes), move, spans_per_thread=4)
        before, after = after, before
    points = np.empty(start.shape, dtype=_F)
    points[order] = before
    return points


def _in_blocks(graph: scipy.sparse.csr_matrix, samples: int) -> tuple[np.ndarray, _Forces]:
    """The vertices [n] sorted by descending number of edges, and the forces in that order."""
    degrees = np.diff(graph.indptr).astype(np.int64)
    n = len(degrees)
    order = np.argsort(-degrees, kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    blocks = -(-n // LANES)
    starts = np.append(0, np.cumsum(degrees[order[::LANES]]))
    own = np.minimum(np.arange(blocks * LANES, dtype=np.int32), n - 1).reshape(blocks, LANES)
    tails = np.repeat(own, np.diff(starts), axis=0)
    pulls = np.zeros(tails.shape, dtype=_F)
    vertex = place[np.repeat(np.arange(n), degrees)]
    nth = np.arange(graph.nnz) - np.repeat(graph.indptr[:-1].astype(np.int64), degrees)
    slot, lane = starts[vertex // LANES] + nth, vertex % LANES
    share = graph.data / max(graph.data.max(initial=0.0), 1e-12)
    tails[slot, lane] = place[graph.indices]
    # umap-learn lets an edge pull both of its ends, once from either row: twice in all.
    pulls[slot, lane] = 2 * share
    pushes = np.zeros(blocks * LANES, dtype=_F)
    pushes[:n] = np.bincount(vertex, share, n) * PUSHES_PER_PULL / max(samples, 1)
    return order, _Forces(starts, tails, pulls, pushes.reshape(blocks, LANES))


_mixed: Any = numba.njit(inline="always")(mixed)


@numba.njit(inline="always")
def _draw(key: np.uint64, block: int, draw: int, n: int) -> np.int32:
    """A vertex below n < 2^31, from the hash of key, block and draw."""
    z = _mixed(key + _U(block) * _U(0xABC98388FB8FAC03) + _U(draw + 1) * _U(GOLDEN_GAMMA))
    return np.int32(((z >> _U(32)) * _U(n)) >> _U(32))


@numba.njit(inline="always")
def _power(x: np.float32, exponent: np.float32) -> np.float32:
    """x ** exponent within 2 %, for x from 1e-12 to 1e12, by polynomials in the bits.

    A force needs no more precision, and unlike libm's pow this uses whole vector registers.
    """
    bits = _F(x).view(np.int32)
    m = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    log2 = (_F(-0.0821343) * m + _F(0.649709)) * m + _F(-2.13465)
    log2 = (log2 * m + _F(4.07004)) * m + _F(-2.50296) + _F((bits >> np.int32(23)) - np.int32(127))
    y = exponent * log2
    whole = np.floor(y)
    f = y - whole
    exp2 = ((_F(0.0792043) * f + _F(0.224338)) * f + _F(0.696457)) * f + _F(1)
    scale = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return scale * exp2


@numba.njit(inline="always")
def _attract(
    before: np.ndarray, tails: np.ndarray, pulls: np.ndarray, curve: _Curve, block: _Block
) -> None:
    """Add to the block the pulls [slots, LANES] of the edges to tails [slots, LANES]."""
    a, b, squared, gap = curve.a, curve.b, block.squared, block.gap
    twice = _F(2) * a * b
    for slot in range(len(tails)):
        there, pull = tails[slot], pulls[slot]
        squared[:] = _F(1e-12)
        for c in range(before.shape[1]):
            for lane in range(LANES):
                gap[c, lane] = before[there[lane], c] - block.own[c, lane]
                squared[lane] += gap[c, lane] * gap[c, lane]
        for lane in range(LANES):
            p = _power(squared[lane], b)
            squared[lane] = pull[lane] * twice * p / (squared[lane] * (_F(1) + a * p))
        # A separate loop: merged with the one above, it would run one lane at a time.
        for lane in range(LANES):
            block.stiffness[lane] += squared[lane]
        for c in range(before.shape[1]):
            for lane in range(LANES):
                block.force[c, lane] += squared[lane] * gap[c, lane]


@numba.njit(inline="always")
def _repel(
    before: np.ndarray, others: np.ndarray, push: np.ndarray, curve: _Curve, block: _Block
) -> None:
    """Add to the block the pushes [LANES] away from each of the others [samples]."""
    a, b, squared, gap = curve.a, curve.b, block.squared, block.gap
    for other in others:
        squared[:] = _F(1e-12)
        for c in range(before.shape[1]):
            position = before[other, c]
            for lane in range(LANES):
                gap[c, lane] = position - block.own[c, lane]
                squared[lane] += gap[c, lane] * gap[c, lane]
        for lane in range(LANES):
            p = _power(squared[lane], b)
            squared[lane] = _F(-2) * b / ((_F(0.001) + squared[lane]) * (_F(1) + a * p))
        for c in range(before.shape[1]):
            for lane in range(LANES):
                # One repulsion moves an axis by at most 4, as in umap-learn.
                force = min(_F(4), max(_F(-4), squared[lane] * gap[c, lane]))
                block.force[c, lane] += push[lane] * force


# Python's division can raise, which would keep the loops from using vector registers.
@numba.njit(nogil=True, cache=True, error_model="numpy")
def _move(
    before: np.ndarray,
    after: np.ndarray,
    forces: _Forces,
    curve: _Curve,
    epoch: _Epoch,
    start: int,
    stop: int,
) -> None:
    """Move the blocks start to stop: reads before [n, D], writes after [n, D]."""
    n, dimensions = before.shape
    own, gap, force = np.empty((3, dimensions, LANES), np.float32)
    squared, stiffness = np.empty((2, LANES), np.float32)
    block = _Block(own, gap, squared, force, stiffness)
    others = np.empty(epoch.samples, np.int32)
    for i in range(start, stop):
        first = i * LANES
        for c in range(dimensions):
            for lane in range(LANES):
                own[c, lane] = before[min(first + lane, n - 1), c]
        for draw in range(epoch.samples):
            others[draw] = _draw(epoch.key, i, draw, n)
        force[:], stiffness[:] = _F(0), _F(0)
        slots = slice(forces.starts[i], forces.starts[i + 1])
        _attract(before, forces.tails[slots], forces.pulls[slots], curve, block)
        _repel(before, others, forces.pushes[i], curve, block)
        for c in range(dimensions):
            for lane in range(min(LANES, n - first)):
                step = epoch.rate / (_F(1) + _F(DAMPING) * epoch.rate * stiffness[lane])
                after[first + lane, c] = own[c, lane] + step * force[c, lane]
