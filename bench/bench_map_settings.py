"""Ways to make the map of a decoder more faithful, on the SAE and the live latents of a bundle.

    .venv/bin/python -m bench.bench_map_settings [--bundle BUNDLE] [--sae SAE] [--planted N]
        [--ways NAME ...] [--results FILE]

With `--planted N` the decoder is that of `bench_map`: N latents of width 256 in groups and
families, a fifth of them isotropic.

Every way lays the latents out with three seeds. Prints kNN recall@10 and trustworthiness against
the cosines of the decoder as it is, whatever the way computes its own neighbours from; the
agreement of the seeds; and the CPU seconds of one map. Results are appended to FILE, and a second
run does only what FILE lacks.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from analysis.bundle import open_bundle
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.map_quality import (
    QUALITY_NEIGHBOURS,
    knn_recall,
    map_neighbours,
    shared_fraction,
    trustworthiness,
)
from analysis.decoder.umap_embedding import (
    COSINE_POWER,
    NEIGHBOURS,
    embed,
    fuzzy_graph,
    start_positions,
)
from analysis.decoder.umap_map import MIN_DIST, SAMPLES, SEEDS
from analysis.decoder.vectors import unit_rows
from analysis.saes import load_sae
from bench.bench_map import planted

DEMO = Path("data/demo")
PLANTED_WIDTH = 256
SAE = "data/sae/smollm2-135m-blocks.8.hook_resid_post"


@dataclass(frozen=True)
class Way:
    """How a map is laid out; the defaults are those of the clusters.

    A build has 8 neighbours and cosine^2.
    """

    centred: bool = False
    """Whether the mean of the unit rows is subtracted before cosines are taken."""
    neighbours: int = NEIGHBOURS
    """As umap-learn counts them: with the latent itself."""
    power: float = COSINE_POWER
    min_dist: float = MIN_DIST
    samples: int = SAMPLES
    epochs: int | None = None


WAYS: dict[str, Way] = {
    "15 neighbours, cosine^.75": Way(),
    "mean removed": Way(centred=True),
    "8 neighbours": Way(neighbours=8),
    "11 neighbours": Way(neighbours=11),
    "30 neighbours": Way(neighbours=30),
    "mean removed, 11 neighbours": Way(centred=True, neighbours=11),
    "mean removed, 30 neighbours": Way(centred=True, neighbours=30),
    "min_dist 0": Way(min_dist=0.0),
    "min_dist .2": Way(min_dist=0.2),
    "cosine^0": Way(power=0.0),
    "cosine^2": Way(power=2.0),
    "50 negative samples": Way(samples=50),
    "2,000 epochs": Way(epochs=2_000),
    "mean removed, cosine^2": Way(centred=True, power=2.0),
    "cosine^3": Way(power=3.0),
    "cosine^4": Way(power=4.0),
    "cosine^6": Way(power=6.0),
    "cosine^8": Way(power=8.0),
    "cosine^4, 11 neighbours": Way(power=4.0, neighbours=11),
    "cosine^4, min_dist 0": Way(power=4.0, min_dist=0.0),
    "cosine^2, 11 neighbours": Way(power=2.0, neighbours=11),
    "cosine^2, 8 neighbours": Way(power=2.0, neighbours=8),
    "cosine^2, min_dist 0": Way(power=2.0, min_dist=0.0),
}


def measured(W_dec: np.ndarray, way: Way, truth: NeighbourGraph) -> dict[str, float]:
    """The quality of the maps of W_dec [n, d]; `truth` are the neighbours by its cosines."""
    everyone = np.ones(len(W_dec), dtype=bool)
    vectors = W_dec
    if way.centred:
        vectors = unit_rows(W_dec)
        vectors = vectors - vectors.mean(axis=0)
    graph = decoder_graph(vectors, eligible=everyone, k=way.neighbours)
    fuzzy = fuzzy_graph(graph, everyone, neighbours=way.neighbours, power=way.power)
    start = start_positions(vectors, fuzzy.latents, 2)
    started = time.process_time()
    maps = [
        embed(
            start,
            fuzzy,
            min_dist=way.min_dist,
            seed=seed,
            epochs=way.epochs,
            samples=way.samples,
        )
        for seed in range(SEEDS)
    ]
    seconds = (time.process_time() - started) / SEEDS
    rows = np.arange(len(W_dec))
    near = [map_neighbours(points, rows, QUALITY_NEIGHBOURS) for points in maps]
    pairs = [shared_fraction(a, b).mean() for a, b in combinations(near, 2)]
    recalls = [knn_recall(one, truth.neighbours).mean() for one in near]
    return {
        "recall": float(np.mean(recalls)),
        "trustworthiness": trustworthiness(W_dec, rows, maps[0], 0) or 0.0,
        "agreement": float(np.mean(pairs)),
        "seconds": seconds,
    }


def table(results: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """A Markdown row for every way."""
    yield "| way | kNN recall@10 | trustworthiness | agreement of seeds | CPU s of a map |"
    yield "|---|---|---|---|---|"
    for name, row in results.items():
        yield (
            f"| {name} | {row['recall']:.3f} | {row['trustworthiness']:.3f} "
            f"| {row['agreement']:.3f} | {row['seconds']:.0f} |"
        )


def main(options: argparse.Namespace) -> None:
    """Measure the ways that the file of results lacks, and print the table."""
    results: dict[str, dict[str, float]] = {}
    if options.results is not None and options.results.exists():
        for line in options.results.read_text().splitlines():
            row = json.loads(line)
            results[row.pop("way")] = row
    if options.planted is None:
        active = open_bundle(options.bundle).latents["active_tokens"].to_numpy() > 0
        W_dec = load_sae(options.sae).W_dec.float().numpy()[active]
    else:
        W_dec, _ = planted(options.planted, PLANTED_WIDTH)
    truth = decoder_graph(W_dec, eligible=np.ones(len(W_dec), dtype=bool), k=QUALITY_NEIGHBOURS)
    for name in options.ways:
        if name not in results:
            results[name] = measured(W_dec, WAYS[name], truth)
            print(name, results[name], flush=True)
            if options.results is not None:
                with options.results.open("a") as sink:
                    sink.write(json.dumps({"way": name, **results[name]}) + "\n")
    print(f"{len(W_dec):,} latents, {SEEDS} seeds", *table(results), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=DEMO)
    parser.add_argument("--sae", default=SAE)
    parser.add_argument("--planted", type=int, metavar="N")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON lines, appended")
    main(parser.parse_args())
