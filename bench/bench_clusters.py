"""Clusters of planted worlds and of pure noise, beside other methods.

    .venv/bin/python -m bench.bench_clusters [--worlds NAME ...] [--seeds N] [--noise N]
        [--shapes 2000x8 ...] [--draws N] [--evoc PYTHON] [--results FILE]

Planted decoders and planted co-occurrence, each clustered as a build does, with null draws. Prints
the adjusted Rand index of the level that is shown first against the planted clusters, among their
members; the share of the other latents that are in a cluster; and the share of clusters that are
reproducible. Beside it: HDBSCAN on a 10-D UMAP (Bricken et al. 2023), Leiden on the same graph, and
EVoC on the decoder if PYTHON, an interpreter that has the package `evoc`, is given. `--noise N`
draws N decoders of pure noise of each shape and counts those with a reproducible cluster.

Every result is appended to FILE, and a second run does only what FILE lacks. The tables are printed
from it.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
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
MOST_OF_UMAP = 20_000
"""Latents up to which umap-learn is run."""


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


EVOC = """
import sys, numpy, evoc
rows = numpy.load(sys.argv[1])
numpy.save(sys.argv[2], evoc.EVoC(random_state=0).fit_predict(rows))
"""


def by_evoc(python: str, W_dec: np.ndarray) -> np.ndarray:
    """The clusters of EVoC with its defaults, computed by another interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        rows, labels = Path(folder, "rows.npy"), Path(folder, "labels.npy")
        np.save(rows, W_dec)
        # Its threads call compiled code at once, which only this threading layer allows.
        environment = {**os.environ, "NUMBA_THREADING_LAYER": "omp"}
        subprocess.run([python, "-c", EVOC, str(rows), str(labels)], check=True, env=environment)
        return np.asarray(np.load(labels))


Scores = dict[str, float | str | None]
"""One result, as it is stored."""


def scores(labels: np.ndarray, truth: np.ndarray) -> Scores:
    """The scores of one clustering [F]; noise counts as clusters of one."""
    single = np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)
    inside = truth >= 0
    return {
        "ari": float(adjusted_rand_score(truth[inside], single[inside])),
        "others": float((labels[~inside] >= 0).mean()) if (~inside).any() else None,
        "clusters": len(np.unique(labels[labels >= 0])),
    }


def _shown(found: Clustering) -> tuple[np.ndarray, Scores]:
    (column,) = found.shown
    first = next(level for level in found.levels if level.shown_first)
    rows = found.clusters.to_pandas()
    rows = rows[rows["level"] == first.level]
    return found.shown[column], {
        "believable": float(rows["believable"].astype(float).mean()),
        "stability": first.stability,
        "null": first.null_stability,
    }


class Results:
    """The results of a file, by their key; new ones are appended."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.rows: dict[str, Scores] = {}
        if file is not None and file.exists():
            for line in file.read_text().splitlines():
                row = json.loads(line)
                self.rows[row.pop("key")] = row

    def add(self, key: str, row: Scores) -> None:
        """Store and print one result."""
        self.rows[key] = row
        print(key, {name: _short(value) for name, value in row.items()}, flush=True)
        if self._file is not None:
            with self._file.open("a") as sink:
                sink.write(json.dumps({"key": key, **row}) + "\n")


def _short(value: float | str | None) -> float | str | None:
    return round(value, 3) if isinstance(value, float) else value


Way = tuple[str, Callable[[], np.ndarray]]


def run_world(name: str, seed: int, results: Results, draws: int | None, evoc: str | None) -> None:
    """Cluster one planted world in every way that has no result yet."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ours, graph, truth, others = (
            _world_together(rng, folder, draws)
            if name == "co-occurrence"
            else _world_of_decoder(name, rng, draws, evoc)
        )
        key = f"{name} | {seed} | Clearwater"
        if key not in results.rows:
            started = time.process_time()
            labels, more = _shown(ours())
            seconds = time.process_time() - started
            results.add(key, {**scores(labels, truth), **more, "seconds": seconds})
        ways: list[Way] = [("Leiden", lambda: leiden(graph())), *others]
        for way, clustering in ways:
            key = f"{name} | {seed} | {way}"
            if key not in results.rows:
                results.add(key, scores(clustering(), truth))


World = tuple[Callable[[], Clustering], Callable[[], NeighbourGraph], np.ndarray, list[Way]]
"""A world: its clustering, its graph, the planted clusters, and ways that only decoders have."""


