"""Search first: the latents, clusters, tokens, documents and contexts that a text finds, ranked.

`search` asks an index (`index_file`) that is derived from the bundle and kept in the cache folder.
A server calls `is_ready` first, which starts a process that builds a missing index.
"""

from analysis.selection.search.best_hits import MOST_HITS, Hit, Hits, Kind, search
from analysis.selection.search.index_maker import is_ready

__all__ = ["MOST_HITS", "Hit", "Hits", "Kind", "is_ready", "search"]
