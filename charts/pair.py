"""One pair of latents: its counts, its strength, and its activations."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import UNITS, Bundle, Unit
from analysis.cooccurrence.association import MEASURES, expected, lift, wilson_interval
from analysis.cooccurrence.pair import Pair, joint_sample
from charts.core.figure import Caption, Figure, Value, caption_of
from charts.core.measures import title_of
from charts.core.theme import (
    ACCENT,
    INK,
    PAPER,
    QUIET_INK,
    RULE,
    bare_x,
    bare_y,
    colour_scale,
    inline,
    layered,
)

A_COLOUR, B_COLOUR, BOTH_COLOUR = "#d95f02", "#1f6fb2", "#5b3a8c"
UNIT_WORDS: dict[Unit, str] = {"token": "tokens", "window": "windows", "document": "documents"}
STRENGTHS = ("phi", "jaccard", "npmi")
CELL_HEIGHT = 66
ROW = 30


def _caption(bundle: Bundle, pair: Pair, unit: str, **parameters: Value) -> Caption:
    """The caption with the pair's own rule: the page may ask for a higher threshold."""
    rule = f"activation > {pair.threshold:g}"
    own = {} if rule == bundle.manifest.active_rule else {"pair_active_when": rule}
    return caption_of(bundle, unit=unit, a=pair.a, b=pair.b, **own, **parameters)


def pair_counts(bundle: Bundle, pair: Pair) -> Figure:
    """The 2x2 tables by token, window and document, beside one another.

    The colour compares a cell with what independent latents of the same margins would have there.
    """
    rows = _cells(pair)
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-counts",
        title=f"How often latents {pair.a} and {pair.b} fire together",
        chart=_cell_chart(rows, pair),
        rows=rows,
        caption=_caption(bundle, pair, "token, window and document", window=pair.window),
        note=(
            f"A window is {pair.window:,} consecutive kept tokens of one document; the last one of "
            "a document is shorter and counts as one. Larger units are shared by topic alone, too."
        ),
    )


def _cells(pair: Pair) -> pa.Table:
    rows = []
    for unit in UNITS:
        table = pair.tables[unit]
        n, n1, n2 = (float(value) for value in (table.n, table.n1, table.n2))
        for a, b, count in (
            (True, True, table.n11),
            (True, False, table.n10),
            (False, True, table.n01),
            (False, False, table.n00),
        ):
            by_chance = (n1 if a else n - n1) * (n2 if b else n - n2) / n if n else 0.0
            rows.append(
                {
                    "unit": unit,
                    "a_active": a,
                    "b_active": b,
                    "count": int(count),
                    "share": int(count) / n if n else 0.0,
                    "expected": by_chance,
                }
            )
    return pa.Table.from_pylist(rows)


