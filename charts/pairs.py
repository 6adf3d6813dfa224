"""Pairs of latents that fire together, ranked."""

from typing import NamedTuple

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence.association import measure_table
from analysis.latents.flags import is_flagged
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.numbers import count
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import PAIR, PAIR_BRUSH
from charts.core.measures import check_measure, format_of, measured, title_of, value_texts
from charts.core.names import names_of_latents
from charts.core.numbers import COUNT
from charts.core.text import name_of
from charts.core.theme import ACCENT, QUIET_INK, bar_scale, layered, name_limit
from charts.stored_pairs import StoredPairs, first_of_each, pair_ids, stored_pairs

ROW = 30
"""Pixels, for the two lines of a name."""
MOST_LISTED = 1_000
"""Pairs of a ranking that are kept, for a table and for charts."""
FEW = 1_000
"""The pairs of at most 1 / FEW of the latents are read from the bundle. For more latents, all pairs
are read once and kept."""


class RankedPairs(NamedTuple):
    """The strongest pairs of a selection, and how many others there are."""

    rows: pa.Table
    """Strongest first. Columns: latent and partner, their labels, the joint counts, every measure.
    The selected latent comes first; if both are selected, the rarer one does, so that P(b given a)
    is the larger of the two conditional probabilities."""
    total: int
    """Pairs that are ranked, also those that are not in `rows`."""
    hidden: int | None
    """Other pairs, with a dense or an ultralow latent; None if they are not counted."""
    rare: int | None
    """Other pairs, with fewer joint tokens than the bundle's `minimum_joint`; None if they are not
    counted, because they are too many."""


@cached
def strongest_pairs(
    bundle: Bundle,
    latents: np.ndarray,
    measure: str = "phi",
    *,
    within: bool = False,
    hide_flags: bool = True,
    hide_rare: bool = True,
    most: int | None = MOST_LISTED,
) -> RankedPairs:
    """The `most` strongest of the stored pairs with a latent of the selection, each pair once.

    `latents` [n] are ids. With `within`, both latents must be selected. `hide_flags` excludes pairs
    with a dense or an ultralow latent, which would dominate the ranking; `hide_rare` excludes pairs
    with too few joint tokens to rank. Raises InputError for an unknown measure.
    """
    check_measure(measure)
    chosen = np.zeros(bundle.latents.num_rows, dtype=bool)
    chosen[np.asarray(latents, dtype=np.int64)] = True
    is_large = FEW * np.count_nonzero(chosen) > len(chosen)
    stored = stored_pairs(bundle) if hide_rare and is_large else None
    if stored is not None:
        pairs, hidden, rare = _kept(stored, chosen, within=within, hide_flags=hide_flags)
    else:
        pairs, hidden, rare = _read(
            bundle, chosen, within=within, hide_flags=hide_flags, hide_rare=hide_rare
        )
    ranked = _ranked(bundle, _selected_first(bundle, pairs, chosen), measure, most)
    return RankedPairs(ranked, pairs.num_rows, hidden, rare)


def _kept(
    pairs: StoredPairs, chosen: Bools, *, within: bool, hide_flags: bool
) -> tuple[pa.Table, int | None, int | None]:
    """The same as `_read` without rare pairs, from all pairs of a bundle."""
    left = pairs.often.of(chosen, within=within)
    flagged = left & pairs.often.flagged & hide_flags
    rows = pairs.rows.take(np.flatnonzero(left & ~flagged))
    if pairs.rare is None:
        return rows, None, None
    rare = pairs.rare.of(chosen, within=within)
    flagged_rare = rare & pairs.rare.flagged & hide_flags
    hidden = int(np.count_nonzero(flagged)) + int(np.count_nonzero(flagged_rare))
    return rows, hidden, int(np.count_nonzero(rare & ~flagged_rare))


def _read(
    bundle: Bundle, chosen: Bools, *, within: bool, hide_flags: bool, hide_rare: bool
) -> tuple[pa.Table, int, int]:
    """The pairs to rank, each once, and how many flagged and how many rare ones are hidden."""
    stored = bundle.partners.of(np.flatnonzero(chosen))
    a, b = (stored[end].to_numpy() for end in ("latent", "partner"))
    pair = pair_ids(a, b, len(chosen))
    left = chosen[b] if within else np.ones(len(a), dtype=bool)
    hidden = rare = 0
    if hide_flags:
        flagged = is_flagged(bundle.latents)
        without = ~flagged[a] & ~flagged[b]
        hidden = _distinct(pair[left & ~without])
        left &= without
    if hide_rare:
        often = stored["joint_tokens"].to_numpy() >= bundle.manifest.parameters.minimum_joint
        rare = _distinct(pair[left & ~often])
        left &= often
    # Both latents of a pair may list it.
    places = np.flatnonzero(left)
    return stored.take(places[first_of_each(pair[places])]), hidden, rare


