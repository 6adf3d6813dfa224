"""The rows of the lists of one latent: tokens, partners, nearest decoder vectors and relations."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence.association import measure_table
from analysis.cooccurrence.ranking import ranked_partners, reason_for_no_partners
from analysis.latents.tokens_of_latent import EVERY, tokens_of_latent
from analysis.runtime.arrays import Ints
from analysis.runtime.numbers import count
from charts.context_snippets import NO_SNIPPET, Snippet, strongest_snippets
from charts.core.cache import cached
from charts.core.figure import CaptionedTable, caption_of
from charts.core.latents import check_latent
from charts.core.measures import check_measure, title_of
from charts.core.names import names_of_latents
from charts.core.text import range_words, shown_label
from charts.relations import RELATIONS, relation_rows

MOST_LISTED = 20
"""Partners of a list."""
MOST_TOKENS = 200
"""Tokens of a list."""


@cached
def listed_tokens(
    bundle: Bundle, latent: int, regime: tuple[float, float] | None = None
) -> CaptionedTable:
    """The tokens on which a latent fires, at most MOST_TOKENS, as `tokens_of_latent` ranks them."""
    check_latent(bundle, latent)
    every = tokens_of_latent(bundle, latent, regime or EVERY)
    rows = every.slice(0, MOST_TOKENS)
    return CaptionedTable(
        name=f"latent-{latent}-tokens-list",
        title="Tokens on which it fires" + ("" if regime is None else ", in the range"),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            latent=latent,
            active_tokens=count(pc.sum(every["active_tokens"]).as_py() or 0),
            different_tokens=listed_part(rows.num_rows, every.num_rows),
            **({} if regime is None else {"range": range_words(regime)}),
        ),
        note=None if rows.num_rows else "It is active on no token.",
    )


@cached
def partners_by(bundle: Bundle, latent: int, measure: str) -> pa.Table:
    """The ranked partners of a latent, which are listed and offered as pairs."""
    return ranked_partners(bundle, latent, measure)


@cached
def listed_partners(
    bundle: Bundle, latent: int, measure: str = "phi", regime: tuple[float, float] | None = None
) -> CaptionedTable:
    """The strongest partners, at most MOST_LISTED.

    With a range `regime` of the activation, they are those of `regime_partners`. Columns: latent,
    name, the measure, joint_tokens, joint_documents, with a range its other columns, and snippet.
    If there are none, the note gives the reason.
    """
    check_latent(bundle, latent)
    check_measure(measure)
    if regime is None:
        ranked = partners_by(bundle, latent, measure)
    else:
        # Imported here because numba would delay the first page.
        from analysis.cooccurrence.regime_partners import regime_partners  # noqa: PLC0415

        ranked = regime_partners(bundle, latent, *regime, measure)
    rows = ranked.slice(0, MOST_LISTED)
    kept = ("joint_tokens", "share", "share_outside", "joint_documents", "expected_documents")
    columns = [name for name in (measure, *kept, "q_value") if name in rows.column_names]
    within = {} if regime is None else {"range": range_words(regime)}
    return CaptionedTable(
        name=f"latent-{latent}-partners-list-{measure}",
        title=f"Latents that fire with it, by {title_of(measure)}"
        + ("" if regime is None else ", in the range"),
        rows=_described(bundle, latent, rows["partner"], rows.select(columns)),
        caption=caption_of(
            bundle,
            unit="token",
            latent=latent,
            measure=measure,
            partners=listed_part(rows.num_rows, ranked.num_rows),
            **within,
        ),
        note=None if ranked.num_rows else reason_for_no_partners(bundle, latent),
    )


def listed_part(listed: int, total: int) -> str:
    """How many of all rows are listed."""
    return f"{count(listed)} of {count(total)}"


@cached
def listed_neighbours(bundle: Bundle, latent: int) -> CaptionedTable:
    """The nearest decoder vectors by rank: cosine, phi and joint tokens, relation, snippet.

    phi and joint_tokens are null for a pair that the bundle does not store.
    """
    check_latent(bundle, latent)
    neighbours = _nearest(bundle, latent)
    ids = neighbours["neighbour"]
    stored = bundle.partners.of(latent).select(["latent", "partner", "joint_tokens"])
    stored = measure_table(stored, bundle.latents, bundle.manifest.tokens, ["phi"])
    place = pc.index_in(ids, value_set=stored["partner"].combine_chunks())
    related = listed_relations(bundle, latent).rows
    names = dict(zip(*(related[c].to_pylist() for c in ("latent", "relation")), strict=True))
    table = pa.table(
        {
            "cosine": neighbours["cosine"],
            "phi": stored["phi"].take(place),
            "joint_tokens": stored["joint_tokens"].take(place),
            "relation": pa.array([names.get(i, "") for i in ids.to_pylist()], pa.string()),
        }
    )
    return CaptionedTable(
        name=f"latent-{latent}-neighbours-list",
        title="Nearest decoder vectors",
        rows=_described(bundle, latent, ids, table),
        caption=caption_of(
            bundle, unit="token", latent=latent, neighbours=count(neighbours.num_rows)
        ),
        note="Latents with similar decoder vectors need not fire on the same tokens.",
    )


@cached
def listed_relations(bundle: Bundle, latent: int) -> CaptionedTable:
    """The listed relations of a latent with others, in the order of `relation_rows`."""
    check_latent(bundle, latent)
    chosen = np.zeros(bundle.latents.num_rows, dtype=bool)
    chosen[latent] = True
    rows, _ = relation_rows(bundle, chosen, hide_flags=False)
    a, b = (rows[end].to_numpy() for end in ("a", "b"))
    others = pa.chunked_array([pa.array(np.where(a == latent, b, a).astype(np.int32))])
    names = [
        _relation_words(name, is_a)
        for name, is_a in zip(rows["relation"].to_pylist(), (a == latent).tolist(), strict=True)
    ]
    table = rows.select(["joint_tokens", "expected_shifted", "q_value"])
    table = table.add_column(0, "relation", pa.array(names, pa.string()))
    return CaptionedTable(
        name=f"latent-{latent}-relations-list",
        title="Relations",
        rows=_described(bundle, latent, others, table),
        caption=caption_of(bundle, unit="token", latent=latent, relations=count(rows.num_rows)),
        note=None if rows.num_rows else "No relation of this latent is listed.",
    )


def _relation_words(relation: str, is_a: bool) -> str:
    """The relation as seen from the latent; an implication has a direction."""
    if relation == "implication":
        return "it implies" if is_a else "is implied by"
    return RELATIONS[relation]


def _described(bundle: Bundle, latent: int, others: pa.ChunkedArray, columns: pa.Table) -> pa.Table:
    """The columns with the id, the name and the strongest context of other latents."""
    ids: Ints = others.to_numpy().astype(np.int64)
    snippets = _snippets_around(bundle, latent)
    missing = [other for other in ids.tolist() if other not in snippets]
    if missing:
        snippets = snippets | strongest_snippets(bundle, np.array(missing))
    lines = [snippets.get(other, NO_SNIPPET).line for other in ids.tolist()]
    rows = columns.add_column(0, "latent", others.cast(pa.int32()))
    rows = rows.add_column(1, "name", pa.array(names_of(bundle, ids), pa.string()))
    return rows.append_column("snippet", pa.array(lines, pa.string()))


@cached
def _snippets_around(bundle: Bundle, latent: int) -> dict[int, Snippet]:
    """The strongest contexts of the latents that a page lists, read together for all its lists."""
    partners = partners_by(bundle, latent, "phi")["partner"].slice(0, MOST_LISTED)
    ids = [*partners.to_pylist(), *_nearest(bundle, latent)["neighbour"].to_pylist()]
    snippets = strongest_snippets(bundle, np.array(ids)) if ids else {}
    return {other: snippets.get(other, NO_SNIPPET) for other in ids}


@cached
def _nearest(bundle: Bundle, latent: int) -> pa.Table:
    """The nearest decoder vectors by rank."""
    return bundle.neighbours.of(latent).sort_by("rank")


def names_of(bundle: Bundle, latents: Ints) -> list[str]:
    """The name and id of each latent."""
    names = names_of_latents(bundle, latents).to_pylist()
    return [
        f"{shown_label(name, 26) or 'no label'} · {latent}"
        for latent, name in zip(latents.tolist(), names, strict=True)
    ]
