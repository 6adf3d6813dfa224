"""What the same computation gives where there is nothing to find: the nulls of the clusters.

A draw has the same latents, but nothing that joins them:

- decoder: vectors of a normal distribution with the second moments of the unit rows of W_dec;
- co-occurrence: activations in which every latent is shifted alone inside each document
  (`cooccurrence.shift_graph`).

A draw is clustered like the data: graph, embedding, hierarchies of all seeds and of resampled
latents, and every cut. Of each cut the agreement of the seeds, the share of latents covered, the
worth, and the largest stability and bootstrap of any cluster are kept.

Up to MANY_UP_TO latents there are MANY draws, above it FEW. Above MOST_LATENTS latents, the draws
have a random sample of as many, and the same sample of the data is processed alike, as draw -1.
Each draw is a file, so an interrupted step resumes with the missing ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from analysis.bundle import Space
from analysis.clusters.levels import Cut, all_cuts
from analysis.clusters.repeats import Repeats, repeats
from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.vectors import unit_rows
from analysis.runtime.arrays import Bools, Float32s, Ints
from analysis.runtime.durable import is_whole, whole_file
from analysis.runtime.progress import SILENT, Progress

MANY, FEW = 39, 5
"""With 39 draws, a cluster of noise is above all of them once in 40 times."""
MANY_UP_TO = 4_000
MOST_LATENTS = 16_384
SHOWN = 0
"""The draw that readers may look at (`null_view`)."""
SAMPLE = -1
"""The draw that is the sample of the data itself."""

ROWS = pa.schema(
    [
        ("space", pa.string()),
        ("draw", pa.int32()),
        ("smallest", pa.int32()),
        ("extraction", pa.string()),
        ("clusters", pa.int32()),
        ("covered", pa.float64()),
        ("worth", pa.float64()),
        ("agreement", pa.float64()),
        ("stability", pa.float64()),
        ("bootstrap", pa.float64()),
    ]
)
"""One row per cut of every draw; stability and bootstrap are the largest of its clusters."""

Graph = tuple[NeighbourGraph, Float32s | None]
"""A graph and, in the decoder space, the vectors that it is of."""


@dataclass(frozen=True)
class NullDraws:
    """The draws of one space."""

    space: Space
    latents: Ints
    """Ascending ids of the drawn latents."""
    draws: int
    is_sample: bool
    """Whether these are only some of the latents that are clustered."""

    @staticmethod
    def of(space: Space, eligible: Bools, seed: int, draws: int | None = None) -> "NullDraws":
        """The draws for the eligible [F] latents of a space; None chooses their number by size."""
        latents = np.flatnonzero(eligible)
        is_sample = len(latents) > MOST_LATENTS
        if is_sample:
            random = np.random.default_rng(seed)
            latents = np.sort(random.choice(latents, MOST_LATENTS, replace=False))
        draws = draws or (MANY if len(latents) <= MANY_UP_TO else FEW)
        return NullDraws(space, latents, draws, is_sample)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the draws, the sample of the data first."""
        return [*([SAMPLE] if self.is_sample else []), *range(self.draws)]

    def shown(self, folder: Path) -> Repeats:
        """The hierarchies of the draw that readers may look at, after `run` in the same folder."""
        return Repeats.load(self._shown_file(folder))

    def _shown_file(self, folder: Path) -> Path:
        return folder / f"{self.space}{SHOWN}.npz"

    def run(
        self,
        graph_of: Callable[[int], Graph],
        folder: Path,
        *,
        seed: int,
        minimum_cluster: int,
        epochs: int | None,
        progress: Progress = SILENT,
    ) -> pa.Table:
        """Make the draws whose files are missing, and return the ROWS of all.

        Row i of `graph_of(draw)`, the graph of a draw, is latents[i].
        """
        folder.mkdir(parents=True, exist_ok=True)
        eligible = np.ones(len(self.latents), dtype=bool)
        tables = [ROWS.empty_table()]
        for done, draw in enumerate(self.numbers):
            progress(done, len(self.numbers))
            file = folder / f"{self.space}{draw}.arrow"
            if not is_whole(file):
                graph, vectors = graph_of(draw)
                repeated = repeats(
                    graph,
                    eligible,
                    vectors,
                    seed=seed + draw + 1,
                    minimum_cluster=minimum_cluster,
                    epochs=epochs,
                )
                cuts = all_cuts(repeated, minimum_cluster)
                beside = [self._shown_file(folder)] if draw == SHOWN else []
                for one in beside:
                    repeated.save(one)
                _write(file, [_row(self.space, draw, cut) for cut in cuts], beside)
            tables.append(pa.ipc.open_file(pa.memory_map(str(file))).read_all())
        progress(len(self.numbers), len(self.numbers))
        return pa.concat_tables(tables)


