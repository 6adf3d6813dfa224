"""Contexts of all members of a cluster in one figure, each line labelled with its member."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, ContextKind
from analysis.runtime.arrays import Ints
from analysis.runtime.errors import InputError
from charts.cluster_evidence import cluster_row
from charts.contexts import context_chart, context_rows
from charts.core.cache import cached
from charts.core.figure import Figure, caption_of
from charts.core.interactions import LATENT
from charts.core.names import name_by_latent
from charts.core.text import name_of

MOST_POOLED = 12


@cached
def cluster_contexts(bundle: Bundle, cluster: int, kind: ContextKind = "top") -> Figure:
    """Contexts of the members of a cluster, each labelled with its member.

    `top`: the strongest relative to each member's own maximum; ties go to the member with more
    active tokens. `random`: a sample of the stored contexts in which a member is drawn in
    proportion to its active tokens. No token is picked twice. A click gives LATENT, the member.
    Raises InputError for an unknown cluster or kind.
    """
    if kind not in ("top", "random"):
        raise InputError(f"Contexts of a cluster: there is no kind {kind!r}; choose top or random.")
    size = cluster_row(bundle, cluster)["size"]
    members = bundle.memberships.filter(pc.equal(bundle.memberships["cluster"], cluster))
    stored = _of_kind(bundle.contexts.of(members["latent"].to_numpy()), kind)
    drawn = stored.take(pa.array(_ranking(bundle, stored, kind, cluster)))
    rows = context_rows(bundle, drawn)
    latents = rows.filter(rows["is_picked"])["latent"].to_pylist()
    names = name_by_latent(bundle, latents)
    sides = [name_of(latent, names[latent], 22) for latent in latents]
    return Figure(
        name=f"cluster-{cluster}-contexts-{kind}",
        title="Strongest contexts of the members" if kind == "top" else "Random active contexts",
        chart=context_chart(rows, "activation / the member's own maximum", sides, LATENT),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="context",
            cluster=cluster,
            contexts=f"{drawn.num_rows} of {stored.num_rows} {kind} contexts of {size} members",
        ),
        selections=(LATENT.name,),
        note=(
            "In each line the named member is active on the framed token. The lines are the "
            "strongest relative to the member's own maximum, so they make the cluster look "
            "cleaner than it is."
            if kind == "top"
            else "In each line the named member is active on the framed token. A member is drawn "
            "in proportion to the number of its active tokens."
        ),
    )


def _of_kind(contexts: pa.Table, kind: ContextKind) -> pa.Table:
    return contexts.filter(pc.equal(contexts["kind"].cast("string"), kind))


def _ranking(bundle: Bundle, stored: pa.Table, kind: ContextKind, cluster: int) -> Ints:
    """Indices of the contexts to draw, in order."""
    latents = stored["latent"].to_numpy()
    largest, active = (
        bundle.latents[name].to_numpy(zero_copy_only=False)[latents]
        for name in ("max", "active_tokens")
    )
    if kind == "top":
        ratio = stored["activation"].to_numpy() / largest
        order = np.lexsort((latents, -active, -ratio))
    else:
        contexts = np.bincount(latents)[latents]
        # The smallest of several exponential times is a draw in proportion to their rates.
        times = np.random.default_rng(cluster).exponential(size=len(latents))
        order = np.argsort(times * contexts / active, kind="stable")
    place = np.column_stack([stored[name].to_numpy()[order] for name in ("document", "position")])
    _, first = np.unique(place, axis=0, return_index=True)
    return order[np.sort(first)][:MOST_POOLED]
