"""The decoder vectors: neighbour graph, UMAP map, and how well the map preserves neighbours."""
