"""What the list under the search field shows of each hit."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from analysis.bundle import Bundle, LevelName
from analysis.runtime.numbers import count, power
from analysis.selection.search import Hit, Kind, language_name, search
from charts.cluster_level import level_words
from charts.core.text import name_of_cluster, shown_label, shown_token

LONGEST = 120
"""Characters of a name in the list."""
TOKENS = 4
"""Top tokens of a latent."""
MOST: Mapping[Kind, int] = {
    "latent": 6,
    "cluster": 4,
    "value": 3,
    "token": 3,
    "document": 3,
    "context": 4,
}
"""Hits of each kind."""
NO_LABEL = "no label"
NEVER_ACTIVE = f"{NO_LABEL}, never active"


@dataclass(frozen=True)
class SearchLine:
    """One hit. All texts are for display, with control characters made visible."""

    kind: Kind
    item: int
    """The latent or cluster that it opens."""
    name: str
    """Its label; of a latent without one, its top tokens; the text of a context."""
    more: str
    """Top tokens of a latent with a label; the level of a cluster; the latent of a context; what a
    value selects."""
    note: str
    """How frequent or large it is, and the id of a latent."""
    select: str
    """The selection that it makes; empty where a latent or cluster is opened."""


def search_lines(bundle: Bundle, typed: str) -> list[SearchLine]:
    """The hits for a text, grouped by kind, best first."""
    hits = search(bundle, typed)
    shown = (
        *hits.latents[: MOST["latent"]],
        *hits.clusters[: MOST["cluster"]],
        *hits.values[: MOST["value"]],
        *hits.tokens[: MOST["token"]],
        *[hit for hit in hits.documents if hit.select][: MOST["document"]],
        *hits.contexts[: MOST["context"]],
    )
    return [_line(bundle, hit) for hit in shown]


def _line(bundle: Bundle, hit: Hit) -> SearchLine:
    name, more, note = _texts(bundle, hit)
    return SearchLine(hit.kind, hit.item, name, more, note, hit.select)


def _texts(bundle: Bundle, hit: Hit) -> tuple[str, str, str]:
    """The name of a hit, what else is known of it, and its note."""
    match hit.kind:
        case "latent":
            return *_latent(bundle, hit.item), f"density {power(hit.size)} · latent {hit.item}"
        case "context":
            return (
                shown_label(hit.name, LONGEST),
                _latent(bundle, hit.item)[0],
                f"latent {hit.item}",
            )
        case "cluster":
            row = pc.index(bundle.clusters["cluster"], hit.item).as_py()
            level = LevelName(*(bundle.clusters[name][row].as_py() for name in ("space", "level")))
            name = name_of_cluster(hit.item, hit.name, LONGEST)
            return name, level_words(level), f"{count(int(hit.size))} latents"
        case "value":
            language = language_name(hit.column, hit.name)
            name = shown_label(hit.name, LONGEST) + (f" ({language})" if language else "")
            more = f"latents that fire most on this {shown_label(hit.column, LONGEST)}"
            return name, more, f"{count(int(hit.size))} documents"
        case "token":
            return shown_token(hit.name), "", f"{count(int(hit.size))} times"
        case "document":
            name = shown_label(hit.name, LONGEST) or f"document {hit.item}"
            return name, "", f"{count(int(hit.size))} tokens"


def _latent(bundle: Bundle, latent: int) -> tuple[str, str]:
    """The name of a latent, and its top tokens unless they are its name."""
    columns = ["label", "top_tokens", "active_tokens"]
    row = bundle.latents.select(columns).slice(latent, 1).to_pylist()[0]
    label = shown_label(row["label"], LONGEST)
    tokens = " ".join(shown_token(token) for token in (row["top_tokens"] or [])[:TOKENS])
    if label:
        return label, tokens
    # Top tokens are those of the documents that names are made from; it may fire in others only.
    return tokens or (NO_LABEL if row["active_tokens"] else NEVER_ACTIVE), ""
