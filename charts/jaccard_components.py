"""The components of Clarke et al. 2024: their sizes and shared top tokens."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.clusters.jaccard_components import Components, clarke_2024
from analysis.runtime.numbers import count, fraction
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import COMPONENT
from charts.core.numbers import COUNT
from charts.core.text import shown_label
from charts.core.theme import (
    ACCENT,
    ACCENT_LIGHT,
    QUIET_INK,
    RULE,
    bar_scale,
    layered,
    name_limit,
)

MOST_DRAWN = 30
WORDS = 4
ROW = 22

Groups = npt.NDArray[np.int64]


@cached
def components_of(bundle: Bundle) -> Components:
    """The components of Clarke et al. 2024 among all latents that are not dense."""
    flags = bundle.latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    active = bundle.latents["active_tokens"].to_numpy()
    return clarke_2024(bundle.partners, active, eligible=np.asarray(flags != "dense"))


@cached
def component_sizes(
    bundle: Bundle, components: Components, selected: np.ndarray | None = None
) -> Figure:
    """The largest components in the sense of Clarke et al. 2024. A click gives COMPONENT."""
    size_of_largest = (
        "the largest has 150 to 200 latents"
        if components.in_range
        else "no threshold gives one of 150 to 200 latents, so this is the next smaller size"
    )
    rows = _rows(bundle, components.labels.astype(np.int64), selected)
    every = len(components.sizes)
    drawn = f"largest {rows.num_rows}" if rows.num_rows < every else f"{rows.num_rows}"
    return Figure(
        name=f"component-sizes-{every}",
        title=f"The {drawn} of {count(every)} components, Clarke et al. 2024",
        chart=_drawing(rows),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="latent",
            jaccard_threshold=fraction(components.threshold),
            edges=components.edges,
        ),
        selections=(COMPONENT.name,),
        note=(
            f"Connected components of the pairs with a Jaccard index of at least "
            f"{fraction(components.threshold)}: {size_of_largest}. Differences from the paper: "
            "only stored partners form pairs, "
            f"a latent is active if {bundle.manifest.active_rule} (paper: above 1.5), "
            "and dense latents are excluded."
        ),
    )


def _rows(bundle: Bundle, group: Groups, selected: np.ndarray | None) -> pa.Table:
    """The largest groups [n_latents] with their size, selected members and shared words."""
    ids, sizes = np.unique(group[group >= 0], return_counts=True)
    first = np.argsort(-sizes, kind="stable")[:MOST_DRAWN]
    chosen = np.ones(len(group), dtype=bool) if selected is None else selected
    inside = np.bincount(group[(group >= 0) & chosen], minlength=int(ids.max(initial=-1)) + 1)
    return pa.table(
        {
            "component": pa.array(ids[first], pa.int32()),
            "latents": pa.array(sizes[first], pa.int64()),
            "selected": pa.array(inside[ids[first]], pa.int64()),
            "words": pa.array(shared_words(bundle, group, ids[first].tolist()), pa.string()),
        }
    )


def shared_words(bundle: Bundle, group: Groups, ids: Sequence[int]) -> list[str]:
    """The top tokens that best characterise each group, by class-based TF-IDF.

    The score of a token is the number of members that have it, times the logarithm of the number
    of latents over the number of latents that have it.
    """
    words = bundle.top_words
    of_group, code = group[words.latents], words.codes.astype(np.int64)
    everywhere = np.bincount(code, minlength=len(words.words))
    out = []
    for group_id in ids:
        members = np.bincount(code[of_group == group_id], minlength=len(words.words))
        score = members * np.log(len(group) / np.maximum(everywhere, 1))
        best = np.argsort(-score, kind="stable")[:WORDS]
        best_words = [shown_label(words.words[int(i)].as_py(), 14) for i in best if members[i] > 1]
        out.append(" · ".join(best_words))
    return out


def _drawing(rows: pa.Table) -> Drawing:
    ids, words = rows["component"].to_pylist(), rows["words"].to_pylist()
    names = [f"{i} · {some}" if some else str(i) for i, some in zip(ids, words, strict=True)]
    data = rows.drop_columns(["words"]).append_column("name", pa.array(names, pa.string()))
    most = max(rows["latents"].to_pylist(), default=1)
    return _chart().draw({"rows": data}, end=most * 1.12, height=46 + ROW * max(rows.num_rows, 1))


@template
def _chart() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=name_limit(330))),
        tooltip=[
            alt.Tooltip("name:N", title="component"),
            alt.Tooltip("latents:Q", format=COUNT),
            alt.Tooltip("selected:Q", format=COUNT),
        ],
    )
    x = alt.X(
        "latents:Q",
        title="latents (dark: selected)",
        scale=bar_scale([0, slot("end")]),
        axis=alt.Axis(tickCount=5, format=COUNT, tickMinStep=1),
    )
    bars = (
        base.mark_bar(height={"band": 0.7}, color=ACCENT_LIGHT, stroke=RULE, cursor="pointer")
        .encode(x=x)
        .properties(name="bars")
        .add_params(COMPONENT.parameter())
    )
    dark = base.mark_bar(height={"band": 0.7}, color=ACCENT, cursor="pointer").encode(
        x="selected:Q"
    )
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=QUIET_INK).encode(
        x=x, text=alt.Text("latents:Q", format=COUNT)
    )
    return layered(bars, dark, texts)
