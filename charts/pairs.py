"""Pairs of latents that fire together, ranked."""

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.latents.flags import is_flagged
from analysis.runtime.numbers import count
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import PAIR
from charts.core.measures import check_measure, format_of, measured, range_of, title_of, value_texts
from charts.core.numbers import COUNT
from charts.core.text import name_of
from charts.core.theme import ACCENT, QUIET_INK, layered

ROW = 30
"""Pixels, for the two lines of a name."""


def pair_rows(
    bundle: Bundle,
    latents: np.ndarray,
    measure: str = "phi",
    *,
    within: bool = False,
    hide_flags: bool = True,
    hide_rare: bool = True,
) -> pa.Table:
    """Every stored pair with a latent of the selection, once, strongest first.

    `latents` [n] are ids. With `within`, both latents must be selected. `hide_flags` excludes pairs
    with a dense or an ultralow latent, which would dominate the ranking; `hide_rare` excludes pairs
    with fewer joint tokens than the bundle's `minimum_joint`, which are too few to rank. Columns:
    latent and partner (selected latent first; if both are selected, the rarer one), their labels,
    the joint counts, every measure. Raises InputError for an unknown measure.
    """
    return _pairs(bundle, latents, measure, within, hide_flags, hide_rare)[0]


def _pairs(
    bundle: Bundle,
    latents: np.ndarray,
    measure: str,
    within: bool,
    hide_flags: bool,
    hide_rare: bool,
) -> tuple[pa.Table, int, int]:
    """The pairs, the number hidden for a flag, and the number of others hidden as rare."""
    check_measure(measure)
    chosen = np.zeros(bundle.latents.num_rows, dtype=bool)
    chosen[np.asarray(latents, dtype=np.int64)] = True
    active = bundle.latents["active_tokens"].to_numpy()
    pairs = _once(bundle.partners.of(np.flatnonzero(chosen)), chosen, active, within)
    hidden = 0
    if hide_flags:
        flagged = is_flagged(bundle.latents)
        shown = ~flagged[pairs["latent"].to_numpy()] & ~flagged[pairs["partner"].to_numpy()]
        hidden = int((~shown).sum())
        pairs = pairs.filter(pa.array(shown))
    rare = 0
    if hide_rare:
        often = pc.greater_equal(pairs["joint_tokens"], bundle.manifest.parameters.minimum_joint)
        rare = pairs.num_rows - pc.sum(often).as_py() if pairs.num_rows else 0
        pairs = pairs.filter(often)
    rows = measured(bundle, pairs, measure)
    rows = rows.sort_by(
        [(measure, "descending"), ("latent", "ascending"), ("partner", "ascending")]
    )
    for at, end in ((2, "latent"), (3, "partner")):
        rows = rows.add_column(at, f"{end}_label", bundle.latents["label"].take(rows[end]))
    return rows, hidden, rare


def _once(pairs: pa.Table, chosen: np.ndarray, active: np.ndarray, within: bool) -> pa.Table:
    """Each unordered pair once, although both of its latents may list it.

    The selected latent comes first. If both are selected, the rarer one does, so that P(b given a)
    is the larger of the two conditional probabilities.
    """
    a, b = pairs["latent"].to_numpy(), pairs["partner"].to_numpy()
    keep = chosen[b] if within else np.ones(len(a), dtype=bool)
    both = chosen[a] & chosen[b]
    swap = both & ((active[b] < active[a]) | ((active[b] == active[a]) & (b < a)))
    first, second = np.where(swap, b, a), np.where(swap, a, b)
    order = np.lexsort((second, first))
    new = np.ones(len(a), dtype=bool)
    new[1:] = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
    rows = order[new]
    rows = rows[keep[rows]]
    taken = pairs.take(pa.array(rows))
    return taken.set_column(0, taken.field(0), pa.array(first[rows], pa.int32())).set_column(
        1, taken.field(1), pa.array(second[rows], pa.int32())
    )


