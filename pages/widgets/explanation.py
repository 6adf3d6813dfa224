"""What else is said of a latent or a cluster, and how that and its label do on held-out text."""

from typing import Any

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from pages.widgets.text import plain


def explanation(row: dict[str, Any], bundle: Bundle, fires: str) -> None:
    """The explanation of a row of the latent or cluster table with its score, if it has one.

    `fires` says who fires, such as "the latent".
    """
    if not row["explanation"]:
        return
    st.markdown(f"{plain(row['explanation'])} (:small[{plain(row['explanation_source'], 80)}])")
    precision, recall = row["explanation_precision"], row["explanation_recall"]
    if precision is not None:
        said = (
            f"of those that it names, {fires} fires on {numbers.percent(precision)}; of those on "
            f"which it fires, it names {numbers.percent(recall)}."
        )
    elif recall is not None:
        said = f"it names none of them, so only what {fires} fires on could be asked for."
    else:
        said = (
            "not scored. Either none of its words is a word of this corpus (function words, and "
            "words about text such as “token”, count only in quotes), or it fires too rarely."
        )
    st.caption(f"This explanation{_words(bundle)}: {said}")


def label_score(row: dict[str, Any], bundle: Bundle, fires: str) -> None:
    """How the label does on documents that it was not made from."""
    if not row["label"]:
        return
    precision, recall, lift = (row[f"label_{name}"] for name in ("precision", "recall", "lift"))
    if precision is not None:
        said = (
            f"of those that it predicts, {fires} fires on {numbers.percent(precision)}, "
            f"{numbers.short(lift)} times as often as by chance; of those on which it fires, it "
            f"predicts {numbers.percent(recall)}."
        )
        if lift is not None and lift < NO_BETTER:
            said += f" That is no better than chance: {fires} fires nearly everywhere."
    elif recall is not None:
        said = "it predicts none of them, so its precision is not known."
    else:
        said = f"not scored, as {fires} fires on too few of them."
    st.caption(f"The label{_words(bundle)}: {said}")


NO_BETTER = 1.1
"""Lift below which a label says nothing."""


def _words(bundle: Bundle) -> str:
    labels = bundle.manifest.labels
    return f" on {numbers.count(labels.held_out_words)} held-out words" if labels else ""
