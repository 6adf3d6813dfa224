"""Which edges of a network are drawn; the networks themselves are tested in test_network.py."""

import numpy as np
import pyarrow as pa

from charts.network_edges import graph_of_pairs, strongest_edges


def test_edges_of_the_chosen_latent_and_the_four_strongest_of_each_are_drawn() -> None:
    # A complete graph of seven nodes. Edges between nodes with small numbers are stronger.
    low, high = np.triu_indices(7, 1)
    value = np.asarray(100 - 10 * low - high, dtype=np.float64)
    drawn = (
        set(zip(low[keep].tolist(), high[keep].tolist(), strict=True))
        if (keep := strongest_edges(low, high, value, 7)).any()
        else set()
    )
    wanted = {(0, node) for node in range(1, 7)}
    for node in range(1, 7):
        own = [(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True) if node in (a, b)]
        wanted |= set(sorted(own, key=lambda edge: 10 * edge[0] + edge[1])[:4])
    assert drawn == wanted
    assert (5, 6) not in drawn


def test_without_a_chosen_latent_only_the_strongest_of_each_are_drawn() -> None:
    low, high = np.triu_indices(7, 1)
    value = np.asarray(100 - 10 * low - high, dtype=np.float64)
    keep = strongest_edges(low, high, value, 7, from_node=0)
    assert (5, 6) not in set(zip(low[keep].tolist(), high[keep].tolist(), strict=True))
    assert (0, 4) in set(zip(low[keep].tolist(), high[keep].tolist(), strict=True))
    star = strongest_edges(np.zeros(9, int), np.arange(1, 10), np.arange(9.0), 10, from_node=0)
    assert star.all(), "each edge is the only one of its other end"


def test_nodes_are_the_first_that_occur() -> None:
    pairs = pa.table({"latent": [9, 3, 9], "partner": [4, 9, 1], "phi": [0.5, 0.4, 0.3]})
    pairs = pairs.append_column("joint_tokens", pa.array([7, 6, 5]))
    nodes, edges = graph_of_pairs(pairs, "phi", 3)
    assert nodes.tolist() == [9, 4, 3]
    assert edges.select(["a", "b", "phi", "joint_tokens"]).to_pylist() == [
        {"a": 9, "b": 4, "phi": 0.5, "joint_tokens": 7},
        {"a": 9, "b": 3, "phi": 0.4, "joint_tokens": 6},
    ]
    nodes, edges = graph_of_pairs(pairs.slice(0, 0), "phi", 3)
    assert len(nodes) == 0 and edges.num_rows == 0
