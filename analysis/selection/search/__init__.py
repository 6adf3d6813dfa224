"""Search first: the latents, clusters, tokens, documents and contexts that a text finds, ranked.

`search` asks an index (`index_file`) that is derived from the bundle and kept in the cache folder.
"""

from analysis.selection.search.best_hits import MOST_HITS, Hit, Hits, Kind, search

__all__ = ["MOST_HITS", "Hit", "Hits", "Kind", "search"]
