"""Relations of two latents: duplicate, implication, exclusive siblings, absorption candidate."""

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.latents.flags import is_flagged
from analysis.runtime.arrays import Floats
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count, probability
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import RELATION
from charts.core.names import names_of_latents
from charts.core.numbers import COUNT, FRACTION, NUMBER, NUMBER_AXIS
from charts.core.text import name_of
from charts.core.theme import NARROW, QUIET_INK, RELATION_COLOURS, layered

RELATIONS = {
    "duplicate": "duplicate",
    "implication": "implication, a ⇒ b",
    "exclusive": "exclusive siblings",
    "absorption_candidate": "absorption candidate",
}
COLOURS = dict(zip(RELATIONS, RELATION_COLOURS, strict=True))
ALL = "all"
MOST_DRAWN = 2_000
HEIGHT = 380


@cached
def relation_rows(
    bundle: Bundle,
    chosen: np.ndarray,
    relation: str = ALL,
    *,
    hide_flags: bool = True,
    within: bool = False,
) -> tuple[pa.Table, int]:
    """Listed pairs with a latent in the mask, smallest q first, and the number of hidden pairs.

    Many pairs have the smallest q that a number can hold. Among equals, the pair whose joint tokens
    differ most from chance comes first (the ratio to what the shift expects).

    `chosen` [n_latents] is the mask. With `within`, both latents must be in it. `hide_flags`
    excludes pairs with a dense or an ultralow latent, and siblings under such a parent: it is not
    informative that children of a latent that is almost always active exclude each other. Columns:
    a, b, their labels, then as in the bundle. Raises InputError for an unknown relation.
    """
    if relation not in (ALL, *RELATIONS):
        raise InputError(
            f"There is no relation {relation!r}; choose one of {', '.join(RELATIONS)}."
        )
    listed = _listed(bundle)
    a, b = listed["a"].to_numpy(), listed["b"].to_numpy()
    keep = chosen[a] & chosen[b] if within else chosen[a] | chosen[b]
    if relation != ALL:
        keep &= np.asarray(pc.equal(listed["relation"], relation))
    hidden = np.zeros(len(keep), dtype=bool)
    if hide_flags:
        flagged = is_flagged(bundle.latents)
        parent = pc.fill_null(listed["parent"], -1).to_numpy()
        hidden = keep & (flagged[a] | flagged[b] | (flagged[parent] & (parent >= 0)))
    rows = listed.filter(pa.array(keep & ~hidden))
    order = np.lexsort(
        (rows["b"].to_numpy(), rows["a"].to_numpy(), -_effect(rows), rows["q_value"].to_numpy())
    )
    rows = rows.take(order)
    for at, end in ((2, "a"), (3, "b")):
        rows = rows.add_column(at, f"{end}_label", names_of_latents(bundle, rows[end]))
    return rows, int(hidden.sum())


@cached
def _listed(bundle: Bundle) -> pa.Table:
    """All listed pairs: those of one latent are anywhere in the table."""
    listed = bundle.relations.all()
    return listed.set_column(2, "relation", listed["relation"].cast(pa.string()))


def _effect(rows: pa.Table) -> Floats:
    """|log2| [n] of the joint tokens over those expected under the shift, rounded."""
    joint, shifted = (rows[name].to_numpy() for name in ("joint_tokens", "expected_shifted"))
    effect: Floats = np.abs(np.log2((joint + 0.5) / (shifted + 0.5))).round(6)
    return effect


