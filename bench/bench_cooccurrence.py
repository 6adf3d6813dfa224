"""Counting every pair and keeping the strongest, against scipy and against a dense product.

    python -m bench.bench_cooccurrence against [--latents 16384] [--tokens 100000] [--l0 50]
    python -m bench.bench_cooccurrence full --latents 1048576 --tokens 1000000 --l0 70
    python -m bench.bench_cooccurrence click --latents 65536 --tokens 10000000 --l0 40

`against` runs each method in a separate process, alternately, and prints medians of CPU time and of
private memory in excess of the loaded activations. The methods are ours (counts, and the 32
strongest partners by five measures); X'X in scipy, with the same partners taken from its rows; and
the method of sae_cooccurrence, a dense float32 product per 4,096 tokens, without partners and only
on one batch of tokens. `full` is the whole step of a build. `click` is the table of one pair and
one matrix of 500 latents from disk. A pair is an unordered pair of latents that are active on one
token.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import scipy.sparse

from analysis.cooccurrence.association import MEASURES, TwoByTwo
from analysis.cooccurrence.incidence import open_incidence, write_incidences
from analysis.cooccurrence.joint import joint_matrix, pair_table
from analysis.cooccurrence.partners import PartnerCount
from analysis.cooccurrence.strongest import Ranking, strongest_partners
from bench.synthetic import make_activations, open_activations

ROUNDS = 3
KEPT, MINIMUM = 32, 10
BATCH = 4_096
RANKED = ("phi", "jaccard", "npmi", "p_a_given_b", "joint")


@contextmanager
def own_memory() -> Iterator[list[int]]:
    """Peak private memory in bytes, sampled every 5 ms, minus the memory at the start.

    Mapped files are excluded, because the system frees their pages when memory is needed.
    """
    status, most = Path("/proc/self/status"), [0]
    stop = Event()

    def private() -> int:
        line = next(line for line in status.read_text().splitlines() if "RssAnon" in line)
        return int(line.split()[1]) * 1024

    def watch() -> None:
        while not stop.wait(0.005):
            most[0] = max(most[0], private() - before)

    before = private()
    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        stop.set()
        watcher.join()


def ours(incidence_folder: Path) -> None:
    """Counts and partners of every latent."""
    incidence = open_incidence(incidence_folder)
    for start in range(0, len(incidence.counts), 16_384):
        stop = min(start + 16_384, len(incidence.counts))
        strongest_partners(incidence, start, stop, Ranking(KEPT, MINIMUM))


def by_scipy(incidence_folder: Path) -> None:
    """X'X as a sparse product, then the same partners from each of its rows."""
    incidence = open_incidence(incidence_folder)
    F, n = len(incidence.counts), len(incidence.unit_ends) - 1
    ones = np.ones(len(incidence.ranks), dtype=np.int32)
    X = scipy.sparse.csr_array(
        (ones, incidence.ranks.astype(np.int32), incidence.unit_ends), (n, F)
    )
    product = (X.T.tocsr() @ X).tocsr()
    counts = incidence.counts[incidence.latent_of_rank]
    for a in range(F):
        span = slice(product.indptr[a], product.indptr[a + 1])
        others, joint = product.indices[span], product.data[span].astype(np.int64)
        table = TwoByTwo.from_margins(joint, np.full(len(joint), counts[a]), counts[others], n)
        for name in RANKED:
            score = MEASURES[name].of(table)
            if len(score) > KEPT:
                np.argpartition(-score, KEPT)[:KEPT]


def dense(incidence_folder: Path) -> None:
    """One batch of tokens as a dense float32 matrix, multiplied with itself."""
    incidence = open_incidence(incidence_folder)
    F = len(incidence.counts)
    counts = np.zeros((F, F), dtype=np.float32)
    X = np.zeros((BATCH, F), dtype=np.float32)
    ends = incidence.unit_ends
    for row in range(BATCH):
        X[row, incidence.ranks[ends[row] : ends[row + 1]]] = 1
    counts += X.T @ X


WAYS: dict[str, Callable[[Path], None]] = {"ours": ours, "scipy": by_scipy, "dense": dense}


def run_one(way: str, folder: Path) -> None:
    """Print CPU seconds, wall seconds and memory of one method, in this process."""
    incidence = open_incidence(folder)
    if way == "ours":  # load the compiled kernels from disk first
        strongest_partners(incidence, 0, 1, Ranking(KEPT, MINIMUM))
    _ = int(incidence.ranks.sum(dtype=np.int64)) + int(incidence.units.sum(dtype=np.int64))
    with own_memory() as most:
        cpu, wall = time.process_time(), time.perf_counter()
        WAYS[way](folder)
        took = time.process_time() - cpu, time.perf_counter() - wall
    sys.stdout.write(json.dumps([*took, most[0]]) + "\n")


def pairs_of(folder: Path, rows: int | None = None) -> float:
    """Number of unordered pairs of latents on one token, over the first `rows` tokens."""
    sizes = np.diff(open_incidence(folder).unit_ends)[:rows].astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())


