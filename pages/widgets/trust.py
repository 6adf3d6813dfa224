"""How reliable the map, clusters, labels and relations are, in words next to the numbers."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.bundle import Bundle, ClusterLevel, LevelName, MapQuality
from analysis.clusters.stability import WEAK, reappearing
from analysis.decoder.map_verdict import (
    LEAST_RECALL,
    MapName,
    first_map_sentence,
    null_of_map,
    quality_of_map,
    quality_sentence,
)
from analysis.labels.good_lifts import GOOD_LIFT, GOOD_OTHER_LIFT
from analysis.labels.label_summary import GOOD_PRECISION, GOOD_RECALL
from analysis.runtime import numbers
from charts.cluster_level import NULLS, at_level
from charts.cluster_verdict import CHANCE
from charts.relations import ALL, RELATIONS
from pages.widgets.markdown import plain

NO_BETTER = 1.1
"""Lift below which a label is no better than chance."""
PART_RECALL = 0.25
"""Recall below which a right label is not the meaning of a latent."""
Row = Mapping[str, Any]


_SHORT: dict[MapName, str] = {"decoder": "decoder", "cooccurrence": "co-occurrence"}


def map_trust(bundle: Bundle, map_name: MapName, *, is_named: bool = False) -> None:
    """A badge with the measured quality of a map; opens what it means for reading it."""
    quality = quality_of_map(bundle.manifest, map_name)
    if quality is not None:
        null = null_of_map(bundle.manifest, map_name)
        sentences = [
            quality_sentence(quality),
            _null_sentence(null, map_name),
            _exact_terms(quality, null),
            first_map_sentence(bundle.manifest),
        ]
        label = map_badge(quality, null)
        if is_named:
            label = f"{_SHORT[map_name]}: {label}"
        with _badge(label, is_weak=map_is_weak(quality)):
            text = plain(" ".join(filter(None, sentences)), 1500)
            st.markdown(f"**How reliable is this map?** {text}")


def _null_sentence(null: MapQuality | None, map_name: MapName) -> str:
    if null is None or null.knn_recall is None:
        return (
            "This bundle has no null draw of this map, so it is not known what the same "
            "computation gives on random data."
        )
    return (
        "On random data, the same computation keeps "
        f"{numbers.percent(null.knn_recall)} of the ten nearest ({NULLS[map_name]})."
    )


def _badge(label: str, *, is_weak: bool) -> DeltaGenerator:
    """A short label that opens its explanation."""
    return st.popover(
        f"{label} · weak" if is_weak else label,
        icon=":material/warning:" if is_weak else ":material/verified:",
        width="content",
        help="How reliable is this?",
    )


def map_badge(quality: MapQuality, null: MapQuality | None) -> str:
    """How many neighbours a map keeps, such as "Neighbours kept: 31 % (6 % by chance)".

    The share that another seed keeps is named if it is what makes the map weak.
    """
    if quality.knn_recall is None:
        return "Neighbours kept: not measured"
    by_chance = None if null is None else null.knn_recall
    label = _beside_chance("Neighbours kept", quality.knn_recall, by_chance)
    if quality.agreement is not None and quality.agreement < LEAST_RECALL <= quality.knn_recall:
        label += f" · another seed keeps {_whole_percent(quality.agreement)}"
    return label


def map_is_weak(quality: MapQuality) -> bool:
    """Whether most neighbours on a map are chance, or were not measured."""
    measures = [quality.knn_recall, quality.agreement]
    known = [value for value in measures if value is not None]
    return not known or min(known) < LEAST_RECALL


def _beside_chance(words: str, value: float, by_chance: float | None) -> str:
    """A share for a badge, beside that of random data."""
    chance = "chance not drawn" if by_chance is None else f"{_whole_percent(by_chance)} by chance"
    return f"{words}: {_whole_percent(value)} ({chance})"


def _whole_percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%"


def _exact_terms(quality: MapQuality, null: MapQuality | None) -> str:
    """The measures of a map by their names, as in exported files."""
    names = {
        "knn_recall": "kNN recall@10",
        "trustworthiness": "trustworthiness",
        "agreement": "agreement of seeds",
    }
    parts = []
    for field, name in names.items():
        value, by_chance = getattr(quality, field), getattr(null, field, None)
        if value is not None:
            of_null = "" if by_chance is None else f" (null {numbers.fraction(by_chance)})"
            parts.append(f"{name} {numbers.fraction(value)}{of_null}")
    return f"Measured: {', '.join(parts)}." if parts else ""


def clustering_trust(bundle: Bundle, level: LevelName | None) -> None:
    """A badge with the reproducible clusters of a level; opens what that means."""
    for row in bundle.manifest.clustering:
        if row.name == level:
            clusters = at_level(bundle.clusters, row.name)
            with _badge(level_badge(clusters), is_weak=row.stability < WEAK):
                st.caption(_reappearing_text(clusters))
                _clustering_text(row)


def level_badge(clusters: pa.Table) -> str:
    """How many clusters are reproducible, such as "25 of 92 clusters reproducible"."""
    every = numbers.counted(clusters.num_rows, "cluster")
    if clusters["believable"].null_count:
        again = pc.sum(reappearing(clusters)).as_py() or 0
        return f"{numbers.count(again)} of {every} reappear (chance not drawn)"
    believable = pc.sum(clusters["believable"]).as_py() or 0
    return f"{numbers.count(believable)} of {every} reproducible"


def _reappearing_text(clusters: pa.Table) -> str:
    """What the badge of a level counts, with the largest values of random data."""
    again = pc.sum(reappearing(clusters)).as_py() or 0
    text = (
        f"{numbers.count(again)} of {numbers.counted(clusters.num_rows, 'cluster')} reappear. "
        "A cluster reappears if its stability (overlap with other seeds) and its bootstrap "
        f"(overlap with resampled latents) are at least {WEAK:g}."
    )
    if clusters["believable"].null_count or not clusters.num_rows:
        return text
    largest = [pc.max(clusters[f"{name}_null"]).as_py() for name in ("stability", "bootstrap")]
    if not any(largest):
        return (
            f"{text} It is reproducible if both are also above those of any cluster of random "
            "data. Here no cluster of random data comes back at all."
        )
    return (
        f"{text} It is reproducible if both are also above the largest of any cluster of random "
        f"data: {' and '.join(map(numbers.short, largest))}."
    )


def _clustering_text(row: ClusterLevel) -> None:
    agreement = (
        f"Agreement of seeds {numbers.short(row.stability)}: the adjusted Rand index of the whole "
        "clusterings of different seeds; 1 is best."
    )
    if row.null_stability is None:
        st.caption(
            f"{agreement} This bundle has no null draw of these clusters, so it is not known what "
            "the same computation gives on random data. `clearwater refresh` adds it."
        )
    else:
        st.caption(
            f"{agreement} On random data it is {numbers.short(row.null_stability)}: the mean of "
            f"{numbers.count(row.null_draws)} draws of {numbers.count(row.null_latents)} "
            f"latents ({NULLS[row.space]})."
        )
    if row.stability < WEAK:
        st.warning(
            f"The {numbers.count(row.clusters)} clusters of this level are weak evidence: "
            f"other seeds give other clusters (agreement of seeds {numbers.short(row.stability)}; "
            f"below {WEAK:g} draw no conclusions from them)."
        )


def cluster_trust(row: Row) -> None:
    """Warn if seeds, resampled latents or nothing at all give as good a cluster as this row's."""
    stability, bootstrap = row["stability"], row["bootstrap"]
    if min(stability, bootstrap) < WEAK:
        causes = {"other seeds": stability, "resampled latents": bootstrap}
        weak = " and ".join(cause for cause, overlap in causes.items() if overlap < WEAK)
        st.warning(
            f"This cluster is weak evidence: {weak} give other clusters (stability "
            f"{numbers.short(stability)}, bootstrap {numbers.short(bootstrap)}; below {WEAK:g} "
            "draw no conclusions from it)."
        )
    elif row["believable"] is False:
        st.warning(
            "This cluster is weak evidence: on random data, the same computation "
            f"gives clusters of stability up to {numbers.short(row['stability_null'])} and "
            f"bootstrap up to {numbers.short(row['bootstrap_null'])} (this one has "
            f"{numbers.short(stability)} and {numbers.short(bootstrap)})."
        )
    elif (lift := row["member_lift"]) is not None and lift <= CHANCE:
        st.info(
            "Only the grouping reappears. The median member fires "
            f"{numbers.short(lift)} times as often as by chance on the words that the other "
            "members name, which is no more than chance: nothing shows that they have a meaning in "
            "common, so do not read one into the name."
        )


