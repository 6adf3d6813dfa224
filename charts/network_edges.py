"""The nodes and the edges of a network: which latents, and which of the pairs between them."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.runtime.arrays import Bools, Floats, Ints

EDGES_EACH = 4
"""Strongest edges drawn per latent, in addition to all edges of the chosen latent."""


def strongest_edges(low: Ints, high: Ints, value: Floats, nodes: int, from_node: int = 1) -> Bools:
    """Which edges are drawn: all of the nodes before `from_node`, and the strongest of each other.

    Every edge joins a node `low` with a node `high`.
    """
    keep = low < from_node
    for node in range(from_node, nodes):
        own = np.flatnonzero((low == node) | (high == node))
        keep[own[np.argsort(-value[own], kind="stable")[:EDGES_EACH]]] = True
    return keep


def graph_of_latent(
    bundle: Bundle, latent: int, measure: str, partners: int
) -> tuple[Ints, pa.Table, int]:
    """The latents, chosen one first; the drawn edges; the number of stored edges among them."""
    minimum_joint = bundle.manifest.parameters.minimum_joint
    own = ranked_partners(bundle, latent, measure, minimum_joint, partners)
    nodes = np.append(latent, own["partner"].to_numpy().astype(np.int64))
    pairs = ranked_partners(bundle, nodes, measure, minimum_joint)
    index = np.full(bundle.latents.num_rows, -1)
    index[nodes] = np.arange(len(nodes))
    a, b = (index[pairs[end].to_numpy()] for end in ("latent", "partner"))
    low, high, value = np.minimum(a, b), np.maximum(a, b), pairs[measure].to_numpy()
    # P(b given a) has two values for a pair; the larger one is used.
    order = np.lexsort((-value, high, low))
    order = order[low[order] >= 0]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    rows = order[new]
    drawn = rows[strongest_edges(low[rows], high[rows], value[rows], len(nodes))]
    joint = pairs["joint_tokens"].to_numpy()
    columns = {measure: value[drawn], "joint_tokens": joint[drawn]}
    return nodes, _edge_table(nodes, low[drawn], high[drawn], columns), len(rows)


def graph_of_pairs(pairs: pa.Table, measure: str, most: int) -> tuple[Ints, pa.Table]:
    """The first `most` latents that occur in the pairs, and the edges that are drawn."""
    ends = np.column_stack([pairs[end].to_numpy() for end in ("latent", "partner")])
    ids, first = np.unique(ends.ravel(), return_index=True)
    nodes = ids[np.argsort(first)][:most].astype(np.int64)
    index = np.full(int(ids.max(initial=0)) + 1, -1)
    index[nodes] = np.arange(len(nodes))
    inside = np.flatnonzero((index[ends] >= 0).all(axis=1)) if len(ends) else np.zeros(0, int)
    a, b = index[ends[inside, 0]], index[ends[inside, 1]]
    value = pairs[measure].to_numpy()[inside]
    low, high = np.minimum(a, b), np.maximum(a, b)
    drawn = strongest_edges(low, high, value, len(nodes), from_node=0)
    joint = pairs["joint_tokens"].to_numpy()[inside]
    columns = {measure: value[drawn], "joint_tokens": joint[drawn]}
    return nodes, _edge_table(nodes, low[drawn], high[drawn], columns)


def _edge_table(nodes: Ints, low: Ints, high: Ints, columns: Mapping[str, np.ndarray]) -> pa.Table:
    """The ends of the edges [n], as latents and as places in `nodes`, and their own columns [n]."""
    ends = {"a": nodes[low], "b": nodes[high], "a_index": low, "b_index": high}
    return pa.table({**ends, **columns})