def _world_together(rng: np.random.Generator, folder: Path, draws: int | None) -> World:
    activations, kept, truth = together(rng, folder)
    done: list[tuple[Clustering, NeighbourGraph]] = []

    def both() -> tuple[Clustering, NeighbourGraph]:
        if not done:
            done.append(clustered_together(activations, kept, folder, draws))
        return done[0]

    return lambda: both()[0], lambda: both()[1], truth, []


def _world_of_decoder(
    name: str, rng: np.random.Generator, draws: int | None, evoc: str | None
) -> World:
    W_dec, truth = DECODERS[name](rng)
    everyone = np.ones(len(W_dec), dtype=bool)
    others: list[Way] = []
    if len(W_dec) <= MOST_OF_UMAP:
        others.append(("HDBSCAN, 10-D UMAP", lambda: hdbscan_on_umap(W_dec)))
    if evoc is not None:
        others.append(("EVoC", lambda: by_evoc(evoc, W_dec)))
    return (
        lambda: clustered(W_dec, draws),
        lambda: decoder_graph(W_dec, eligible=everyone, k=NEIGHBOURS),
        truth,
        others,
    )


def table_of_worlds(results: Results) -> Iterator[str]:
    """A Markdown row for every world and way: means over the seeds, and the lowest index."""
    groups: dict[tuple[str, str], list[Scores]] = {}
    for key, row in results.rows.items():
        name, _, way = key.split(" | ")
        if name != "noise":
            groups.setdefault((name, way), []).append(row)
    yield "| world | way | seeds | ARI (lowest) | others clustered | clusters | reproducible |"
    yield "|---|---|---|---|---|---|---|"
    for (name, way), rows in groups.items():

        def mean(field: str, rows: list[Scores] = rows) -> float | None:
            known = [float(row[field] or 0) for row in rows if row.get(field) is not None]
            return float(np.mean(known)) if known else None

        index = [float(row["ari"] or 0) for row in rows]
        others, believable = (
            "" if (share := mean(field)) is None else f"{share:.0%}"
            for field in ("others", "believable")
        )
        yield (
            f"| {name} | {way} | {len(rows)} | {np.mean(index):.3f} ({min(index):.3f}) | {others} "
            f"| {mean('clusters'):.0f} | {believable} |"
        )


def table_of_noise(results: Results) -> Iterator[str]:
    """A Markdown row for every shape of noise."""
    shapes: dict[str, list[Scores]] = {}
    for key, row in results.rows.items():
        name, _, shape = key.split(" | ")
        if name == "noise":
            shapes.setdefault(shape, []).append(row)
    yield "| latents x width | runs | runs without a reproducible cluster | clusters of a run |"
    yield "|---|---|---|---|"
    for shape, rows in shapes.items():
        clean = sum(row["believable"] == 0 for row in rows)
        clusters = np.mean([float(row["clusters"] or 0) for row in rows])
        yield f"| {shape} | {len(rows)} | {clean} | {clusters:.0f} |"


def run_noise(latents: int, width: int, run: int, results: Results, draws: int | None) -> None:
    """Cluster one decoder of pure noise; of all levels, count the reproducible clusters."""
    key = f"noise | {run} | {latents} x {width}"
    if key in results.rows:
        return
    W_dec = _unit(np.random.default_rng(1_000 + run), latents, width)
    rows = clustered(W_dec, draws).clusters
    believable = sum(bool(one) for one in rows["believable"].to_pylist())
    results.add(key, {"clusters": rows.num_rows, "believable": believable})


def main(options: argparse.Namespace) -> None:
    """Do what the file of results lacks, and print the tables."""
    results = Results(options.results)
    for seed in range(100, 100 + options.seeds):
        for name in options.worlds:
            run_world(name, seed, results, options.draws, options.evoc)
    for run in range(options.noise):
        for shape in options.shapes:
            latents, width = map(int, shape.split("x"))
            run_noise(latents, width, run, results, options.draws)
    print(*table_of_worlds(results), "", *table_of_noise(results), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    every = [*DECODERS, "co-occurrence"]
    parser.add_argument("--worlds", nargs="*", choices=every, default=every)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise", type=int, default=20)
    shapes = [f"{latents}x{width}" for latents, width in NOISE]
    parser.add_argument("--shapes", nargs="*", choices=shapes, default=shapes)
    parser.add_argument("--draws", type=int, help="null draws; by default as many as a build has")
    parser.add_argument("--evoc", metavar="PYTHON", help="an interpreter that has evoc")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON lines, appended")
    main(parser.parse_args())
