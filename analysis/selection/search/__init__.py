"""Search first: what a text finds, ranked: latents, clusters, tokens, documents, contexts, values.

`search` asks an index (`index_file`) that is derived from the bundle and kept in the cache folder.
A server calls `is_ready` first, which starts a process that builds a missing index.
"""

from analysis.selection.search.best_hits import MOST_HITS, Hit, Hits, Kind, search
from analysis.selection.search.index_maker import is_ready
from analysis.selection.search.value_hits import language_name

__all__ = ["MOST_HITS", "Hit", "Hits", "Kind", "is_ready", "language_name", "search"]
