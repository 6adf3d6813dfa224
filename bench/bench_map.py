"""Time and quality of the graph, map and clusters of a planted decoder, against umap-learn.

    .venv/bin/python -m bench.bench_map [--latents N] [--width D] [--rounds R] [--without-umap]

Groups of 25 latents in families, with a cosine of .25 to .6 inside a group and a fifth of the
latents isotropic. Each method runs in a separate process, interleaved, after a warm-up on few
latents that compiles the kernels. Prints the median seconds of each part, the ratio (targets: at
most 0.7 at 16,384 x 768, at most 0.5 at 65,536 x 768), trustworthiness for 10 neighbours by cosine,
the finest level's adjusted Rand index against the planted groups, and peak memory. The two maps
that are drawn for the agreement of seeds are timed separately.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score
from umap import UMAP

from analysis.clusters.clustering import Clustering, assemble, cluster
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.map_quality import trustworthiness
from analysis.decoder.umap_map import decoder_map

Result = dict[str, float]
WARM_UP = 5_000
"""Above 4,096 latents umap-learn no longer compares all pairs, and compiles a search."""
MEMBERS = 25
ISOTROPIC = 0.2
PARTS = ("graph", "layout", "clusters")


def planted(latents: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Decoder float32 [latents, width] in random order, and the group of each latent, -1 = none."""
    rng = np.random.default_rng(0)

    def unit(rows: int) -> np.ndarray:
        drawn = rng.standard_normal((rows, width), dtype=np.float32)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    inside = round(latents * (1 - ISOTROPIC))
    groups = max(2, inside // MEMBERS)
    families = unit(max(2, groups // 16))
    centres = 0.6 * families[rng.integers(len(families), size=groups)] + unit(groups)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    truth = np.full(latents, -1)
    truth[:inside] = np.arange(inside) % groups
    cosine = rng.uniform(0.25, 0.6, groups).astype(np.float32)[truth[:inside], None]
    W_dec = unit(latents)
    W_dec[:inside] *= np.sqrt(1 - cosine)
    W_dec[:inside] += np.sqrt(cosine) * centres[truth[:inside]]
    order = rng.permutation(latents)
    return W_dec[order], truth[order]


def ours(W_dec: np.ndarray, truth: np.ndarray) -> Result:
    """Seconds of each part, and quality measures of the result."""
    everyone = np.ones(len(W_dec), dtype=bool)
    seconds, graph = _timed(lambda: decoder_graph(W_dec, eligible=everyone))
    measured: Result = {"graph": seconds, "recall of the graph": graph.recall}
    measured["layout"], drawn = _timed(lambda: decoder_map(W_dec, graph, everyone, seeds=1))
    measured["clusters"], clustering = _timed(lambda: _clustered(W_dec, graph, everyone))
    measured["two more maps"], _ = _timed(
        lambda: decoder_map(W_dec, graph, everyone, seed=1, seeds=2)
    )
    measured["seconds"] = sum(measured[part] for part in PARTS)
    measured["trustworthiness"] = drawn.quality.trustworthiness or 0.0
    measured["clusters found"] = clustering.levels[0].clusters
    measured["stability"] = clustering.levels[0].stability
    inside = truth >= 0
    measured["adjusted Rand index"] = adjusted_rand_score(
        truth[inside], clustering.shown["cluster"][inside]
    )
    return measured


def _clustered(W_dec: np.ndarray, graph: NeighbourGraph, everyone: np.ndarray) -> Clustering:
    return assemble([cluster("decoder", graph, everyone, W_dec)], len(W_dec))


def umap_learn(W_dec: np.ndarray, truth: np.ndarray) -> Result:
    """Seconds of umap-learn's seeded default by cosine, and its trustworthiness."""
    del truth
    seconds, points = _timed(lambda: UMAP(metric="cosine", random_state=0).fit_transform(W_dec))
    everyone = np.arange(len(W_dec))
    trusted = trustworthiness(W_dec, everyone, np.asarray(points, dtype=np.float32), 0)
    return {"seconds": seconds, "trustworthiness": trusted or 0.0}


WAYS = {"ours": ours, "umap-learn": umap_learn}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _run_alone(way: str, latents: int, width: int) -> Result:
    """Run one method in a separate process."""
    command = [sys.executable, "-m", "bench.bench_map", "--way", way]
    command += ["--latents", str(latents), "--width", str(width)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: Result = json.loads(done.stdout.splitlines()[-1])
    return measured


def _report_one(way: str, latents: int, width: int) -> None:
    """Print the measurements of one method as JSON."""
    WAYS[way](*planted(WARM_UP, width))
    measured = WAYS[way](*planted(latents, width))
    measured["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps(measured))


def main(latents: int, width: int, rounds: int, ways: list[str]) -> None:
    """Print the medians of every method, and the ratio of seconds."""
    runs: dict[str, list[Result]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            runs[way].append(_run_alone(way, latents, width))
    medians = {
        way: {name: statistics.median(run[name] for run in some) for name in some[0]}
        for way, some in runs.items()
    }
    for way, measured in medians.items():
        print(f"{way}, {latents:,} x {width}")
        for name, value in measured.items():
            print(f"  {name:<20} {value:12,.3f}")
    if "umap-learn" in medians:
        ratio = medians["ours"]["seconds"] / medians["umap-learn"]["seconds"]
        print(f"ratio of seconds {ratio:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latents", type=int, default=16_384)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--without-umap", action="store_true", help="for sizes where it is too slow"
    )
    parser.add_argument("--way", choices=sorted(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        _report_one(options.way, options.latents, options.width)
    else:
        ways = ["ours"] if options.without_umap else list(WAYS)
        main(options.latents, options.width, options.rounds, ways)
