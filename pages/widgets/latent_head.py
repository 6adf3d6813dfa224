"""Which latent a page is about, what it is called, and its statistics."""

from typing import Any

import streamlit as st

from analysis.bundle import Bundle
from analysis.latents.flags import DENSE_TEXT, RULES
from analysis.runtime import numbers
from pages.widgets.explanation import explanation, label_score
from pages.widgets.provenance import metrics
from pages.widgets.text import plain

FLAG_WORDS = {
    "live": "",
    "dead": "Dead: it was never active on the kept tokens.",
    "ultralow": f"Ultralow: {RULES['ultralow']}, so its statistics rest on few tokens.",
    "dense": f"Dense: active on over {DENSE_TEXT} of the tokens, so it meets most others.",
}


def latent_head(bundle: Bundle, latent: int) -> None:
    """The name and the statistics of one latent."""
    row: dict[str, Any] = bundle.latents.slice(latent, 1).to_pylist()[0]
    name = f" · {plain(row['label'], 120)}" if row["label"] else ""
    st.subheader(f"Latent {latent}{name}", anchor=False)
    label_score(row, bundle, "the latent")
    explanation(row, bundle, "the latent")
    if words := FLAG_WORDS[row["flag"]]:
        st.warning(words)
    metrics(_statistics(row, bundle.manifest.tokens))


def _statistics(row: dict[str, Any], tokens: int) -> dict[str, tuple[str, str]]:
    over = "Over the tokens on which it is active."
    cluster = "none" if row["cluster"] is None else str(row["cluster"])
    return {
        "Density": (
            numbers.density(row["density"]),
            f"Fraction of the {numbers.count(tokens)} kept tokens on which it is active.",
        ),
        "Active tokens": (numbers.count(row["active_tokens"]), "Kept tokens with activation."),
        "Documents": (numbers.count(row["active_documents"]), "Documents with an active token."),
        "Median": (numbers.short(row["median"]), over),
        "Maximum": (numbers.short(row["max"]), over),
        "Decoder norm": (numbers.short(row["decoder_norm"]), "Length of its row of W_dec."),
        "Map recall": (
            numbers.short(row["map_recall"]),
            "Share of its ten nearest decoder vectors that are near it on the map too.",
        ),
        "Cluster": (cluster, "Its finest cluster."),
    }
