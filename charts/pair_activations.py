"""The activations of two latents, token by token."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import Pair, joint_sample
from analysis.runtime.numbers import count
from charts.core.cache import cached
from charts.core.drawing import each, named, slot, template
from charts.core.figure import Figure
from charts.core.numbers import NUMBER
from charts.core.theme import A_COLOUR, B_COLOUR, BOTH_COLOUR, layered
from charts.pair import pair_caption


@cached
def joint_activations(bundle: Bundle, pair: Pair) -> Figure:
    """Scatter plot of the activations of both latents on tokens on which either is active."""
    rows = joint_sample(pair, seed=bundle.manifest.parameters.seed)
    table = pair.tables["token"]
    where = np.where(
        rows["a"].to_numpy() > pair.threshold,
        np.where(rows["b"].to_numpy() > pair.threshold, "both", f"only {pair.a}"),
        f"only {pair.b}",
    )
    rows = rows.append_column("where", pa.array(where.tolist(), pa.string()))
    either = int(table.n11) + int(table.n10) + int(table.n01)
    names = ["both", f"only {pair.a}", f"only {pair.b}"]
    drawn = f"{count(rows.num_rows)} of {count(either)}"
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-activations",
        title="Activations of both, token by token",
        chart=_scatter().draw(
            {"rows": rows.select(["a", "b", "where", "token"])},
            names=names,
            a=str(pair.a),
            b=str(pair.b),
        ),
        rows=rows,
        caption=pair_caption(bundle, pair, "token", drawn=drawn),
        note=(
            f"{drawn} tokens on which either fires{_sampled(rows.num_rows, either)}; both fire on "
            f"{count(int(table.n11))}. Points on an axis are tokens on which only one fires."
        ),
    )


@template
def _scatter() -> alt.LayerChart:
    chart = (
        alt.Chart(named("rows"))
        .mark_circle(size=22, opacity=0.5)
        .encode(
            x=alt.X("a:Q", title=f"activation of {slot('a')}", scale=alt.Scale(nice=False)),
            y=alt.Y("b:Q", title=f"activation of {slot('b')}", scale=alt.Scale(nice=False)),
            color=alt.Color(
                "where:N",
                title=None,
                scale=alt.Scale(domain=each("names"), range=[BOTH_COLOUR, A_COLOUR, B_COLOUR]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("where:N", title="active"),
                alt.Tooltip("a:Q", title=slot("a"), format=NUMBER),
                alt.Tooltip("b:Q", title=slot("b"), format=NUMBER),
            ],
        )
    )
    return layered(chart, height=300)


def _sampled(drawn: int, total: int) -> str:
    return ", a random sample" if drawn < total else ""