def _cell_chart(rows: pa.Table, pair: Pair) -> alt.LayerChart:
    data = rows.to_pylist()
    for row in data:
        left = 2.35 * UNITS.index(row["unit"]) + (0 if row["b_active"] else 1)
        top = 0 if row["a_active"] else 1
        row |= {"x": left, "x2": left + 0.98, "y": top, "y2": top + 0.96, "middle": left + 0.49}
        row["times"] = float(np.log2((row["count"] + 0.5) / (row["expected"] + 0.5)))
        row["says"] = f"{row['count']:,}"
        row["part"] = _percent(row["share"])
        row["chance"] = f"expected {_short(row['expected'])}"
        row["cell"] = _named(row, pair)
    end = 2.35 * len(UNITS) - 0.37
    across, down = (-0.72, end), (1.98, -0.62)
    base = alt.Chart({"values": data})
    boxes = base.mark_rect(stroke=PAPER).encode(
        x=bare_x("x:Q", across),
        x2="x2:Q",
        y=bare_y("y:Q", down),
        y2="y2:Q",
        color=alt.Color(
            "times:Q",
            title="count / expected",
            scale=colour_scale(-3, 3, ["#eab0a8", "#f6f6f6", "#a9cbe8"]),
            legend=alt.Legend(
                orient="bottom",
                direction="horizontal",
                gradientLength=180,
                gradientThickness=9,
                values=[-3, 0, 3],
                labelExpr="datum.value == 0 ? 'as expected' : datum.value < 0 ? '1/8' : '8 ×'",
            ),
        ),
        tooltip=[
            alt.Tooltip("cell:N", title="cell"),
            alt.Tooltip("count:Q", format=","),
            alt.Tooltip("share:Q", format=".3%"),
            alt.Tooltip("expected:Q", title="expected if independent", format=",.3~r"),
        ],
    )
    inside = base.transform_calculate(line="datum.y + 0.48").encode(
        x=bare_x("middle:Q", across), y=bare_y("line:Q", down)
    )
    counts = inside.mark_text(fontSize=15, fontWeight="bold", dy=-16).encode(text="says:N")
    parts = inside.mark_text(fontSize=11.5, dy=2).encode(text="part:N")
    chance = inside.mark_text(fontSize=10.5, color=QUIET_INK, dy=18).encode(text="chance:N")
    heads = alt.Chart({"values": _headings(pair)})
    words = heads.mark_text(fontSize=11.5).encode(
        x=bare_x("x:Q", across),
        y=bare_y("y:Q", down),
        text="says:N",
        color=alt.Color("colour:N", scale=None),
    )
    return layered(
        boxes,
        counts,
        parts,
        chance,
        words,
        height=int(2.6 * CELL_HEIGHT) + 70,
    )


def _headings(pair: Pair) -> list[dict[str, object]]:
    """The words above the columns and beside the rows."""
    heads: list[dict[str, object]] = [
        {"x": -0.38, "y": 0.48, "says": f"{pair.a} fires", "colour": A_COLOUR},
        {"x": -0.38, "y": 1.48, "says": f"{pair.a} silent", "colour": QUIET_INK},
    ]
    for i, unit in enumerate(UNITS):
        left, n = 2.35 * i, int(pair.tables[unit].n)
        heads += [
            {"x": left + 1, "y": -0.45, "says": f"{n:,} {UNIT_WORDS[unit]}", "colour": INK},
            {"x": left + 0.49, "y": -0.15, "says": f"{pair.b} fires", "colour": B_COLOUR},
            {"x": left + 1.49, "y": -0.15, "says": f"{pair.b} silent", "colour": QUIET_INK},
        ]
    return heads


def _named(row: dict[str, object], pair: Pair) -> str:
    a = f"{pair.a} {'fires' if row['a_active'] else 'silent'}"
    b = f"{pair.b} {'fires' if row['b_active'] else 'silent'}"
    return f"{row['unit']}: {a}, {b}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if 0 < share < 0.1 else f"{100 * share:.1f} %"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def pair_conditionals(bundle: Bundle, pair: Pair) -> Figure:
    """P(b given a) and P(a given b) by every unit, with 95 % Wilson intervals.

    The tick is what the other latent's own density gives, which independent latents would have.
    """
    rows = []
    for unit in UNITS:
        table = pair.tables[unit]
        n, n1, n2, joint = (float(v) for v in (table.n, table.n1, table.n2, table.n11))
        for given, other, of, base in (
            (pair.a, pair.b, n1, n2),
            (pair.b, pair.a, n2, n1),
        ):
            low, high = wilson_interval(int(joint), int(of))
            rows.append(
                {
                    "unit": unit,
                    "probability": f"P({other} given {given})",
                    "share": joint / of if of else None,
                    "low": float(low),
                    "high": float(high),
                    "trials": int(of),
                    "density": base / n if n else 0.0,
                }
            )
    table = pa.Table.from_pylist(rows)
    names = [str(row["probability"]) for row in rows[:2]]
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-conditionals",
        title="If one fires, does the other?",
        chart=_whiskers(table, names),
        rows=table,
        caption=_caption(bundle, pair, "token, window and document", interval="Wilson 95 %"),
        note=(
            "Dot and line: the share and its 95 % Wilson interval; grey tick: the other latent's "
            "own density. Tokens of one document are not independent, so intervals by token are "
            "narrower than what is known."
        ),
    )