def against(data: Path, work: Path) -> None:
    """Interleaved medians of every method, and ratios to ours."""
    activations, kept = open_activations(data)
    write_incidences(activations, kept.units("token"), work, thresholds=[0.0])
    folder, F = work / "0", len(activations.latent_ends)
    ways = [way for way in WAYS if way != "dense" or F <= 16_384]
    measurements: dict[str, list[list[float]]] = {way: [] for way in ways}
    for turn in range(ROUNDS):
        for way in ways:
            if way == "dense" and turn:
                continue
            command = [sys.executable, "-m", "bench.bench_cooccurrence", "one", "--way", way]
            done = subprocess.run(
                [*command, "--folder", str(folder)], check=True, capture_output=True, text=True
            )
            measurements[way].append(json.loads(done.stdout.splitlines()[-1]))
    say(f"{F:,} latents, {kept.total:,} tokens, {pairs_of(folder) / 1e6:,.0f} M pairs")
    medians = {
        way: [statistics.median(v) for v in zip(*measurements[way], strict=True)] for way in ways
    }
    for way, (cpu, wall, memory) in medians.items():
        per_pair = cpu / pairs_of(folder, BATCH if way == "dense" else None) * 1e9
        ratio = per_pair / (medians["ours"][0] / pairs_of(folder) * 1e9)
        more = memory / max(medians["ours"][2], 1 << 20)
        say(
            f"{way:<8}{cpu:9.2f} s CPU {wall:9.2f} s wall {per_pair:10.1f} ns/pair "
            f"(x {ratio:7.1f}) {memory / 2**20:9,.0f} MiB (x {more:.1f})"
        )


def full(data: Path, work: Path) -> None:
    """The build's whole step: layout, counts, partners, documents, cosines, the table."""
    activations, kept = open_activations(data)
    count = PartnerCount(work, Ranking(KEPT, MINIMUM))
    parts: dict[str, tuple[float, float]] = {}

    def timed(name: str, run: Callable[[], Any]) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        before = parts.get(name, (0.0, 0.0))
        parts[name] = (
            before[0] + time.process_time() - cpu,
            before[1] + time.perf_counter() - wall,
        )

    with own_memory() as most:
        timed("layout", lambda: count.prepare(activations, kept))
        tokens = count.tokens
        timed("compile", lambda: strongest_partners(tokens, 0, 1, count.ranking))
        for span in count.blocks():
            timed("count", partial(strongest_partners, tokens, *span, count.ranking))
        for block in range(len(count.blocks())):
            timed("blocks", partial(count.make, block))
        timed("table", lambda: count.write_table(work))
    pairs = pairs_of(work / "tokens" / "0")
    say(f"{len(tokens.counts):,} latents, {kept.total:,} tokens, {pairs / 1e6:,.0f} M pairs")
    for name, (cpu, wall) in parts.items():
        say(f"{name:<8}{cpu:9.1f} s CPU {wall:9.1f} s wall {cpu / pairs * 1e9:8.1f} ns/pair")
    say(f"peak private memory: {most[0] / 2**30:.2f} GiB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(f"peak resident memory, with mapped files: {peak / 2**20:.2f} GiB")


def click(data: Path, work: Path) -> None:
    """The table of one pair and the matrix of 500 latents, from disk; medians of many runs."""
    activations, kept = open_activations(data)
    rng = np.random.default_rng(1)
    F = len(activations.latent_ends)
    pair_table(activations, 0, 1, kept.total)
    joint_matrix(activations, np.arange(3))
    took = []
    for _ in range(200):
        a, b = rng.choice(F, 2, replace=False)
        began = time.perf_counter()
        pair_table(activations, int(a), int(b), kept.total)
        took.append(time.perf_counter() - began)
    stored = activations.latent_ends[-1] / 1e6
    say(f"{F:,} latents, {kept.total:,} tokens, {stored:,.0f} M activations")
    say(f"pair: median {statistics.median(took) * 1e3:.1f} ms, slowest {max(took) * 1e3:.1f} ms")
    matrices = []
    for _ in range(5):
        chosen = rng.choice(F, 500, replace=False)
        began = time.perf_counter()
        joint_matrix(activations, chosen)
        matrices.append(time.perf_counter() - began)
    say(f"matrix of 500: median {statistics.median(matrices):.2f} s, slowest {max(matrices):.2f} s")


def say(line: str) -> None:
    """Print a line without buffering."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run one of the comparisons."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["against", "full", "click", "one"])
    parser.add_argument("--latents", type=int, default=16_384)
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--l0", type=float, default=50)
    parser.add_argument("--way", choices=list(WAYS))
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.what == "one":
        run_one(given.way, given.folder)
        return
    data = Path(tempfile.gettempdir()) / f"clearwater-{given.latents}-{given.tokens}-{given.l0:g}"
    make_activations(data, given.latents, given.tokens, given.l0)
    work = Path(tempfile.mkdtemp(prefix="clearwater-bench-"))
    try:
        {"against": against, "full": full, "click": click}[given.what](data, work)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
