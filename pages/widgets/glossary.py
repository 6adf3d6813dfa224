"""The terms of each page: what they mean and which values are good."""

from typing import NamedTuple

import streamlit as st

from analysis.clusters.stability import WEAK
from analysis.cooccurrence.near_copies import NEARLY_TOGETHER
from analysis.decoder.map_verdict import LEAST_RECALL, LEAST_TRUSTWORTHINESS
from analysis.latents.flags import DENSE_TEXT, ULTRALOW_TEXT
from pages.widgets.markdown import plain


class Term(NamedTuple):
    """A term, its meaning, and which of its values are good."""

    name: str
    meaning: str
    good: str


COUNTS = (
    "n11: tokens on which both a and b are active; n10: only a; n01: only b; n00: neither. "
    "n1 = n11 + n10, n2 = n11 + n01, and N is the number of all kept tokens."
)
TERMS: dict[str, Term] = {
    term.name: term
    for term in (
        Term(
            "density",
            "The fraction of the kept tokens on which a latent is active.",
            f"Most latents of a healthy SAE are between 1e-5 and 1e-2. Above {DENSE_TEXT} it is "
            f"dense and fires with nearly all others; below {ULTRALOW_TEXT} it is ultralow.",
        ),
        Term(
            "dead",
            "Active on none of the N kept tokens, so that its density is below 3/N at 95 %.",
            "Few are best; above 10 % a part of the SAE is unused.",
        ),
        Term(
            "L0",
            "The mean number of active latents on a token.",
            "20 to 300 is usual. It should be near the number that the SAE was trained for.",
        ),
        Term(
            "explained variance",
            "The share of the variance of the model's activations that the SAE reconstructs.",
            "Above 0.65 is usual, 1 is best; below 0.5 the SAE may not fit this model or hook.",
        ),
        Term("n11, n10, n01, n00", COUNTS, "They are counts, so no value is better."),
        Term(
            "phi",
            "The correlation of two latents as active or not: from -1 to 1, 0 by chance.",
            f"Above 0.2 is notable; from {NEARLY_TOGETHER:g}, two latents are nearly the same. It "
            "stays small if one latent is much more frequent than the other.",
        ),
        Term(
            "phi / phi max",
            "phi over the largest phi that the two densities allow.",
            "1 means that the rarer latent fires only with the other; 0 is chance.",
        ),
        Term(
            "Jaccard",
            "Tokens with both over tokens with either: from 0 to 1. Dice and overlap are similar.",
            "Above 0.2 is notable. By chance it is below the smaller of the two densities.",
        ),
        Term(
            "lift, PMI, NPMI",
            "Joint tokens over those expected by chance; PMI is its logarithm, and NPMI scales it "
            "to -1 to 1.",
            "A lift of 1, PMI 0 and NPMI 0 are chance. They are large for rare pairs, so a pair "
            "needs enough joint tokens.",
        ),
        Term(
            "P(b given a)",
            "The share of a's active tokens on which b is active too.",
            "Compare it with the density of b, which it is by chance. Above 0.9, a implies b.",
        ),
        Term(
            "G²",
            "The log-likelihood ratio of dependence, which grows with the number of tokens.",
            "Above 11 is p < 0.001 for independent tokens; tokens of a document are not.",
        ),
        Term(
            "by the shift",
            "Joint tokens if one latent is shifted against the other inside each document: what "
            "two unrelated latents of the same documents share.",
            "The more the joint tokens exceed it, the less it is only the topic of a document.",
        ),
        Term(
            "q",
            "A p-value, corrected for testing many pairs.",
            "Below 0.05, at most 5 % of the listed pairs are expected to be chance.",
        ),
        Term(
            "stability, bootstrap",
            "How much of one cluster comes back with other seeds (stability), or when a tenth of "
            "the latents is left out (bootstrap). Recovery is the smaller of the two.",
            f"1 is best. A cluster reappears if both are at least {WEAK:g}; it is reproducible if "
            "both are also above their null.",
        ),
        Term(
            "agreement of seeds",
            "How alike the whole clusterings of two seeds are (adjusted Rand index).",
            f"1 is best, 0 is chance; below {WEAK:g}, draw no conclusions from the level.",
        ),
        Term(
            "null",
            "What the same computation gives on random data, in which nothing can be found.",
            "A number means something only as far as it exceeds its null.",
        ),
        Term(
            "recall of the map",
            "Of the ten nearest latents, the share that is also among the ten nearest on the map.",
            f"1 is best. Compare it with its null. Below {LEAST_RECALL:g}, do not read neighbours "
            "off the map.",
        ),
        Term(
            "trustworthiness",
            "Whether near points on the map are near in the decoder space too: 0 to 1.",
            f"0.5 is chance, {LEAST_TRUSTWORTHINESS:g} or more is good.",
        ),
        Term(
            "precision, recall",
            "Of the held-out words that a label predicts, the share on which the latent fires; of "
            "the words on which it fires, the share that the label predicts.",
            "1 is best for both. A precision of 0.5 is right half of the time; a small recall is "
            "usual, because a label names only a part.",
        ),
        Term(
            "outside",
            "The share of a latent's held-out activation on tokens that its label does not name.",
            "0 is best; above 0.5 the label misses most of it.",
        ),
        Term(
            "intruder",
            "How often the words of five contexts give away the foreign one.",
            "Chance is 0.2, 1 is best; above 0.6 the contexts have much in common.",
        ),
        Term(
            "member lift",
            "How often a member fires on the words that the other members name, against chance; "
            "for other words, without the three words that are most typical of the member.",
            "1 is chance, 5 and more is good. For other words, 2 and more is good: the members "
            "share more than one word. The Overview shows such clusters first.",
        ),
        Term(
            "logit effect",
            "The change of a token's logit along the unit decoder vector, by the direct path only.",
            "Compare it with the other tokens of the list; it has no scale of its own.",
        ),
        Term(
            "cosine",
            "The cosine of two decoder vectors: from -1 to 1.",
            "Random vectors are near 0; above 0.5 is notable, above 0.9 nearly the same direction.",
        ),
    )
}
_PAIRS = ("n11, n10, n01, n00", "phi", "phi / phi max", "Jaccard", "lift, PMI, NPMI")
_MORE_PAIRS = ("P(b given a)", "G²", "by the shift", "q", "null")
_CLUSTERS = ("stability, bootstrap", "agreement of seeds", "null")
_LABELS = ("precision, recall", "outside", "intruder")
TERMS_OF: dict[str, tuple[str, ...]] = {
    "Overview": ("density", "dead", "L0", "explained variance", *_CLUSTERS),
    "Map": ("recall of the map", "trustworthiness", *_CLUSTERS, "density"),
    "Clusters": (*_CLUSTERS, "member lift", *_LABELS, *_PAIRS),
    "Co-occurrence": (*_PAIRS, *_MORE_PAIRS),
    "Pair": (*_PAIRS, *_MORE_PAIRS, "cosine"),
    "Latent": (*_LABELS, "density", *_PAIRS, *_MORE_PAIRS, "cosine", "logit effect"),
}
"""The terms of each page, by its title."""


def glossary(page: str) -> None:
    """The terms of a page: each with its meaning, and in italics which values are good."""
    lines = [
        f"- **{plain(term.name)}**: {plain(term.meaning)} *{plain(term.good)}*"
        for term in map(TERMS.__getitem__, TERMS_OF.get(page, ()))
    ]
    st.markdown("\n".join(lines))