def explanation(row: Row, bundle: Bundle) -> None:
    """The explanation of a row of the latent table and its score, if it has one."""
    if not row["explanation"]:
        return
    _explanation_text(row)
    precision, recall = row["explanation_precision"], row["explanation_recall"]
    meaning = None
    if precision is not None and recall is not None:
        score, meaning = _precision_and_recall(row, "explanation", None)
    elif recall is not None:
        score = "it names no held-out word, so its precision is undefined."
    else:
        score = (
            "no score. Either none of its words occurs in this corpus (function words, and words "
            "about text such as “token”, count only in quotes), or the latent is active on too few "
            "words."
        )
    st.caption(f"Explanation{_held_out(bundle)}: {score}", help=meaning)


def label_score(row: Row, bundle: Bundle) -> None:
    """How well the label of a latent predicts its activity in held-out documents."""
    if not row["label"]:
        return
    precision, recall, lift = (row[f"label_{name}"] for name in ("precision", "recall", "lift"))
    meaning = None
    if precision is not None and recall is not None:
        score, meaning = _precision_and_recall(row, "label", lift)
    elif recall is not None:
        score = "the label predicts no held-out word, so its precision is undefined."
    else:
        score = "no score, because the latent is active on too few of them."
    if row["outside_label"] is not None:
        outside = numbers.percent(row["outside_label"], 2)
        score += f" {outside} of its activation is on tokens that the label does not name."
    st.caption(f"Label{_held_out(bundle)}: {score}", help=meaning)


