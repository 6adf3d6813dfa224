"""umap-learn's own optimiser on our graph and start, as the reference for ours."""

import numpy as np
from umap.umap_ import find_ab_params, simplicial_set_embedding

from analysis.decoder.umap_embedding import START_JITTER, FuzzyGraph, jittered


def reference_embedding(
    start: np.ndarray, fuzzy: FuzzyGraph, *, min_dist: float, seed: int
) -> np.ndarray:
    """Coordinates float32 [n, D], with umap-learn's default number of epochs."""
    a, b = find_ab_params(1.0, min_dist)
    random = np.random.RandomState(seed)
    points, _ = simplicial_set_embedding(
        data=None,
        graph=fuzzy.weights,
        n_components=start.shape[1],
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=None,
        init=jittered(start, START_JITTER, random).astype(np.float32),
        random_state=random,
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
        tqdm_kwds={"disable": True},
    )
    return np.asarray(points, dtype=np.float32)