@cached
def relation_points(
    bundle: Bundle,
    chosen: np.ndarray,
    relation: str = ALL,
    *,
    hide_flags: bool = True,
    within: bool = False,
) -> Figure:
    """Joint tokens against chance, coloured by relation. A click gives RELATION: a and b.

    Chance is the mean under the circular shift that the relation was tested with. Pairs above the
    diagonal share more tokens than that, pairs below it fewer.
    """
    every, hidden = relation_rows(bundle, chosen, relation, hide_flags=hide_flags, within=within)
    rows = every.slice(0, MOST_DRAWN)
    flagged = (
        f"{count(hidden)} pairs with a dense or ultralow latent or parent are hidden."
        if hide_flags
        else "Pairs with dense and ultralow latents are included."
    )
    return Figure(
        name=f"relations-{relation}",
        title="Relations between latents: joint tokens against chance",
        chart=_drawing(rows),
        rows=rows,
        caption=caption_of(
            bundle, unit="token", relation=relation, pairs=f"{rows.num_rows} of {every.num_rows}"
        ),
        selections=(RELATION.name,),
        note=(
            "Line: the count expected under the null of the test, which shifts one latent against "
            "the other inside each document (for siblings, on the tokens of their parent). Pairs "
            "above the line share more tokens than expected, pairs below it fewer. "
            f"{_drawn(rows.num_rows, every.num_rows)}{flagged}"
        ),
    )


def _drawn(drawn: int, total: int) -> str:
    return (
        f"Drawn: the {count(drawn)} of {count(total)} pairs with the smallest q. "
        if drawn < total
        else ""
    )


def _drawing(rows: pa.Table) -> Drawing:
    names = [
        [
            name_of(i, t)
            for i, t in zip(rows[e].to_pylist(), rows[f"{e}_label"].to_pylist(), strict=True)
        ]
        for e in ("a", "b")
    ]
    data = rows.drop_columns(["a_label", "b_label"])
    for end, texts in zip(("a", "b"), names, strict=True):
        data = data.append_column(f"{end}_name", pa.array(texts, pa.string()))
    q_values = [probability(q) for q in rows["q_value"].to_pylist()]
    data = data.append_column("q", pa.array(q_values, pa.string()))
    most = max(
        (pc.max(rows[n]).as_py() or 1 for n in ("expected_shifted", "joint_tokens")), default=1
    )
    return _chart().draw(
        {"pairs": data, "chance": pa.table({"at": np.geomspace(0.01, 2 * most, 60)})},
        end=2 * most,
        ticks=[0, *(10**power for power in range(-1, int(np.log10(max(most, 1))) + 1))],
    )


@template
def _chart() -> alt.LayerChart:
    scale = alt.Scale(type="symlog", constant=0.1, domain=[0, slot("end")], nice=False)
    axis = alt.Axis(values=each("ticks"), format=NUMBER_AXIS)
    points = (
        alt.Chart(named("pairs"))
        .mark_circle(size=55, opacity=0.75, cursor="pointer")
        .encode(
            x=alt.X(
                "expected_shifted:Q",
                title="joint tokens expected by the shift",
                scale=scale,
                axis=axis,
            ),
            y=alt.Y("joint_tokens:Q", title="joint tokens", scale=scale, axis=axis.copy()),
            color=alt.Color(
                "relation:N",
                title=None,
                scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
                legend=alt.Legend(
                    orient="top",
                    labelExpr="replace(datum.label, '_', ' ')",
                    columns=alt.ExprRef(f"{NARROW} ? 2 : 4"),
                ),
            ),
            tooltip=[
                alt.Tooltip("relation:N"),
                alt.Tooltip("a_name:N", title="a"),
                alt.Tooltip("b_name:N", title="b"),
                alt.Tooltip("joint_tokens:Q", title="joint tokens", format=COUNT),
                alt.Tooltip("expected_shifted:Q", title="expected under the shift", format=NUMBER),
                alt.Tooltip("expected:Q", title="expected if independent", format=NUMBER),
                alt.Tooltip("p_b_given_a:Q", title="P(b given a)", format=FRACTION),
                alt.Tooltip("p_a_given_b:Q", title="P(a given b)", format=FRACTION),
                alt.Tooltip("q:N"),
            ],
        )
        .properties(name="pairs")
        .add_params(RELATION.parameter())
    )
    chance = (
        alt.Chart(named("chance"))
        .mark_line(color=QUIET_INK, strokeDash=[4, 3], strokeWidth=1)
        .encode(x="at:Q", y="at:Q")
    )
    return layered(chance, points, height=HEIGHT)
