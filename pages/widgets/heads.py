"""The head of a page about one latent, cluster or pair: its name and numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import streamlit as st

from analysis.bundle import CLUSTER_COLUMNS, SPACES, Bundle
from analysis.cooccurrence.pair import Pair
from analysis.latents.flags import DENSE_TEXT, RULES
from analysis.runtime import numbers
from analysis.selection import Cluster, Latents, Near, Partners, Selection
from analysis.serve.server_settings import server_settings
from charts.cluster_evidence import cluster_row
from charts.cluster_level import SPACE_WORDS
from charts.cluster_verdict import MEANING, verdict_on
from charts.core.names import in_quotes, name_by_latent
from charts.core.text import unique_name_of_cluster
from charts.pair import pair_summary
from pages.widgets import choices, session
from pages.widgets.blind_test import blind_test_button
from pages.widgets.events import choose_cluster, open_latent
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.pickers import ChosenCluster, open_pair_with
from pages.widgets.trust import (
    cluster_evidence,
    cluster_explanation,
    cluster_trust,
    explanation,
    label_score,
)

Row = Mapping[str, Any]
_NAME_LENGTH = 120
_TOKEN_LENGTH = 20
CLUSTER_NAME = 32
"""Characters of the name of a cluster among the numbers of a latent."""
_FLAGS = {
    "dead": "Dead: this latent is never active on the kept tokens.",
    "ultralow": f"Ultralow: {RULES['ultralow']}, so its statistics are based on few tokens.",
    "dense": f"Dense: this latent is active on more than {DENSE_TEXT} of the tokens, so it "
    "co-occurs with nearly all others.",
}


def latent_head(bundle: Bundle, latent: int) -> None:
    """The name, the id and the label's score of a latent."""
    row = bundle.latents.slice(latent, 1).to_pylist()[0]
    st.subheader(f"{_title_of(row)} :gray[:small[latent {latent}]]", anchor=False)
    label_score(row, bundle)
    explanation(row, bundle)
    if warning := _FLAGS.get(row["flag"]):
        st.warning(warning)


def _title_of(row: Row) -> str:
    """The label of a latent, or its top tokens if it has none."""
    if row["label"]:
        return plain(row["label"], _NAME_LENGTH)
    tokens = plain(in_quotes(row["top_tokens"], _TOKEN_LENGTH))
    return f"No label · fires on {tokens}" if tokens else "No label"


def latent_facts(bundle: Bundle, latent: int) -> None:
    """The statistics of a latent, side by side as far as there is room."""
    row = bundle.latents.slice(latent, 1).to_pylist()[0]
    names = _names_of_clusters(bundle, row)
    _facts(latent_numbers(row, bundle.manifest.tokens, names))


def _facts(cells: Mapping[str, tuple[str, str]]) -> None:
    """Numbers with their names and meanings, side by side as far as there is room."""
    with st.container(horizontal=True, gap="medium", key="facts"):
        for name, (value, meaning) in cells.items():
            st.metric(name, value, help=meaning, width="content")


def latent_numbers(
    row: Row, tokens: int, names: Mapping[int, str] = MappingProxyType({})
) -> dict[str, tuple[str, str]]:
    """The numbers at the head of a latent and their meaning; `tokens`: number of kept tokens.

    `names` are those of its clusters, by id.
    """
    over = "Over the tokens on which it is active."
    return {
        "Density": (
            numbers.density(row["density"]),
            f"Fraction of the {numbers.count(tokens)} kept tokens on which it is active.",
        ),
        "Active tokens": (
            numbers.count(row["active_tokens"]),
            "Kept tokens on which it is active.",
        ),
        "Documents": (
            numbers.count(row["active_documents"]),
            "Documents with a token on which it is active.",
        ),
        "Median": (numbers.short(row["median"]), f"Median activation. {over}"),
        "Maximum": (numbers.short(row["max"]), "Largest activation."),
        "Decoder norm": (numbers.short(row["decoder_norm"]), "Norm of its row of W_dec."),
        "Map recall": (
            numbers.short(row["map_recall"]),
            "Share of its ten nearest decoder vectors that are among its ten nearest on the map. "
            "1 is best.",
        ),
        **_clusters_of(row, names),
    }


def _clusters_of(row: Row, names: Mapping[int, str]) -> dict[str, tuple[str, str]]:
    """The clusters of a latent, by co-occurrence first, such as "sea, sail (12)", "3" or "none"."""
    cells = {}
    for space in reversed(SPACES):
        words, cluster = SPACE_WORDS[space], row[CLUSTER_COLUMNS[space]]
        name = "none" if cluster is None else names.get(cluster, str(cluster))
        meaning = f"Its {words} cluster, at the level that is shown first."
        cells[f"{words.capitalize()} cluster"] = (name, meaning)
    return cells


def _cluster_ids(row: Row) -> list[int]:
    both = (row[CLUSTER_COLUMNS[space]] for space in reversed(SPACES))
    return [one for one in both if one is not None]


