"""The tables of the pages, as they are shown and exported: rows in their order, with a caption."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, LevelName
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from charts.cluster_level import at_level, level_words
from charts.cluster_verdict import verdicts
from charts.context_snippets import MOST_MEMBERS, cluster_snippets, ordered_members
from charts.core.cache import cached
from charts.core.figure import CaptionedTable, caption_of
from charts.core.measures import title_of
from charts.core.names import with_names
from charts.core.text import slug
from charts.pairs import strongest_pairs
from charts.relations import ALL, RELATIONS, relation_rows
from charts.stored_pairs import pair_ids

if TYPE_CHECKING:
    from analysis.cooccurrence.significance import PairTest

MOST_ROWS = 1000
"""Of a table on a page and in its files; the bundle has all."""
MOST_CLUSTERS = 5_000
"""Of the table of a level, for the same reason; more would be megabytes for every click."""
MOST_GROUPS = 512
"""Row groups of the contexts, of 16,384 rows, that are read for the clusters of a table."""
LATENT_COLUMNS = (
    "latent",
    "label",
    "cluster",
    "label_precision",
    "label_recall",
    "outside_label",
    "intruder",
    "density",
    "reading_rank",
    "max",
    "flag",
    "top_tokens",
    "explanation",
)
CLUSTER_COLUMNS = (
    "cluster",
    "label",
    "size",
    "verdict",
    "member_share",
    "stability",
    "context",
    "selected",
    "bootstrap",
    "member_lift",
    "member_lift_other_words",
    "main_source",
    "intruder",
    "reading_item",
    "active_tokens",
    "mean_density",
)
PAIR_COLUMNS = (
    "latent",
    "latent_label",
    "partner",
    "partner_label",
    "joint_tokens",
    "joint_documents",
    "expected",
    "lift",
)
RELATION_COLUMNS = (
    "relation",
    "a",
    "a_label",
    "b",
    "b_label",
    "joint_tokens",
    "expected_shifted",
    "p_b_given_a",
    "p_a_given_b",
    "q_value",
)


@cached
def latents_table(
    bundle: Bundle, mask: Bools, title: str, selected: Bools | None = None
) -> CaptionedTable:
    """The latents of a mask [n_latents] in reading order.

    Of those without a place in it, live ones with a label come first, then other live ones, then
    dense, ultralow and dead ones; each by density.

    If some but not all of the rows are in `selected` [n_latents], the column `selected` says which.
    """
    rows = bundle.latents.select(list(LATENT_COLUMNS)).take(np.flatnonzero(mask))
    rows = with_names(bundle, rows.take(pa.array(_reading_order(rows)[:MOST_ROWS])))
    if not pc.any(pc.not_equal(rows["explanation"], "")).as_py():
        rows = rows.drop_columns(["explanation"])
    order = order_words(bundle)
    return CaptionedTable(
        name=slug(title),
        title=title,
        rows=rows if selected is None else _with_selected(rows, selected),
        caption=caption_of(bundle, unit="token", latents=_part(rows, int(mask.sum()), order)),
    )


def order_words(bundle: Bundle) -> str:
    """Which latents come first in a table."""
    return "first in reading order" if bundle.manifest.reading else "labelled and densest"


def _reading_order(rows: pa.Table) -> Ints:
    """The indices of rows of the latent table [n] in the order in which they are listed."""
    last = 2**31 - 1
    rank = pc.fill_null(rows["reading_rank"], last).to_numpy()
    live = pc.equal(rows["flag"].cast(pa.string()), "live").to_numpy()
    labelled = pc.not_equal(rows["label"], "").to_numpy()
    group = np.where(live & labelled, 0, np.where(live, 1, 2))
    density = rows["density"].to_numpy()
    return np.lexsort((rows["latent"].to_numpy(), -density, group, rank))


def _with_selected(rows: pa.Table, selected: Bools) -> pa.Table:
    """The rows with a column that says which are selected, if they differ in it."""
    chosen = selected[rows["latent"].to_numpy()]
    if chosen.all() or not chosen.any():
        return rows
    return rows.add_column(0, "selected", pa.array(chosen))


@cached
def clusters_table(bundle: Bundle, level: LevelName, mask: Bools) -> CaptionedTable:
    """The largest MOST_CLUSTERS of a level, and how many members of each are in the mask [F].

    `verdict` is that of `charts.cluster_verdict`. `context` is that of `cluster_snippets`, for the
    first clusters, see `_with_contexts`.
    """
    every = at_level(bundle.clusters, level)
    rows = every.sort_by([("size", "descending"), ("cluster", "ascending")])
    rows = rows.take(np.arange(min(rows.num_rows, MOST_CLUSTERS)))  # a slice would keep all
    members = bundle.memberships
    chosen = members["cluster"].to_numpy()[mask[members["latent"].to_numpy()]]
    counts = np.bincount(chosen, minlength=bundle.clusters.num_rows)
    rows = rows.append_column("selected", pa.array(counts[rows["cluster"].to_numpy()]))
    rows = rows.append_column("verdict", pa.array(verdicts(rows), pa.string()))
    first = _with_contexts(bundle, rows)
    rows = rows.append_column("context", pa.array(_contexts_of(bundle, rows, first), pa.string()))
    part = {} if first == min(rows.num_rows, MOST_ROWS) else {"contexts": f"of the first {first}"}
    return CaptionedTable(
        name=f"clusters-{level.space}-{level.level}",
        title="Clusters of this level",
        rows=rows.select(list(CLUSTER_COLUMNS)),
        caption=caption_of(
            bundle,
            unit="token",
            level=level_words(level),
            clusters=_part(rows, every.num_rows, "largest"),
            **part,
        ),
    )


def _with_contexts(bundle: Bundle, clusters: pa.Table) -> int:
    """How many of the first rows of the cluster table have a context.

    At most MOST_ROWS, and no more than need MOST_GROUPS row groups of the contexts: of an SAE with
    a million latents, the clusters of one level need all of them, which takes seconds.
    """
    ids = clusters["cluster"].to_numpy()[:MOST_ROWS].astype(np.int64)
    members = ordered_members(bundle, ids, MOST_MEMBERS)
    groups = bundle.contexts.groups_of(np.array([one for own in members for one in own], int))
    is_new = np.zeros(len(groups) + 1, dtype=bool)
    is_new[np.unique(groups, return_index=True)[1]] = True
    needed = np.cumsum(is_new)[np.cumsum([len(own) for own in members], dtype=int) - 1]
    return max(int(np.searchsorted(needed, MOST_GROUPS, side="right")), min(len(ids), 1))


def _contexts_of(bundle: Bundle, clusters: pa.Table, most: int) -> list[str]:
    """A context of the first rows of the cluster table as a short line; empty without one."""
    first = clusters["cluster"].to_numpy()[:most].astype(np.int64)
    snippets = cluster_snippets(bundle, first) if len(first) else {}
    lines = [snippets[one][1].line if one in snippets else "" for one in first.tolist()]
    return [*lines, *[""] * (clusters.num_rows - len(lines))]


@cached
def pairs_table(
    bundle: Bundle, latents: Ints, measure: str, *, within: bool = False, hide_flags: bool = True
) -> CaptionedTable:
    """The strongest pairs of the latents [n] by a measure, as `strongest_pairs` ranks them.

    q_value is that of the relation in which a pair is listed, the smallest if there are several;
    null if it is in none.
    """
    ranked = strongest_pairs(bundle, latents, measure, within=within, hide_flags=hide_flags)
    others = [name for name in PAIR_COLUMNS if name != measure]
    rows = ranked.rows.select([measure, *others])
    rows = rows.append_column("q_value", _listed_q(bundle, rows))
    return CaptionedTable(
        name=f"pairs-table-{measure}",
        title=f"Pairs, strongest by {title_of(measure)} first",
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            measure=measure,
            pairs=_part(rows, ranked.total, "strongest"),
            minimum_joint_tokens=bundle.manifest.parameters.minimum_joint,
        ),
    )


def _listed_q(bundle: Bundle, rows: pa.Table) -> pa.Array:
    """The smallest q [n] of the relations of each pair; null for a pair that is not listed."""
    latents = bundle.latents.num_rows
    wanted = pair_ids(rows["latent"].to_numpy(), rows["partner"].to_numpy(), latents)
    listed = bundle.relations.all()
    keys = pair_ids(listed["a"].to_numpy(), listed["b"].to_numpy(), latents)
    of_rows = np.flatnonzero(np.isin(keys, wanted))
    keys, q_values = keys[of_rows], listed["q_value"].to_numpy()[of_rows]
    order = np.lexsort((q_values, keys))
    known, first = np.unique(keys[order], return_index=True)
    place = pc.index_in(pa.array(wanted), value_set=pa.array(known))
    return pa.array(q_values[order][first]).take(place)


@cached
def relations_table(
    bundle: Bundle, mask: Bools, relation: str = ALL, *, hide_flags: bool = True
) -> CaptionedTable:
    """The listed pairs with a latent of the mask [n_latents], in the order of `relation_rows`."""
    listed, hidden = relation_rows(bundle, mask, relation, hide_flags=hide_flags)
    rows = listed.slice(0, MOST_ROWS)
    names = pa.array([RELATIONS[name] for name in rows["relation"].to_pylist()], pa.string())
    rows = rows.set_column(rows.column_names.index("relation"), "relation", names)
    return CaptionedTable(
        name=f"relations-table-{relation}",
        title="Relations, smallest q first",
        rows=rows.select(list(RELATION_COLUMNS)),
        caption=caption_of(
            bundle,
            unit="token",
            relation=relation.replace("_", " "),
            pairs=_part(rows, listed.num_rows, "with the smallest q"),
            hidden_with_a_flagged_latent=hidden,
        ),
    )


@cached
def tested_pair(bundle: Bundle, a: int, b: int) -> tuple["PairTest", ...]:
    """Each question about a pair of latents with its answer."""
    # Imported here because numba would delay the first page.
    from analysis.cooccurrence.significance import tests_of_pair  # noqa: PLC0415

    return tests_of_pair(bundle, a, b)


@cached
def pair_tests_table(bundle: Bundle, a: int, b: int) -> CaptionedTable:
    """Each question about a pair of latents with its null, the counts and both p-values."""
    if a == b:
        raise InputError(f"Pair: {a} and {b} are one latent; choose two.")
    tests = tested_pair(bundle, a, b)
    names = (
        "kind", "question", "null", "statistic", "observed", "expected", "std", "p_more", "p_fewer",
        "exact", "smallest_lift",
    )  # fmt: skip
    return CaptionedTable(
        name=f"pair-{a}-{b}-tests",
        title=f"Is it chance that latents {a} and {b} fire together?",
        rows=pa.table({name: [getattr(test, name) for test in tests] for name in names}),
        caption=caption_of(bundle, unit="token, window and document", latent=a, partner=b),
        note=(
            "p_more is the probability of as many or more, p_fewer of as few or fewer. Each is for "
            "this one pair and is not corrected for looking at many pairs."
        ),
    )


def _part(rows: pa.Table, total: int, order: str) -> str:
    shown = count(rows.num_rows)
    return shown if rows.num_rows == total else f"the {shown} {order} of {count(total)}"
