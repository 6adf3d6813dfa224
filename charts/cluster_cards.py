"""The first reproducible clusters of the reading order: name, size and one context of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.clusters.stability import weak
from analysis.labels.descriptions import Kind
from analysis.labels.good_lifts import GOOD_LIFT, GOOD_OTHER_LIFT
from analysis.labels.label_tokens import terms_of_name
from charts.cluster_level import level_of
from charts.context_snippets import NO_SNIPPET, Snippet, cluster_snippets, ordered_members
from charts.core.cache import cached
from charts.core.text import shown_label
from charts.readable_names import MIXED

LONGEST_NAME = 100
"""Characters of a name: a card has more lines than a mark of a chart."""


@dataclass(frozen=True)
class Card:
    """What a reader sees of one cluster before opening it."""

    cluster: int
    name: str
    """Its label; empty if it has none."""
    size: int
    """Latents."""
    stability: float
    stability_null: float | None
    """Largest stability of a cluster of random data; None without draws."""
    bootstrap: float
    bootstrap_null: float | None
    """Largest bootstrap of a cluster of random data; None without draws."""
    member_lift: float | None
    """Held-out activity of a member on the words of the others, over chance; None without it."""
    member: int
    """The member whose context is shown."""
    before: str
    token: str
    """The token on which the member is active."""
    after: str


@cached
def cluster_cards(bundle: Bundle, most: int) -> tuple[Card, ...]:
    """The first `most` of `clusters_to_read`, each with the context of `cluster_snippets`."""
    rows = clusters_to_read(bundle).slice(0, most).to_pylist()
    ids = np.array([row["cluster"] for row in rows], dtype=np.int64)
    snippets = cluster_snippets(bundle, ids)
    return tuple(
        Card(
            row["cluster"],
            shown_label(row["label"], LONGEST_NAME),
            row["size"],
            row["stability"],
            row["stability_null"],
            row["bootstrap"],
            row["bootstrap_null"],
            row["member_lift"],
            *_context(bundle, row["cluster"], snippets),
        )
        for row in rows
    )


def clusters_to_read(bundle: Bundle) -> pa.Table:
    """The clusters of the reading order, or the largest ones if the bundle has no order.

    Clusters that are weak, or whose median member does not reach GOOD_LIFT, are passed over, unless
    all are. Those named by a whole word come first, and of these those whose members share more
    than one word: what covers most activation is often a single sign, such as a comma, or a piece
    of words, which says little to a new reader.
    """
    clusters = _believable(bundle.clusters)
    if clusters["reading_item"].null_count < clusters.num_rows:
        clusters = clusters.filter(pc.is_valid(clusters["reading_item"]))
        order = [("reading_item", "ascending")]
    else:
        clusters = _believable(level_of(bundle).table)
        order = [("size", "descending"), ("cluster", "ascending")]
    unnamed = pa.array([not _is_named_by_word(label) for label in clusters["label"].to_pylist()])
    clusters = clusters.append_column("not_named_by_word", unnamed)
    clusters = clusters.append_column("one_word", _share_one_word(clusters))
    return clusters.sort_by([("not_named_by_word", "ascending"), ("one_word", "ascending"), *order])


def _context(
    bundle: Bundle, cluster: int, snippets: Mapping[int, tuple[int, Snippet]]
) -> tuple[int, str, str, str]:
    """The member whose context is shown, and the context; the first member if there is none."""
    if cluster in snippets:
        member, snippet = snippets[cluster]
        return member, *snippet
    ((member,),) = ordered_members(bundle, np.array([cluster]), 1)
    return member, *NO_SNIPPET


def _believable(clusters: pa.Table) -> pa.Table:
    """The clusters that are not weak and whose members fire on the words of the others."""
    fits = pc.fill_null(pc.greater_equal(clusters["member_lift"], GOOD_LIFT), False)
    good = clusters.filter(pc.and_(fits, pc.invert(weak(clusters))))
    return good if good.num_rows else clusters


def _is_named_by_word(label: str | None) -> bool:
    """Whether the name of a cluster fits it and begins with a whole word or a phrase."""
    if not label or label.startswith(MIXED):
        return False
    return next((kind for kind, _ in terms_of_name(label)), None) is Kind.PLAIN


def _share_one_word(clusters: pa.Table) -> pa.ChunkedArray:
    """Whether the members of a cluster have no more than one word in common, or none is known."""
    shared = pc.greater_equal(clusters["member_lift_other_words"], GOOD_OTHER_LIFT)
    return pc.invert(pc.fill_null(shared, False))