def _names_of_clusters(bundle: Bundle, row: Row) -> dict[int, str]:
    ids = _cluster_ids(row)
    labels = {one: cluster_row(bundle, one)["label"] for one in ids}
    return {
        one: unique_name_of_cluster(one, label, CLUSTER_NAME)
        for one, label in labels.items()
        if label
    }


def latent_actions(bundle: Bundle, latent: int) -> None:
    """What a reader can do with a latent: select it or its family, open a pair, look it up."""
    selections: dict[str, Selection] = {
        "this latent": Latents((latent,)),
        "its nearest decoder vectors": Near(latent),
        "its partners": Partners(latent, session.current().measure),
    }
    for space, column in CLUSTER_COLUMNS.items():
        cluster = bundle.latents[column][latent].as_py()
        if cluster is not None:
            selections[f"its {SPACE_WORDS[space]} cluster"] = Cluster((cluster,))
    with st.popover("Actions", icon=":material/more_horiz:", width="content"):
        st.markdown("**Select**")
        for words, selection in selections.items():
            st.button(words, on_click=_select, args=(selection,), key=f"select {words}")
        choices.measure()
        open_pair_with(bundle, latent)
        blind_test_button(bundle, "latent", latent, [latent])
        if server_settings().links_to_other_sites and (address := _neuronpedia(bundle, latent)):
            st.link_button("Look it up at Neuronpedia", address, icon=":material/open_in_new:")


def _neuronpedia(bundle: Bundle, latent: int) -> str | None:
    """The address of a latent at Neuronpedia, if the SAE's file states its id there."""
    known = bundle.manifest.sae.neuronpedia_id
    return known and f"https://www.neuronpedia.org/{known}/{latent}"


@guarded()
def _select(selection: Selection) -> None:
    session.select(selection)


def cluster_head(bundle: Bundle, chosen: ChosenCluster) -> None:
    """The name, the label's score and the numbers of a cluster, and links to others."""
    row = cluster_row(bundle, chosen.cluster)
    verdict = verdict_on(row)
    colours = {"weak": "orange", "reproducible": "green"}
    colour = next((colours[word] for word in colours if verdict.startswith(word)), "gray")
    title = f"Cluster {chosen.cluster}{_name(row['label'] or 'no label')}"
    st.subheader(f"{title} :{colour}-badge[{verdict}]", anchor=False, help=MEANING)
    cluster_evidence(row, bundle)
    cluster_explanation(row)
    cluster_trust(row)
    _facts(cluster_numbers(row, bundle.manifest.tokens))
    _cluster_links(row)


def cluster_numbers(row: Row, tokens: int) -> dict[str, tuple[str, str]]:
    """The numbers at the head of a cluster and their meaning; `tokens`: number of kept tokens."""
    active = row["active_tokens"]
    return {
        "Latents": (numbers.count(row["size"]), "Number of its members."),
        "Stability": (
            numbers.short(row["stability"]),
            "Overlap (Jaccard) with the most similar cluster that another seed gives at this "
            "level, mean over seeds. 1 is best. The same latents can score differently at another "
            "level.",
        ),
        "Bootstrap": (
            numbers.short(row["bootstrap"]),
            "The same overlap, with clusters of resampled latents.",
        ),
        "Active tokens": (
            f"{numbers.count(active)} ({numbers.share(active, tokens)})",
            f"Of the {numbers.count(tokens)} kept tokens, those with an active member.",
        ),
        "Mean density": (numbers.density(row["mean_density"]), "Mean density of its members."),
    }


def _cluster_links(row: Row) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Select its latents on every page",
            icon=":material/filter_alt:",
            on_click=_select,
            args=(Cluster((row["cluster"],)),),
        )
        if row["parent"] is not None:
            st.button(
                f"Go to parent cluster {row['parent']}",
                icon=":material/arrow_upward:",
                on_click=choose_cluster,
                args=(row["parent"],),
            )


def pair_head(bundle: Bundle, pair: Pair) -> None:
    """The names of the two latents, each with a button to its page, and how alike they are."""
    names = name_by_latent(bundle, (pair.a, pair.b))
    for letter, latent, column in zip("ab", (pair.a, pair.b), st.columns(2), strict=True):
        row = bundle.latents.slice(latent, 1).to_pylist()[0]
        with column, st.container(horizontal=True, vertical_alignment="center"):
            colour = "orange" if letter == "a" else "blue"
            name = _name(names[latent], 60)
            st.markdown(f"#### :{colour}[{letter}] {latent}{name}", width="content")
            if row["flag"] != "live":
                st.badge(row["flag"], color="gray")
            if st.button("Open", key=f"open {letter}", type="tertiary", icon=":material/target:"):
                open_latent(latent)
    st.markdown(plain(pair_summary(bundle, pair), 400))


def _name(label: str, longest: int = _NAME_LENGTH) -> str:
    return f" · {plain(label, longest)}" if label else ""
