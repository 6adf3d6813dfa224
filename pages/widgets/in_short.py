"""What an SAE learned in two sentences: what its labels are made of, and how many hold."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.labels.label_summary import LabelSummary, label_summary
from analysis.runtime import numbers
from pages.widgets.reading import clusters_by_space


def in_short(bundle: Bundle) -> None:
    """The labels and clusters of an SAE as a whole; nothing if no latent has a label."""
    labels = _labels(bundle)
    if labels.live > labels.unnamed:
        clusters = clusters_by_space(bundle)
        st.markdown(f"{labels_sentence(labels)}{f' Clusters by {clusters}.' if clusters else ''}")


@kept_for_bundle
def _labels(bundle: Bundle) -> LabelSummary:
    return label_summary(bundle.latents)


def labels_sentence(labels: LabelSummary) -> str:
    """What the labels are made of, and how many of them hold on held-out text."""
    kinds = (
        (labels.words, "whole words"),
        (labels.pieces, "pieces of words"),
        (labels.signs, "punctuation, digits or spaces"),
    )
    parts = ", ".join(f"{_share(part, labels.live)} {words}" for part, words in kinds)
    text = (
        f"**In short:** the labels of its {numbers.count(labels.live)} live latents are made of "
        f"the tokens on which they fire: {parts}; {_share(labels.unnamed, labels.live)} have none."
    )
    if not labels.scored:
        return text
    return (
        f"{text} On held-out text, **{_share(labels.right, labels.scored)}** of the "
        f"{numbers.count(labels.scored)} labels with a score are right at least half of the time, "
        f"but only {_share(labels.complete, labels.scored)} also name at least half of the words "
        "on which their latent fires: read the contexts."
    )


def _share(part: int, of: int) -> str:
    return numbers.percent(part / of if of else 0.0)
