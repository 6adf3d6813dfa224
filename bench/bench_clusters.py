"""Clusters of planted worlds and of pure noise, beside other methods.

    .venv/bin/python -m bench.bench_clusters [--worlds NAME ...] [--seeds N] [--noise N] [--draws N]

Planted decoders and planted co-occurrence, each clustered as a build does, with null draws. Prints
the adjusted Rand index of the level that is shown first against the planted clusters, among their
members; the share of the other latents that are in a cluster; and the share of clusters that are
believable. Beside it: HDBSCAN on a 10-D UMAP (Bricken et al. 2023), and Leiden on the same graph.
`--noise N` draws N decoders of pure noise of each shape and counts those with a believable cluster.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fast_hdbscan
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import adjusted_rand_score
from sknetwork.clustering import Leiden
from umap import UMAP

from analysis.bundle import Activations, KeptTokens, Parameters, kept_tokens
from analysis.clusters.clustering import Clustering, assemble, cluster
from analysis.clusters.null_draws import Graph, NullDraws, moment_root, noise_vectors
from analysis.cooccurrence.shift_graph import shift_graph
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.umap_embedding import fuzzy_graph
from analysis.harvest.imported import import_activations
from analysis.harvest.store import write_activation_tables

NEIGHBOURS = 30
NOISE = ((1_000, 256), (1_000, 16), (160, 24), (2_000, 8))
"""Latents and width."""
TOKENS_OF_DOCUMENT = 200


def _unit(rng: np.random.Generator, rows: int, width: int = 256) -> np.ndarray:
    drawn = rng.standard_normal((rows, width), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


Planted = tuple[np.ndarray, np.ndarray]
"""A decoder [latents, width] and the cluster of each latent, -1 for none."""


def sizes(rng: np.random.Generator, isotropic: float = 0.0) -> Planted:
    """47 clusters of 3 to 2,000 latents; `isotropic` is the share of other latents."""
    truth = np.repeat(np.arange(47), np.round(np.geomspace(3, 2_000, 47)).astype(int))
    rows = np.sqrt(0.5) * (_unit(rng, 47)[truth] + _unit(rng, len(truth)))
    others = round(len(truth) * isotropic / (1 - isotropic))
    return np.vstack([rows, _unit(rng, others)]), np.append(truth, np.full(others, -1))


def loose(rng: np.random.Generator, others: int = 1_000) -> Planted:
    """40 groups of 25 with a cosine of .25 to .6 inside, and as many isotropic latents."""
    truth = np.repeat(np.arange(40), 25)
    cosine = rng.uniform(0.25, 0.6, 40).astype(np.float32)[truth, None]
    rows = np.sqrt(cosine) * _unit(rng, 40)[truth] + np.sqrt(1 - cosine) * _unit(rng, 1_000)
    return np.vstack([rows, _unit(rng, others)]), np.append(truth, np.full(others, -1))


def anisotropic(rng: np.random.Generator) -> Planted:
    """40 groups of 25 in a space whose axes differ in length."""
    truth = np.repeat(np.arange(40), 25)
    rows = (_unit(rng, 40)[truth] + _unit(rng, 1_000)) / np.sqrt(1 + np.arange(256))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), truth


def antipodal(rng: np.random.Generator) -> Planted:
    """20 pairs of groups of 25 with opposite centres."""
    centres = _unit(rng, 20)
    truth = np.repeat(np.arange(40), 25)
    return np.sqrt(0.5) * (np.vstack([centres, -centres])[truth] + _unit(rng, 1_000)), truth


def nested(rng: np.random.Generator) -> Planted:
    """20 groups of 25 in four families."""
    families = np.repeat(_unit(rng, 4), 5, axis=0)
    centres = 0.8 * families + _unit(rng, 20)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    truth = np.repeat(np.arange(20), 25)
    return np.sqrt(0.5) * (centres[truth] + _unit(rng, 500)), truth


DECODERS: dict[str, Callable[[np.random.Generator], Planted]] = {
    "sizes 3 to 2,000": sizes,
    "sizes, 60 % isotropic": lambda rng: sizes(rng, 0.6),
    "loose, half noise": loose,
    "anisotropic": anisotropic,
    "antipodal": antipodal,
    "nested": nested,
}


def clustered(W_dec: np.ndarray, draws: int | None) -> Clustering:
    """Cluster a decoder [F, d] as a build does."""
    everyone = np.ones(len(W_dec), dtype=bool)
    nulls = NullDraws.of("decoder", everyone, 0, draws)
    root = moment_root(W_dec, nulls.latents)

    def graph_of(draw: int) -> Graph:
        count = len(nulls.latents)
        vectors = W_dec[nulls.latents] if draw < 0 else noise_vectors(root, count, [0, draw])
        return decoder_graph(vectors, eligible=np.ones(count, bool), k=NEIGHBOURS), vectors

    with tempfile.TemporaryDirectory() as folder:
        rows = nulls.run(graph_of, Path(folder), seed=0, minimum_cluster=5, epochs=None)
    graph = decoder_graph(W_dec, eligible=everyone, k=NEIGHBOURS)
    return assemble([cluster("decoder", graph, everyone, W_dec, nulls=(nulls, rows))], len(W_dec))


def together(rng: np.random.Generator, folder: Path) -> tuple[Activations, KeptTokens, np.ndarray]:
    """Clusters of 3 to 300 latents that fire together, and as many independent ones.

    Documents have topics, of which a few are frequent (Zipf). A cluster fires on the events of its
    topic, each member on four of five; the independent latents are bursty by document.
    """
    truth = np.repeat(np.arange(30), np.round(np.geomspace(3, 300, 30)).astype(int))
    truth = np.append(truth, np.full(len(truth), -1))
    documents = 600
    weight = 1 / np.arange(1, 31)
    rows, latents = [], []
    for document in range(documents):
        first = document * TOKENS_OF_DOCUMENT
        for topic in rng.choice(30, 3, replace=False, p=weight / weight.sum()):
            events = first + rng.choice(TOKENS_OF_DOCUMENT, 8, replace=False)
            for member in np.flatnonzero(truth == topic):
                fires = events[rng.random(8) < 0.8]
                rows.append(fires)
                latents.append(np.full(len(fires), member))
        for bursty in np.flatnonzero(truth < 0):
            count = rng.poisson(rng.gamma(0.3, 2.0))
            fires = first + rng.choice(TOKENS_OF_DOCUMENT, min(count, 50), replace=False)
            rows.append(fires)
            latents.append(np.full(len(fires), bursty))
    row: np.ndarray = np.concatenate(rows)
    latent: np.ndarray = np.concatenate(latents)
    order = np.lexsort((latent, row))
    in_order, own = row[order], latent[order].astype(np.int32)
    every = np.arange(documents * TOKENS_OF_DOCUMENT)
    tokens = pa.table(
        {
            "document": every // TOKENS_OF_DOCUMENT,
            "position": (every % TOKENS_OF_DOCUMENT).astype(np.int32),
            "token": ["word"] * len(every),
        }
    )
    pq.write_table(tokens, folder / "tokens.parquet")
    active = tokens.take(pa.array(in_order)).append_column("latent", pa.array(own))
    values = pa.array(np.ones(len(own), np.float32))
    pq.write_table(active.append_column("activation", values), folder / "activations.parquet")
    shards, tables = folder / "shards", folder / "tables"
    shards.mkdir()
    tables.mkdir()
    import_activations(
        folder / "activations.parquet", folder / "tokens.parquet", len(truth), shards,
        parameters=Parameters(),
    )  # fmt: skip
    return write_activation_tables(shards, tables, len(truth)), kept_tokens(tables), truth


def clustered_together(
    activations: Activations, kept: KeptTokens, folder: Path, draws: int | None
) -> tuple[Clustering, NeighbourGraph]:
    """Cluster by co-occurrence as a build does."""
    eligible = activations.latent_counts > 0
    nulls = NullDraws.of("cooccurrence", eligible, 0, draws)

    def graph_of(draw: int) -> Graph:
        return (
            shift_graph(
                activations, kept, nulls.latents, folder / "joint", k=NEIGHBOURS,
                shift=None if draw < 0 else draw,
            ),
            None,
        )  # fmt: skip

    rows = nulls.run(graph_of, folder / "nulls", seed=0, minimum_cluster=5, epochs=None)
    graph, _ = graph_of(-1)
    graph = graph.spread(nulls.latents, len(eligible))
    found = cluster("cooccurrence", graph, eligible, nulls=(nulls, rows))
    return assemble([found], len(eligible)), graph


def hdbscan_on_umap(W_dec: np.ndarray) -> np.ndarray:
    """Bricken et al. 2023: HDBSCAN with clusters of 3 or more, on a 10-D UMAP by cosine."""
    points = UMAP(n_components=10, metric="cosine", min_dist=0.1, random_state=0).fit_transform(
        W_dec
    )
    return np.asarray(fast_hdbscan.HDBSCAN(min_cluster_size=3).fit_predict(points))


def leiden(graph: NeighbourGraph) -> np.ndarray:
    """Leiden at resolution 1 on UMAP's graph of 15 neighbours; every latent is in a cluster."""
    everyone = np.ones(len(graph.neighbours), dtype=bool)
    fuzzy = fuzzy_graph(graph.among(everyone, 15), everyone)
    labels = np.full(len(everyone), -1)
    labels[fuzzy.latents] = Leiden(random_state=0).fit_predict(fuzzy.weights.tocsr())
    return labels


