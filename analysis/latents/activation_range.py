"""The tokens on which the activation of a latent is in a range, and contexts of them.

A latent can mean one thing where it is weak and another where it is strong, so a reader looks at a
range of its activation. Both ends belong to the range.
"""

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle, ContextKind
from analysis.latents.windows import token_rows
from analysis.runtime.arrays import Float32s, Floats, Ints


def tokens_in_range(bundle: Bundle, latent: int, low: float, high: float) -> tuple[Ints, Float32s]:
    """Rows of the token table [n], ascending, and the activations [n] from `low` to `high`."""
    rows, values = bundle.activations.of_latent(latent)
    inside = (values >= np.float32(low)) & (values <= np.float32(high))
    return rows[inside].astype(np.int64), values[inside]


def contexts_in_range(
    bundle: Bundle, latent: int, low: float, high: float, kind: ContextKind
) -> pa.Table:
    """Up to `contexts_per_kind` contexts of a latent in a range, strongest first.

    `top` are the strongest whose windows do not overlap, `interval` the activations nearest to
    equal steps of the range (the stored ones are drawn from equal intervals), and `random` a draw
    with the seed of the bundle. Columns: latent, kind, activation, document and position.
    """
    parameters = bundle.manifest.parameters
    rows, values = tokens_in_range(bundle, latent, low, high)
    order = np.argsort(-values, kind="stable")
    most = parameters.contexts_per_kind
    if kind == "top":
        document = bundle.kept_tokens.documents_of(rows[order])
        chosen = order[_apart(rows[order], document, parameters.context_tokens, most)]
    elif kind == "interval":
        wanted = np.linspace(high, low, most)
        chosen = order[_nearest(values[order], wanted)]
    else:
        rng = np.random.Generator(np.random.Philox(key=[parameters.seed, latent]))
        drawn = rng.choice(len(rows), min(most, len(rows)), replace=False)
        chosen = drawn[np.argsort(-values[drawn], kind="stable")]
    return _contexts(bundle, latent, kind, rows[chosen], values[chosen])


def _apart(rows: Ints, document: Ints, window: int, most: int) -> Ints:
    """Indices of the first `most` rows that are at least a window apart in their documents."""
    chosen: list[int] = []
    for i in range(len(rows)):
        if len(chosen) == most:
            break
        near = (document[i] == document[j] and abs(rows[i] - rows[j]) < window for j in chosen)
        if not any(near):
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)


def _nearest(descending: Float32s, wanted: Floats) -> Ints:
    """Distinct indices of the values that are nearest to the wanted ones, ascending."""
    ascending = descending[::-1].astype(np.float64)
    if not len(ascending):
        return np.empty(0, dtype=np.int64)
    after = np.clip(np.searchsorted(ascending, wanted), 1, max(len(ascending) - 1, 1))
    after = np.minimum(after, len(ascending) - 1)
    before = np.maximum(after - 1, 0)
    is_before = wanted - ascending[before] <= ascending[after] - wanted
    nearest = np.where(is_before, before, after)
    indices: Ints = np.unique(len(ascending) - 1 - nearest)
    return indices


def _contexts(
    bundle: Bundle, latent: int, kind: ContextKind, rows: Ints, values: Float32s
) -> pa.Table:
    kept = bundle.kept_tokens
    positions = token_rows(bundle.tokens_file, rows, ["position"])["position"]
    return pa.table(
        {
            "latent": pa.array(np.full(len(rows), latent), pa.int32()),
            "kind": pa.array([kind] * len(rows), pa.string()),
            "activation": pa.array(values, pa.float32()),
            "document": pa.array(kept.documents[kept.documents_of(rows)], pa.int64()),
            "position": positions.cast(pa.int32()),
        }
    )