def _distinct(ids: Ints) -> int:
    """The number of different ids; `numpy.unique` takes a hundred times as long for millions."""
    ordered = np.sort(ids)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(len(ordered), 1)


def _selected_first(bundle: Bundle, pairs: pa.Table, chosen: Bools) -> pa.Table:
    """The pairs with the latent in `chosen` [n_latents] first; of two, the rarer one."""
    active = bundle.latents["active_tokens"].to_numpy()
    a, b = pairs["latent"].to_numpy(), pairs["partner"].to_numpy()
    rarer = (active[b] < active[a]) | ((active[b] == active[a]) & (b < a))
    swap = ~chosen[a] | (chosen[b] & rarer)
    for place, ends in enumerate((np.where(swap, b, a), np.where(swap, a, b))):
        pairs = pairs.set_column(place, pairs.field(place), pa.array(ends, pa.int32()))
    return pairs


def _ranked(bundle: Bundle, pairs: pa.Table, measure: str, most: int | None) -> pa.Table:
    """The `most` strongest pairs, with their labels and all measures; ties by their ids."""
    values = measure_table(pairs, bundle.latents, bundle.manifest.tokens, [measure])[measure]
    strength = values.to_numpy()
    if most is not None and most < len(strength):
        # Sorting all pairs would take longer than all the rest.
        weakest = np.partition(strength, -most)[-most]
        places = np.flatnonzero(strength >= weakest)
        pairs, strength = pairs.take(places), strength[places]
    order = np.lexsort((pairs["partner"].to_numpy(), pairs["latent"].to_numpy(), -strength))
    rows = measured(bundle, pairs.take(order[:most]), measure)
    for at, end in ((2, "latent"), (3, "partner")):
        rows = rows.add_column(at, f"{end}_label", names_of_latents(bundle, rows[end]))
    return rows


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
    """The strongest pairs of the selection. A click gives PAIR, a drag PAIR_BRUSH."""
    every = strongest_pairs(bundle, latents, measure, within=within, hide_flags=hide_flags)
    rows = every.rows.take(np.arange(min(limit, every.rows.num_rows)))  # a slice would keep all
    return Figure(
        name=f"pairs-{measure}",
        title=f"Pairs that fire together, by {title_of(measure)}",
        chart=_drawing(rows, measure),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            measure=measure,
            pairs=f"{rows.num_rows} of {every.total} stored",
            latents=len(np.unique(latents)),
            minimum_joint_tokens=bundle.manifest.parameters.minimum_joint,
            partners_kept=bundle.manifest.parameters.partners_kept,
        ),
        selections=(PAIR.name, PAIR_BRUSH.name),
        note=_note(every, bundle.manifest.parameters.minimum_joint, hide_flags=hide_flags),
    )


def _note(pairs: RankedPairs, minimum_joint: int, *, hide_flags: bool) -> str:
    """What the ranking excludes, and why."""
    flagged = "Pairs with dense and ultralow latents are included; they may dominate the list."
    if hide_flags:
        why = "they would dominate the ranking"
        flagged = _hidden(pairs.hidden, "a dense or ultralow latent", why)
    few = _hidden(pairs.rare, f"fewer than {minimum_joint} joint tokens", "too few to rank")
    return flagged if pairs.rare == 0 else f"{flagged} {few}"


def _hidden(number: int | None, what: str, why: str) -> str:
    """A sentence on the pairs that are hidden; None is some number that is not counted."""
    if number == 0:
        return f"No pairs with {what} are hidden."
    if number == 1:
        return f"1 pair with {what} is hidden: {why}."
    return (
        f"{'Pairs' if number is None else f'{count(number)} pairs'} with {what} are hidden: {why}."
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
    # An axis to the bound of the measure would leave most of the chart empty if all are weak.
    most = (pc.max(rows[measure]).as_py() if rows.num_rows else None) or 1.0
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
            scale=bar_scale([0, slot("end")]),
        ),
        y=alt.Y(
            "pair:N",
            sort=None,
            title=None,
            # Each latent on a line of its own, so that a phone has room for the bars.
            axis=alt.Axis(
                labelExpr="split(datum.label, '\\n')",
                labelLimit=name_limit(165),
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
        .add_params(PAIR.parameter(), PAIR_BRUSH.parameter())
    )
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=QUIET_INK).encode(text="text:N")
    return layered(bars, texts)