def report(name: str, way: str, labels: np.ndarray, truth: np.ndarray, more: str = "") -> None:
    """Print the scores of one clustering [F]; noise counts as clusters of one."""
    single = np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)
    inside = truth >= 0
    score = adjusted_rand_score(truth[inside], single[inside])
    others = f"{(labels[~inside] >= 0).mean():.2f}" if (~inside).any() else "-"
    count = len(np.unique(labels[labels >= 0]))
    print(f"{name:24} {way:18} ARI {score:.3f}  others clustered {others:>4}  {count:5} {more}")


def _shown(found: Clustering) -> tuple[np.ndarray, str]:
    (column,) = found.shown
    first = next(level for level in found.levels if level.shown_first)
    rows = found.clusters.to_pandas()
    rows = rows[rows["level"] == first.level]
    believable = rows["believable"].astype(float).mean()
    return found.shown[column], (
        f"clusters, {believable:.0%} believable, stability {first.stability:.2f} "
        f"(null {first.null_stability:.2f})"
    )


def main(worlds: list[str], seeds: int, noise: int, draws: int | None) -> None:
    """Print a line for every world, seed and way, then the noise runs."""
    for seed in range(100, 100 + seeds):
        for name in worlds:
            rng = np.random.default_rng(seed)
            started = time.perf_counter()
            if name == "co-occurrence":
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary)
                    activations, kept, truth = together(rng, folder)
                    found, graph = clustered_together(activations, kept, folder, draws)
            else:
                W_dec, truth = DECODERS[name](rng)
                found = clustered(W_dec, draws)
                everyone = np.ones(len(W_dec), dtype=bool)
                graph = decoder_graph(W_dec, eligible=everyone, k=NEIGHBOURS)
            labels, more = _shown(found)
            more += f", {time.perf_counter() - started:.0f} s"
            report(f"{name}, seed {seed}", "Clearwater", labels, truth, more)
            report(f"{name}, seed {seed}", "Leiden", leiden(graph), truth)
            if name != "co-occurrence" and len(W_dec) <= 20_000:
                report(f"{name}, seed {seed}", "HDBSCAN, 10-D UMAP", hdbscan_on_umap(W_dec), truth)
    for latents, width in NOISE if noise else ():
        runs = [
            clustered(_unit(np.random.default_rng(1_000 + run), latents, width), draws).clusters
            for run in range(noise)
        ]
        clean = sum(not any(rows["believable"].to_pylist()) for rows in runs)
        print(f"noise {latents:,} x {width}: no believable cluster in {clean} of {noise} runs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    every = [*DECODERS, "co-occurrence"]
    parser.add_argument("--worlds", nargs="*", choices=every, default=every)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise", type=int, default=20)
    parser.add_argument("--draws", type=int, help="null draws; by default as many as a build has")
    options = parser.parse_args()
    main(options.worlds, options.seeds, options.noise, options.draws)