def _whiskers(rows: pa.Table, names: Sequence[str]) -> alt.LayerChart:
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("unit:N", sort=list(UNITS), title=None, scale=alt.Scale(paddingInner=0.2)),
        yOffset=alt.YOffset("probability:N", sort=list(names)),
        tooltip=[
            alt.Tooltip("probability:N"),
            alt.Tooltip("unit:N"),
            alt.Tooltip("share:Q", format=".4f"),
            alt.Tooltip("low:Q", format=".4f"),
            alt.Tooltip("high:Q", format=".4f"),
            alt.Tooltip("trials:Q", format=","),
            alt.Tooltip("density:Q", title="density of the other", format=".4f"),
        ],
    )
    colour = alt.Color(
        "probability:N",
        title=None,
        scale=alt.Scale(domain=list(names), range=[A_COLOUR, B_COLOUR]),
        legend=alt.Legend(orient="top", symbolType="circle"),
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("low:Q", title="probability", scale=scale, axis=alt.Axis(tickCount=5))
    lines = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", color=colour)
    dots = base.mark_circle(size=70, opacity=1).encode(
        x=alt.X("share:Q", scale=scale), color=colour
    )
    ticks = base.mark_tick(color=QUIET_INK, thickness=2, size=12).encode(x="density:Q")
    return layered(ticks, lines, dots, height=6 * ROW + 60)


def pair_expected(bundle: Bundle, pair: Pair) -> Figure:
    """The joint count of every unit beside what independent latents of these margins would have."""
    rows = pa.Table.from_pylist(
        [
            {
                "unit": unit,
                "joint": int(pair.tables[unit].n11),
                "expected": float(expected(pair.tables[unit])),
                "lift": float(lift(pair.tables[unit])),
            }
            for unit in UNITS
        ]
    )
    data = rows.append_column(
        "says", pa.array([f"{_short(value)} ×" for value in rows["lift"].to_pylist()])
    )
    most = max(*rows["joint"].to_pylist(), *rows["expected"].to_pylist(), 1.0)
    scale = alt.Scale(type="symlog", constant=1, domain=[0, 3 * most], nice=False)
    ticks = [0, *(10**power for power in range(int(np.log10(most)) + 1))]
    base = alt.Chart(inline(data)).encode(
        y=alt.Y("unit:N", sort=list(UNITS), title=None),
        tooltip=[
            alt.Tooltip("unit:N"),
            alt.Tooltip("joint:Q", format=","),
            alt.Tooltip("expected:Q", format=",.3~r"),
            alt.Tooltip("lift:Q", format=",.3~r"),
        ],
    )
    x = alt.X(
        "expected:Q",
        scale=scale,
        title="units with both (symmetric log)",
        axis=alt.Axis(values=ticks, format=",d"),
    )
    lines = base.mark_rule(color=RULE, strokeWidth=3).encode(x=x, x2="joint:Q")
    by_chance = base.mark_point(color=QUIET_INK, size=80, filled=False, strokeWidth=2).encode(x=x)
    found = base.mark_circle(color=BOTH_COLOUR, size=90, opacity=1).encode(x="joint:Q")
    says = base.mark_text(align="left", dx=10, fontSize=12).encode(
        x=alt.X("end:Q", scale=scale), text="says:N"
    )
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-expected",
        title="Joint count against chance",
        chart=layered(
            lines,
            by_chance,
            found,
            says.transform_calculate(end="max(datum.joint, datum.expected)"),
            height=3 * ROW + 60,
        ),
        rows=rows,
        caption=_caption(bundle, pair, "token, window and document", window=pair.window),
        note=(
            "Open ring: expected if the two were independent, n1·n2 / N; dot: counted; beside it "
            "the lift. The tests below say what chance leaves open."
        ),
    )