def _row(space: Space, draw: int, cut: Cut) -> dict[str, object]:
    return {
        "space": space,
        "draw": draw,
        "smallest": cut.smallest,
        "extraction": cut.extraction,
        "clusters": cut.clusters,
        "covered": cut.covered,
        "worth": cut.worth,
        "agreement": cut.agreement,
        "stability": float(cut.stability.max(initial=0.0)),
        "bootstrap": float(cut.bootstrap.max(initial=0.0)),
    }


def _write(file: Path, rows: list[dict[str, object]], beside: Sequence[Path]) -> None:
    with (
        whole_file(file, beside) as unfinished,
        pa.OSFile(str(unfinished), "wb") as sink,
        pa.ipc.new_file(sink, ROWS) as writer,
    ):
        writer.write_table(pa.Table.from_pylist(rows, ROWS))


@dataclass(frozen=True)
class NullCut:
    """What one cut gives where there is nothing to find.

    A draw that has no cluster at the cut covers nothing there, so its agreement and worth are 0.
    Its largest stability and bootstrap are those of its coarsest finer cut: that noise has no
    clusters of such a size does not make some reproducible.
    """

    draws: int
    agreement: float
    """Mean over the draws."""
    worth: float
    """Mean worth (`levels`) over the draws."""
    stability: float
    """Largest of any cluster in any draw."""
    bootstrap: float
    """Largest of any cluster in any draw."""


def null_cut(rows: pa.Table, cut: Cut, draws: int) -> NullCut:
    """The draws of one cut; `rows` are those of one space."""
    not_coarser = pc.and_(
        pc.equal(rows["extraction"], cut.extraction), pc.less_equal(rows["smallest"], cut.smallest)
    )
    has_clusters = pc.and_(pc.greater(rows["clusters"], 0), pc.not_equal(rows["draw"], SAMPLE))
    rows = rows.filter(pc.and_(not_coarser, has_clusters))
    order = np.lexsort((rows["smallest"].to_numpy(), rows["draw"].to_numpy()))
    draw = rows["draw"].to_numpy()[order]
    coarsest = rows.take(order[np.diff(draw, append=SAMPLE) != 0])
    own = coarsest.filter(pc.equal(coarsest["smallest"], cut.smallest))
    agreement, worth = (own[name].to_numpy() for name in ("agreement", "worth"))
    stability, bootstrap = (coarsest[name].to_numpy() for name in ("stability", "bootstrap"))
    return NullCut(
        draws=draws,
        agreement=float(agreement.sum()) / max(draws, 1),
        worth=float(worth.sum()) / max(draws, 1),
        stability=float(stability.max(initial=0.0)),
        bootstrap=float(bootstrap.max(initial=0.0)),
    )


def sample_worth(rows: pa.Table, cut: Cut) -> float | None:
    """The worth of a cut in the sample of the data; None if there is no sample, or no such cut."""
    for row in rows.filter(pc.equal(rows["draw"], SAMPLE)).to_pylist():
        if (row["smallest"], row["extraction"]) == cut.key:
            return float(row["worth"])
    return None


def moment_root(W_dec: np.ndarray, latents: Ints) -> Float32s:
    """R float32 [d, d] with R^T R the mean of x x^T over the unit rows x of some latents."""
    with threadpool_limits(1, user_api="blas"):  # the last bits depend on the number of threads
        rows = unit_rows(W_dec, latents.astype(np.int32)).astype(np.float64)
        values, axes = np.linalg.eigh(rows.T @ rows / max(len(rows), 1))
        root = np.sqrt(np.maximum(values, 0))[:, None] * axes.T
    return root.astype(np.float32)


def noise_vectors(root: Float32s, count: int, seed: list[int]) -> Float32s:
    """Normal vectors float32 [count, d] with the second moments of `moment_root`'s result."""
    drawn = np.random.default_rng(seed).standard_normal((count, len(root)), dtype=np.float32)
    with threadpool_limits(1, user_api="blas"):
        return np.asarray(drawn @ root)
