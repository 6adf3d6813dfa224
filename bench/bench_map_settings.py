"""Ways to make the map of a decoder more faithful, on the SAE and the live latents of a bundle.

    .venv/bin/python -m bench.bench_map_settings [--bundle BUNDLE] [--sae SAE] [--ways NAME ...]
        [--results FILE]

Every way lays the latents out with three seeds. Prints kNN recall@10 and trustworthiness against
the cosines of the decoder as it is, whatever the way computes its own neighbours from; the
agreement of the seeds; and the CPU seconds of one map. Results are appended to FILE, and a second
run does only what FILE lacks.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from analysis.bundle import open_bundle
from analysis.decoder import umap_embedding
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.map_quality import (
    QUALITY_NEIGHBOURS,
    knn_recall,
    map_neighbours,
    shared_fraction,
    trustworthiness,
)
from analysis.decoder.umap_embedding import embed, fuzzy_graph, start_positions
from analysis.decoder.umap_map import MIN_DIST, SAMPLES, SEEDS
from analysis.decoder.vectors import unit_rows
from analysis.saes import load_sae

DEMO = Path("data/demo")
SAE = "data/sae/smollm2-135m-blocks.12.hook_resid_post"


@dataclass(frozen=True)
class Way:
    """How a map is laid out; the defaults are those of a build."""

    centred: bool = False
    """Whether the mean of the unit rows is subtracted before cosines are taken."""
    neighbours: int = umap_embedding.NEIGHBOURS
    """As umap-learn counts them: with the latent itself."""
    power: float = umap_embedding.COSINE_POWER
    min_dist: float = MIN_DIST
    samples: int = SAMPLES
    epochs: int | None = None


WAYS: dict[str, Way] = {
    "as built": Way(),
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
}


@contextmanager
def constants(way: Way) -> Iterator[None]:
    """Use the numbers of a way in the embedding."""
    before = umap_embedding.NEIGHBOURS, umap_embedding.COSINE_POWER
    umap_embedding.NEIGHBOURS, umap_embedding.COSINE_POWER = way.neighbours, way.power
    try:
        yield
    finally:
        umap_embedding.NEIGHBOURS, umap_embedding.COSINE_POWER = before


def measured(W_dec: np.ndarray, way: Way, truth: NeighbourGraph) -> dict[str, float]:
    """The quality of the maps of W_dec [n, d]; `truth` are the neighbours by its cosines."""
    everyone = np.ones(len(W_dec), dtype=bool)
    vectors = W_dec
    if way.centred:
        vectors = unit_rows(W_dec)
        vectors = vectors - vectors.mean(axis=0)
    maps = []
    with constants(way):
        graph = decoder_graph(vectors, eligible=everyone, k=way.neighbours)
        fuzzy = fuzzy_graph(graph, everyone)
        start = start_positions(vectors, fuzzy.latents, 2)
        started = time.process_time()
        for seed in range(SEEDS):
            maps.append(
                embed(
                    start,
                    fuzzy,
                    min_dist=way.min_dist,
                    seed=seed,
                    epochs=way.epochs,
                    samples=way.samples,
                )
            )
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
    active = open_bundle(options.bundle).latents["active_tokens"].to_numpy() > 0
    W_dec = load_sae(options.sae).W_dec.float().numpy()[active]
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
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON lines, appended")
    main(parser.parse_args())