@cached
def ranked_pairs(
    bundle: Bundle,
    latents: np.ndarray,
    measure: str = "phi",
    limit: int = 30,
    *,
    within: bool = False,
    hide_flags: bool = True,
) -> Figure:
    """The strongest pairs of the selection. A click gives PAIR: latent and partner."""
    every, hidden, rare = _pairs(bundle, latents, measure, within, hide_flags, hide_rare=True)
    # A slice would keep all pairs in memory.
    rows = every.take(pa.array(range(min(limit, every.num_rows)), pa.int64()))
    return Figure(
        name=f"pairs-{measure}",
        title=f"Pairs that fire together, by {title_of(measure)}",
        chart=_drawing(rows, measure),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            measure=measure,
            pairs=f"{rows.num_rows} of {every.num_rows} stored",
            latents=len(np.unique(latents)),
            minimum_joint_tokens=bundle.manifest.parameters.minimum_joint,
            partners_kept=bundle.manifest.parameters.partners_kept,
        ),
        selections=(PAIR.name,),
        note=_note(hidden if hide_flags else None, rare, bundle.manifest.parameters.minimum_joint),
    )


def _note(hidden: int | None, rare: int, minimum_joint: int) -> str:
    """What the ranking excludes, and why; `hidden` is None if flagged latents are included."""
    few = (
        f"{count(rare)} pairs with fewer than {minimum_joint} joint tokens are hidden: too few to "
        "rank."
    )
    if hidden is None:
        return (
            f"Pairs with dense and ultralow latents are included; they may dominate the list. {few}"
        )
    return (
        f"{count(hidden)} pairs with a dense or ultralow latent are hidden: they would dominate "
        f"the ranking. {few}"
    )


def _drawing(rows: pa.Table, measure: str) -> Drawing:
    ends = [
        [
            name_of(i, t, 22)
            for i, t in zip(rows[e].to_pylist(), rows[f"{e}_label"].to_pylist(), strict=True)
        ]
        for e in ("latent", "partner")
    ]
    data = rows.drop_columns(["latent_label", "partner_label"])
    pairs = [f"{a}\n+ {b}" for a, b in zip(*ends, strict=True)]
    data = data.append_column("pair", pa.array(pairs, pa.string()))
    largest = pc.max(rows[measure]).as_py() if rows.num_rows else None
    most = range_of(measure)[1] or largest or 1.0
    data = data.append_column("text", pa.array(value_texts(rows[measure], measure), pa.string()))
    others = tuple(name for name in rows.column_names[6:] if name != measure)
    return _chart(measure, others).draw(
        {"rows": data}, end=most * 1.12, height=46 + ROW * max(rows.num_rows, 1)
    )


@template
def _chart(measure: str, others: tuple[str, ...]) -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        x=alt.X(
            f"{measure}:Q",
            title=title_of(measure),
            axis=alt.Axis(tickCount=5),
            scale=alt.Scale(domain=[0, slot("end")], nice=False),
        ),
        y=alt.Y(
            "pair:N",
            sort=None,
            title=None,
            # Each latent on a line of its own, so that a phone has room for the bars.
            axis=alt.Axis(
                labelExpr="split(datum.label, '\\n')",
                labelLimit=165,
                labelFontSize=11,
                labelOffset=-6,
            ),
        ),
        tooltip=[
            alt.Tooltip("pair:N"),
            alt.Tooltip(f"{measure}:Q", title=title_of(measure), format=format_of(measure)),
            alt.Tooltip("joint_tokens:Q", title="joint tokens", format=COUNT),
            alt.Tooltip("joint_documents:Q", title="joint documents", format=COUNT),
            *(
                alt.Tooltip(f"{name}:Q", title=title_of(name), format=format_of(name))
                for name in others
            ),
        ],
    )
    bars = (
        base.mark_bar(height={"band": 0.7}, color=ACCENT, cursor="pointer")
        .properties(name="pairs")
        .add_params(PAIR.parameter())
    )
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=QUIET_INK).encode(text="text:N")
    return layered(bars, texts)
