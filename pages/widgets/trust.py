"""How reliable the map, clusters, labels and relations are, in words next to the numbers."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from analysis.bundle import Bundle, LevelName
from analysis.clusters.stability import WEAK
from analysis.decoder.map_verdict import MapName, quality_of_map, quality_sentence
from analysis.runtime import numbers
from charts.relations import ALL, RELATIONS
from pages.widgets.markdown import plain

NO_BETTER = 1.1
"""Lift below which a label is no better than chance."""
GOOD_PRECISION = 0.5
"""Precision from which a label is right at least half of the time."""
GOOD_RECALL = 0.5
"""Recall below which a label misses more than half of the active words."""
Row = Mapping[str, Any]


def map_trust(bundle: Bundle, map_name: MapName) -> None:
    """What the measured quality of a map means for reading it."""
    quality = quality_of_map(bundle.manifest, map_name)
    if quality is not None:
        sentence = plain(quality_sentence(quality), 1000)
        st.markdown(f":material/info: **How reliable is this map?** {sentence}")


def clustering_trust(bundle: Bundle, level: LevelName | None) -> None:
    """Warn if other seeds give other clusters at this level."""
    for row in bundle.manifest.clustering:
        if row.name == level and row.stability < WEAK:
            st.warning(
                f"The {numbers.count(row.clusters)} clusters of this level are weak evidence: "
                f"other seeds give other clusters (stability {numbers.short(row.stability)}; "
                f"below {WEAK:g} draw no conclusions from them)."
            )


def cluster_trust(stability: float, bootstrap: float) -> None:
    """Warn if other seeds or resampled latents do not give this cluster."""
    if min(stability, bootstrap) < WEAK:
        causes = {"other seeds": stability, "resampled latents": bootstrap}
        weak = " and ".join(cause for cause, overlap in causes.items() if overlap < WEAK)
        st.warning(
            f"This cluster is weak evidence: {weak} give other clusters (stability "
            f"{numbers.short(stability)}, bootstrap {numbers.short(bootstrap)}; below {WEAK:g} "
            "draw no conclusions from it)."
        )


def explanation(row: Row, bundle: Bundle, subject: str) -> None:
    """The explanation of a row of the latent or cluster table and its score, if it has one.

    `subject` is "the latent" or "the cluster".
    """
    if not row["explanation"]:
        return
    st.markdown(f"{plain(row['explanation'])} (:small[{plain(row['explanation_source'], 80)}])")
    precision, recall = row["explanation_precision"], row["explanation_recall"]
    if precision is not None and recall is not None:
        score = _precision_and_recall(precision, recall, None, "explanation", subject)
    elif recall is not None:
        score = "it names no held-out word, so its precision is undefined."
    else:
        score = (
            "no score. Either none of its words occurs in this corpus (function words, and words "
            "about text such as “token”, count only in quotes), or "
            f"{subject} is active on too few words."
        )
    st.caption(f"Explanation{_held_out(bundle)}: {score}")


def label_score(row: Row, bundle: Bundle, subject: str) -> None:
    """How well the label predicts activity in held-out documents.

    `subject` is "the latent" or "the cluster".
    """
    if not row["label"]:
        return
    precision, recall, lift = (row[f"label_{name}"] for name in ("precision", "recall", "lift"))
    if precision is not None and recall is not None:
        score = _precision_and_recall(precision, recall, lift, "label", subject)
    elif recall is not None:
        score = "the label predicts no held-out word, so its precision is undefined."
    else:
        score = f"no score, because {subject} is active on too few of them."
    st.caption(f"Label{_held_out(bundle)}: {score}")


def _precision_and_recall(
    precision: float, recall: float, lift: float | None, what: str, subject: str
) -> str:
    """The score with its meaning, such as "precision 50 % (of the words that …)"."""
    by_chance = "" if lift is None else f", {numbers.short(lift)} times as often as by chance"
    return (
        f"precision {numbers.percent(precision)} (of the words that the {what} predicts, {subject} "
        f"fires on this share{by_chance}), recall {numbers.percent(recall)} (of the words on which "
        f"{subject} fires, the {what} predicts this share). "
        f"{_verdict(precision, recall, lift, what, subject)}"
    )


def _verdict(precision: float, recall: float, lift: float | None, what: str, subject: str) -> str:
    if lift is not None and lift < NO_BETTER:
        return f"This is no better than chance, because {subject} fires nearly everywhere."
    right, complete = precision >= GOOD_PRECISION, recall >= GOOD_RECALL
    if right and complete:
        return f"The {what} is mostly right and covers most of what {subject} fires on."
    if right:
        return f"The {what} is right where it applies and misses most of what {subject} fires on."
    if complete:
        return f"The {what} is too broad: it covers most of what {subject} fires on, and more."
    return f"The {what} is a weak description of what {subject} fires on."


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
                    f"{numbers.count(rule.listed)} of {numbers.count(rule.tested)} tested pairs "
                    f"are listed. q corrects for all tests of this family: "
                    f"{plain(rule.family, 1000)}"
                )