def cluster_evidence(row: Row, bundle: Bundle) -> None:
    """How well the name of a cluster fits, beside random clusters, and its source."""
    evidence = plain(row["evidence"], 1000)
    if row["member_share"] is not None:
        st.caption(_member_score(row, bundle), help=f"{_fit_meaning(row)} {evidence}".rstrip())
    elif evidence:
        st.caption(evidence)
    if row["main_source"]:
        share = numbers.percent(row["main_source_share"], 2)
        st.info(
            f"{share} of the activity of this cluster is in one source, "
            f"{plain(row['main_source'], 80)}: its members may have this source in common rather "
            "than a meaning."
        )


def cluster_explanation(row: Row) -> None:
    """The explanation of a row of the cluster table and its score, if it has one."""
    if not row["explanation"]:
        return
    _explanation_text(row)
    lift = row["explanation_lift"]
    st.caption(
        "Explanation: no score, because none of its words occurs in the held-out documents or the "
        "members are active on too few."
        if lift is None
        else f"Explanation: on held-out documents a member fires on its words "
        f"{numbers.short(lift)} times as often as by chance (median)."
    )


def _member_score(row: Row, bundle: Bundle) -> str:
    """How many members the name fits, beside random clusters of its level."""
    by_chance = ""
    labels = bundle.manifest.labels
    for level in labels.levels if labels else []:
        is_own = (level.space, level.level) == (row["space"], row["level"])
        if is_own and level.random.share is not None:
            by_chance = f" (random clusters: {numbers.percent(level.random.share, 2)})"
    others = row["member_lift_other_words"]
    more = "" if others is None or others < GOOD_OTHER_LIFT else " They share more than one word."
    share = numbers.percent(row["member_share"], 2)
    return f"The name fits **{share}** of the members{by_chance}.{more}"


