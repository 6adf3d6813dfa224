"""Communities of latents that fire together: their sizes and shared top tokens."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, CommunityLevel
from analysis.clusters.communities import Components
from analysis.clusters.stability import WEAK
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count, fraction
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, Value, caption_of
from charts.core.interactions import COMMUNITY, COMPONENT, Click
from charts.core.numbers import COUNT
from charts.core.text import shown_label
from charts.core.theme import ACCENT, ACCENT_LIGHT, QUIET_INK, RULE, layered

MOST_DRAWN = 30
WORDS = 4
ROW = 22

Groups = npt.NDArray[np.int64]


def community_level(bundle: Bundle, level: int) -> CommunityLevel:
    """The manifest's summary of a level. Raises InputError if there is no such level."""
    for summary in bundle.manifest.communities:
        if summary.level == level:
            return summary
    known = ", ".join(str(summary.level) for summary in bundle.manifest.communities) or "none"
    raise InputError(f"{bundle.name} has no communities of level {level}; its levels are: {known}.")


@cached
def community_sizes(bundle: Bundle, level: int, selected: np.ndarray | None = None) -> Figure:
    """The largest communities of a level. A click gives COMMUNITY.

    The part of each community in the mask `selected` [n_latents] is drawn dark. Raises InputError
    for an unknown level.
    """
    summary = community_level(bundle, level)
    rows = bundle.communities.filter(pc.equal(bundle.communities["level"], level))
    group = np.full(bundle.latents.num_rows, -1)
    group[rows["latent"].to_numpy()] = rows["community"].to_numpy()
    return _bars(
        bundle,
        group,
        selected,
        picked=COMMUNITY,
        title=f"The {{drawn}} of {count(summary.communities)} communities of level {level}",
        note=(
            f"Stability {fraction(summary.stability)} (0 to 1): the agreement with communities of "
            "other seeds"
            + (f"; below {WEAK:g} it is weak evidence. " if summary.stability < WEAK else ". ")
            + "Louvain on the stored partners with enough joint tokens, weighted by phi, without "
            "dense latents. The words are top tokens that members have more often than others."
        ),
        parameters={
            "resolution": summary.resolution,
            "modularity": fraction(summary.modularity),
            "stability": fraction(summary.stability),
            "edges": summary.edges,
        },
    )


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
    return _bars(
        bundle,
        components.labels.astype(np.int64),
        selected,
        picked=COMPONENT,
        title=f"The {{drawn}} of {count(len(components.sizes))} components, Clarke et al. 2024",
        note=(
            f"Connected components of the pairs with a Jaccard index of at least "
            f"{fraction(components.threshold)}: {size_of_largest}. Differences from the paper: "
            "only stored partners form pairs, "
            f"a latent is active if {bundle.manifest.active_rule} (paper: above 1.5), "
            "and dense latents are excluded."
        ),
        parameters={"jaccard_threshold": fraction(components.threshold), "edges": components.edges},
    )


def _bars(
    bundle: Bundle,
    group: Groups,
    selected: np.ndarray | None,
    *,
    picked: Click,
    title: str,
    note: str,
    parameters: dict[str, Value],
) -> Figure:
    (column,) = picked.fields
    ids, sizes = np.unique(group[group >= 0], return_counts=True)
    first = np.argsort(-sizes, kind="stable")[:MOST_DRAWN]
    chosen = np.ones(len(group), dtype=bool) if selected is None else selected
    inside = np.bincount(group[(group >= 0) & chosen], minlength=int(ids.max(initial=-1)) + 1)
    rows = pa.table(
        {
            column: pa.array(ids[first], pa.int32()),
            "latents": pa.array(sizes[first], pa.int64()),
            "selected": pa.array(inside[ids[first]], pa.int64()),
            "words": pa.array(shared_words(bundle, group, ids[first].tolist()), pa.string()),
        }
    )
    drawn = f"largest {rows.num_rows}" if rows.num_rows < len(ids) else f"{rows.num_rows}"
    return Figure(
        name=f"{column}-sizes-{len(ids)}",
        title=title.format(drawn=drawn),
        chart=_drawing(rows, picked),
        rows=rows,
        caption=caption_of(bundle, unit="latent", **parameters),
        selections=(picked.name,),
        note=note,
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


def _drawing(rows: pa.Table, picked: Click) -> Drawing:
    (column,) = picked.fields
    names = [
        f"{number} · {words}" if words else str(number)
        for number, words in zip(rows[column].to_pylist(), rows["words"].to_pylist(), strict=True)
    ]
    data = rows.drop_columns(["words"]).append_column("name", pa.array(names, pa.string()))
    most = max(rows["latents"].to_pylist(), default=1)
    return _chart(picked).draw(
        {"rows": data}, end=most * 1.12, height=46 + ROW * max(rows.num_rows, 1)
    )


@template
def _chart(picked: Click) -> alt.LayerChart:
    (column,) = picked.fields
    base = alt.Chart(named("rows")).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=330)),
        tooltip=[
            alt.Tooltip("name:N", title=column),
            alt.Tooltip("latents:Q", format=COUNT),
            alt.Tooltip("selected:Q", format=COUNT),
        ],
    )
    x = alt.X(
        "latents:Q",
        title="latents (dark: selected)",
        scale=alt.Scale(domain=[0, slot("end")], nice=False),
        axis=alt.Axis(tickCount=5, format=COUNT, tickMinStep=1),
    )
    bars = (
        base.mark_bar(height={"band": 0.7}, color=ACCENT_LIGHT, stroke=RULE, cursor="pointer")
        .encode(x=x)
        .properties(name="bars")
        .add_params(picked.parameter())
    )
    dark = base.mark_bar(height={"band": 0.7}, color=ACCENT, cursor="pointer").encode(
        x="selected:Q"
    )
    texts = base.mark_text(align="left", dx=5, fontSize=11, color=QUIET_INK).encode(
        x=x, text=alt.Text("latents:Q", format=COUNT)
    )
    return layered(bars, dark, texts)
