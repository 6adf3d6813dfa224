"""Synthetic stored activations of any size, with the skew of real ones.

Latents have log-normal densities (median 3e-4 at 16,384 latents and L0 50), each belongs to one of
64 topics, and each document has eight topics, on which a latent fires eleven times as often.
"""

import json
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import Activations, KeptTokens, TableWriter

DOCUMENT_TOKENS = 512
TOPICS, TOPICS_OF_DOCUMENT = 64, 8
SPREAD = 1.5
DENSEST = 0.25
AT_ONCE = 8 << 20
INSIDE, OUTSIDE = 4.4, 0.4
"""Rates by topic; their mean over documents is (8 x 4.4 + 56 x .4) / 64 = .9."""


def make_activations(folder: Path, latents: int, tokens: int, l0: float) -> None:
    """Write `activations_by_latent.parquet` and `sizes.json`, unless they exist."""
    facts = folder / "sizes.json"
    if facts.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    density = np.exp(rng.normal(0.0, SPREAD, latents))
    for _ in range(8):
        density = np.minimum(density * (l0 / density.sum()), DENSEST)
    topic = rng.integers(0, TOPICS, latents)
    speaks = np.zeros((-(-tokens // DOCUMENT_TOKENS), TOPICS), dtype=np.bool_)
    for row in speaks:
        row[rng.choice(TOPICS, TOPICS_OF_DOCUMENT, replace=False)] = True
    counts = np.zeros(latents, dtype=np.int64)
    with TableWriter(folder, "activations_by_latent") as writer:
        start = 0
        while start < latents:
            cost = np.cumsum(density[start:] * tokens * 1.3 + 64)
            stop = start + max(1, int(np.searchsorted(cost, AT_ONCE)))
            rows = np.empty(int(cost[min(stop, latents) - start - 1] * 2) + 1024, dtype=np.uint32)
            stop = min(stop, latents)
            total = _draw(density, topic, speaks, tokens, start, stop, rows, counts)
            values = rng.gamma(3.0, 0.5, total).astype(np.float32)
            bits = (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
            writer.write(pa.table({"token": rows[:total], "activation": bits + np.float32(2**-10)}))
            start = stop
    np.save(folder / "counts.npy", counts)
    facts.write_text(json.dumps({"latents": latents, "tokens": tokens, "l0": l0}))


@numba.njit(cache=True)
def _draw(
    density: npt.NDArray[np.float64],
    topic: npt.NDArray[np.int64],
    speaks: npt.NDArray[np.bool_],
    tokens: int,
    start: int,
    stop: int,
    rows: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.int64],
) -> int:
    """Write ascending token rows of latents start..stop-1 (one seed each); return their number."""
    total = 0
    for latent in range(start, stop):
        np.random.seed(latent)
        first, row = total, -1.0
        # Draw with the larger rate, then thin out tokens of documents without the topic.
        highest = min(density[latent] * INSIDE, 0.9)
        while True:
            row += 1.0 + np.floor(np.log(1.0 - np.random.random()) / np.log1p(-highest))
            if row >= tokens or total == len(rows):
                break
            inside = speaks[np.int64(row) // DOCUMENT_TOKENS, topic[latent]]
            if inside or np.random.random() < OUTSIDE / INSIDE:
                rows[total] = np.uint32(row)
                total += 1
        counts[latent] = total - first
    return total


def open_activations(folder: Path) -> tuple[Activations, KeptTokens]:
    """The activations, and their documents with every token kept."""
    sizes = json.loads((folder / "sizes.json").read_text())
    tokens = int(sizes["tokens"])
    document = np.arange(tokens) // DOCUMENT_TOKENS
    activations = Activations(
        folder, np.cumsum(np.load(folder / "counts.npy")), np.zeros(tokens, dtype=np.int64)
    )
    return activations, KeptTokens.of(document, np.ones(tokens, dtype=np.bool_))