def pair_strengths(bundle: Bundle, pair: Pair) -> Figure:
    """Phi, Jaccard and NPMI by every unit; cosine and Pearson of the activations by token."""
    rows = [
        {
            "measure": title_of(name),
            "unit": unit,
            "value": float(MEASURES[name].of(pair.tables[unit])),
        }
        for name in STRENGTHS
        for unit in UNITS
    ]
    rows += [
        {"measure": "cosine of activations", "unit": "token", "value": pair.cosine},
        {"measure": "Pearson of activations", "unit": "token", "value": pair.pearson},
    ]
    table = pa.Table.from_pylist(rows)
    order = list(dict.fromkeys(str(row["measure"]) for row in rows))
    base = alt.Chart(inline(table)).encode(
        y=alt.Y("measure:N", sort=order, title=None, axis=alt.Axis(grid=True, labelLimit=190)),
        tooltip=[
            alt.Tooltip("measure:N"),
            alt.Tooltip("unit:N"),
            alt.Tooltip("value:Q", format=".4f"),
        ],
    )
    dots = base.mark_point(size=75, filled=True, opacity=0.9).encode(
        x=alt.X(
            "value:Q",
            title="value",
            scale=alt.Scale(domain=[-1, 1], nice=False),
            axis=alt.Axis(tickCount=9),
        ),
        color=alt.Color(
            "unit:N",
            title=None,
            scale=alt.Scale(domain=list(UNITS), range=[ACCENT, "#e9a83b", "#7d8791"]),
            legend=alt.Legend(orient="top"),
        ),
        shape=alt.Shape(
            "unit:N",
            scale=alt.Scale(domain=list(UNITS), range=["circle", "diamond", "square"]),
            legend=None,
        ),
    )
    zero = alt.Chart({"values": [{"at": 0}]}).mark_rule(color=RULE).encode(x="at:Q")
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-strengths",
        title="How strong is it, by measure and unit",
        chart=layered(zero, dots, height=len(order) * ROW + 60),
        rows=table,
        caption=_caption(bundle, pair, "token, window and document", window=pair.window),
        note=(
            "Phi and NPMI depend on how many units have neither latent; Jaccard does not. Cosine "
            "and Pearson are of the activations themselves over all kept tokens."
        ),
    )


def joint_activations(bundle: Bundle, pair: Pair) -> Figure:
    """Activations of both on the tokens where either is active; alone, a point lies on an axis."""
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
    chart = (
        alt.Chart(inline(rows.select(["a", "b", "where", "token"])))
        .mark_circle(size=22, opacity=0.5)
        .encode(
            x=alt.X("a:Q", title=f"activation of {pair.a}", scale=alt.Scale(nice=False)),
            y=alt.Y("b:Q", title=f"activation of {pair.b}", scale=alt.Scale(nice=False)),
            color=alt.Color(
                "where:N",
                title=None,
                scale=alt.Scale(domain=names, range=[BOTH_COLOUR, A_COLOUR, B_COLOUR]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("where:N", title="active"),
                alt.Tooltip("a:Q", title=str(pair.a), format=".3~r"),
                alt.Tooltip("b:Q", title=str(pair.b), format=".3~r"),
            ],
        )
    )
    drawn = f"{rows.num_rows:,} of {either:,}"
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-activations",
        title="Activations of both, token by token",
        chart=layered(chart, height=300),
        rows=rows,
        caption=_caption(bundle, pair, "token", drawn=drawn),
        note=(
            f"{drawn} tokens on which either fires{_sampled(rows.num_rows, either)}; both fire on "
            f"{int(table.n11):,}. Points on an axis: the other one is silent."
        ),
    )


def _sampled(drawn: int, of: int) -> str:
    return ", a random sample" if drawn < of else ""
