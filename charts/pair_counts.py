"""How often two latents fire together: the 2x2 tables, and the joint count against chance."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import UNITS, Bundle, Unit
from analysis.cooccurrence.association import expected, lift
from analysis.cooccurrence.pair import Pair
from analysis.runtime.numbers import count, percent, short
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure
from charts.core.numbers import COUNT, NUMBER, PERCENT
from charts.core.theme import (
    A_COLOUR,
    B_COLOUR,
    BOTH_COLOUR,
    INK,
    PALE_DIVERGING,
    PAPER,
    QUIET_INK,
    RULE,
    bar_scale,
    bare_x,
    bare_y,
    colour_scale,
    layered,
)
from charts.pair import (
    ROW,
    UNIT_WORDS,
    pair_caption,
    shown_units,
    units_words,
    windows_note,
)

CELL_HEIGHT = 66


@cached
def pair_counts(bundle: Bundle, pair: Pair) -> Figure:
    """The 2x2 tables by token, window and document, next to each other.

    The colour compares each count with the count expected for independent latents with the same
    margins.
    """
    rows = _cells(pair)
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-counts",
        title=f"How often latents {pair.a} and {pair.b} fire together",
        chart=_cell_drawing(rows, pair),
        rows=rows,
        caption=pair_caption(bundle, pair, units_words(pair), window=pair.window),
        note=(
            f"Expected: if the two were independent, n1·n2 / N. {windows_note(pair)} Two latents "
            "can share a window or a document just because of its topic."
        ),
    )


def _cells(pair: Pair) -> pa.Table:
    rows = []
    for unit in shown_units(pair):
        table = pair.tables[unit]
        n, n1, n2 = (float(value) for value in (table.n, table.n1, table.n2))
        for a, b, cell in (
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
                    "count": int(cell),
                    "share": int(cell) / n if n else 0.0,
                    "expected": by_chance,
                }
            )
    return pa.Table.from_pylist(rows)


def _cell_drawing(rows: pa.Table, pair: Pair) -> Drawing:
    data, units = rows.to_pylist(), shown_units(pair)
    for row in data:
        left = 2.35 * units.index(row["unit"]) + (0 if row["b_active"] else 1)
        top = 0 if row["a_active"] else 1
        row |= {"x": left, "x2": left + 0.98, "y": top, "y2": top + 0.96, "middle": left + 0.49}
        row["times"] = float(np.log2((row["count"] + 0.5) / (row["expected"] + 0.5)))
        row["text"] = count(row["count"])
        row["part"] = percent(row["share"])
        row["chance"] = f"expected {_expected_text(row['expected'])}"
        row["cell"] = _named(row, pair)
    return _cell_chart(len(units)).draw(
        {"cells": pa.Table.from_pylist(data), "headings": pa.Table.from_pylist(_headings(pair))}
    )


@template
def _cell_chart(units: int) -> alt.LayerChart:
    end = 2.35 * units - 0.37
    across, down = (-0.72, end), (1.98, -0.8)
    base = alt.Chart(named("cells"))
    boxes = base.mark_rect(stroke=PAPER).encode(
        x=bare_x("x:Q", across),
        x2="x2:Q",
        y=bare_y("y:Q", down),
        y2="y2:Q",
        color=alt.Color(
            "times:Q",
            title="count / expected",
            scale=colour_scale(-3, 3, PALE_DIVERGING),
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
            alt.Tooltip("count:Q", format=COUNT),
            alt.Tooltip("share:Q", format=PERCENT),
            alt.Tooltip("expected:Q", title="expected if independent", format=NUMBER),
        ],
    )
    inside = base.transform_calculate(line="datum.y + 0.48").encode(
        x=bare_x("middle:Q", across), y=bare_y("line:Q", down)
    )
    counts = inside.mark_text(fontSize=15, fontWeight="bold", dy=-16).encode(text="text:N")
    parts = inside.mark_text(fontSize=11.5, dy=2).encode(text="part:N")
    chance = inside.mark_text(fontSize=11, dy=18).encode(text="chance:N")
    heads = alt.Chart(named("headings"))
    words = heads.mark_text(fontSize=11.5).encode(
        x=bare_x("x:Q", across),
        y=bare_y("y:Q", down),
        text="text:N",
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
    """The headings of the columns and rows."""
    heads: list[dict[str, object]] = [
        {"x": -0.38, "y": 0.48, "text": f"{pair.a} fires", "colour": A_COLOUR},
        {"x": -0.38, "y": 1.48, "text": f"{pair.a} silent", "colour": QUIET_INK},
    ]
    questions: dict[Unit, str] = {
        "token": "on the same token?",
        "window": f"within {count(pair.window)} tokens?",
        "document": "in the same document?",
    }
    for i, unit in enumerate(shown_units(pair)):
        left, n = 2.35 * i, int(pair.tables[unit].n)
        total = f"{count(n)} {UNIT_WORDS[unit]}"
        heads += [
            {"x": left + 1, "y": -0.66, "text": questions[unit], "colour": INK},
            {"x": left + 1, "y": -0.44, "text": total, "colour": QUIET_INK},
            {"x": left + 0.49, "y": -0.15, "text": f"{pair.b} fires", "colour": B_COLOUR},
            {"x": left + 1.49, "y": -0.15, "text": f"{pair.b} silent", "colour": QUIET_INK},
        ]
    return heads


def _named(row: dict[str, object], pair: Pair) -> str:
    a = f"{pair.a} {'fires' if row['a_active'] else 'silent'}"
    b = f"{pair.b} {'fires' if row['b_active'] else 'silent'}"
    return f"{row['unit']}: {a}, {b}"


def _expected_text(value: float) -> str:
    """Three significant digits, but never fewer than the whole number beside the exact count."""
    return count(round(value)) if value >= 100 else short(value)


@cached
def pair_expected(bundle: Bundle, pair: Pair) -> Figure:
    """The joint count by every unit, and the count expected for independent latents."""
    rows = pa.Table.from_pylist(
        [
            {
                "unit": unit,
                "joint": int(pair.tables[unit].n11),
                "expected": float(expected(pair.tables[unit])),
                "lift": float(lift(pair.tables[unit])),
            }
            for unit in shown_units(pair)
        ]
    )
    data = rows.append_column(
        "text", pa.array([f"{short(value)} ×" for value in rows["lift"].to_pylist()])
    )
    most = max(*rows["joint"].to_pylist(), *rows["expected"].to_pylist(), 1.0)
    ticks = [0, *(10**power for power in range(int(np.log10(most)) + 1))]
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-expected",
        title="Joint count against independence",
        chart=_expected_chart().draw({"rows": data}, end=3 * most, ticks=ticks),
        rows=rows,
        caption=pair_caption(bundle, pair, units_words(pair), window=pair.window),
        note=(
            "Open ring: count expected if the two were independent, n1·n2 / N. Dot: observed "
            "count. The number is the lift, observed over expected. The tests below also "
            "compare with chance by the shift inside documents."
        ),
    )


@template
def _expected_chart() -> alt.LayerChart:
    scale = bar_scale([0, slot("end")], room=30)
    scale.type, scale.constant = "symlog", 1
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("unit:N", sort=list(UNITS), title=None),
        tooltip=[
            alt.Tooltip("unit:N"),
            alt.Tooltip("joint:Q", format=COUNT),
            alt.Tooltip("expected:Q", title="expected if independent", format=NUMBER),
            alt.Tooltip("lift:Q", format=NUMBER),
        ],
    )
    x = alt.X(
        "expected:Q",
        scale=scale,
        title="units with both latents (symmetric log)",
        axis=alt.Axis(values=each("ticks"), format=COUNT),
    )
    lines = base.mark_rule(color=RULE, strokeWidth=3).encode(x=x, x2="joint:Q")
    by_chance = base.mark_point(color=QUIET_INK, size=80, filled=False, strokeWidth=2).encode(x=x)
    observed = base.mark_circle(color=BOTH_COLOUR, size=90, opacity=1).encode(x="joint:Q")
    texts = base.mark_text(align="left", dx=10, fontSize=12).encode(
        x=alt.X("end:Q", scale=scale), text="text:N"
    )
    return layered(
        lines,
        by_chance,
        observed,
        texts.transform_calculate(end="max(datum.joint, datum.expected)"),
        height=3 * ROW + 60,
    )