def _fit_meaning(row: Row) -> str:
    """What it means that a name fits a member, and the lift beyond the typical words."""
    meaning = (
        f"It fits a member that fires at least {GOOD_LIFT:g} times as often as by chance, in "
        "held-out documents, on the words that the other members name."
    )
    others = row["member_lift_other_words"]
    if others is None:
        return meaning
    return (
        f"{meaning} Without the three words that are most typical of each member, the median is "
        f"{numbers.short(others)} times as often; {GOOD_OTHER_LIFT:g} or more means that the "
        "members share more than one word."
    )


def _explanation_text(row: Row) -> None:
    st.markdown(f"{plain(row['explanation'])} (:small[{plain(row['explanation_source'], 80)}])")


def _precision_and_recall(row: Row, what: str, lift: float | None) -> tuple[str, str]:
    """The score, such as "precision 50 % (of 8 words) …", and what it means."""
    precision, recall = row[f"{what}_precision"], row[f"{what}_recall"]
    predicted, active = _words_of_score(precision, recall, row["label_contexts"])
    by_chance = "" if lift is None else f", {numbers.short(lift)} times as often as by chance"
    return (
        f"precision **{numbers.percent(precision)}**{predicted}, recall "
        f"**{numbers.percent(recall)}** (of {active}). {_verdict(precision, recall, lift, what)}",
        f"Precision: of the words that the {what} predicts, the latent fires on this share"
        f"{by_chance}. Recall: of the words on which the latent fires, the {what} predicts this "
        "share.",
    )


def _words_of_score(precision: float, recall: float, active: int) -> tuple[str, str]:
    """How many held-out words are predicted, and on how many the latent fires.

    A bundle stores the second number. Without a hit, the first one is not known.
    """
    hits = round(recall * active)
    predicted = f" (of {numbers.counted(round(hits / precision), 'word')})" if hits else ""
    return predicted, numbers.counted(active, "word")


def _verdict(precision: float, recall: float, lift: float | None, what: str) -> str:
    if lift is not None and lift < NO_BETTER:
        return "This is no better than chance, because the latent fires nearly everywhere."
    right, complete = precision >= GOOD_PRECISION, recall >= GOOD_RECALL
    if right and complete:
        return f"The {what} is mostly right and covers most of what the latent fires on."
    if right and recall < PART_RECALL:
        return (
            f"**The {what} names only a small part of what the latent fires on**: read the "
            "contexts before you take it as the meaning."
        )
    if right:
        return f"The {what} is right where it applies and misses most of what the latent fires on."
    if complete:
        return f"The {what} is too broad: it covers most of what the latent fires on, and more."
    return f"The {what} is a weak description of what the latent fires on."


def _held_out(bundle: Bundle) -> str:
    labels = bundle.manifest.labels
    return f" on {numbers.count(labels.held_out_words)} held-out words" if labels else ""


def relation_rules(bundle: Bundle, relation: str) -> None:
    """The rule that lists a pair under a relation, and how many pairs were tested."""
    with st.expander("When is a pair listed?", expanded=relation != ALL):
        for rule in bundle.manifest.relations:
            if relation in (ALL, rule.relation):
                name = RELATIONS.get(rule.relation, rule.relation)
                st.markdown(
                    f"**{plain(name)}**: {plain(rule.rule, 1000)} "
                    f"Only pairs that meet this rule can be listed: "
                    f"{numbers.count(rule.listed)} of {numbers.count(rule.tested)} tested pairs "
                    f"are. The q-value accounts for all tests of its family: "
                    f"{plain(rule.family, 1000)}"
                )
