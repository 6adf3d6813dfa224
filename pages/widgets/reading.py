"""What is in this SAE: what the reading order covers, and its first clusters as cards."""

import streamlit as st

from analysis.bundle import SPACES, Bundle, ReadingCoverage
from analysis.runtime import numbers
from charts.cluster_cards import Card, cluster_cards
from charts.cluster_level import SPACE_WORDS, at_level
from pages.widgets import session
from pages.widgets.current_user import i_may
from pages.widgets.events import choose_cluster
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.trust import level_badge

COLUMNS = 3
FEW, MANY = 9, 60
"""Cards that are shown at first, and when more are asked for."""
STATED_ITEMS = 200
CONTEXT_LENGTH = 90
"""Characters before and after the token."""
CLUSTERS_PAGE = "pages/clusters.py"


def what_is_in_here(bundle: Bundle) -> None:
    """The clusters that cover most of the activation, in the order in which to read them."""
    st.subheader("What is in here?", anchor=False)
    st.markdown(f"{coverage_sentence(bundle)} {clusters_sentence(bundle)}")
    more = st.session_state.get("more cards", False)
    cards = cluster_cards(bundle, MANY if more else FEW)
    if not cards:
        st.info("This bundle has no clusters.")
    for first in range(0, len(cards), COLUMNS):
        columns = st.columns(COLUMNS)
        for column, card in zip(columns, cards[first : first + COLUMNS], strict=False):
            with column:
                _show(card)
    if len(cards) >= FEW:
        st.toggle(f"Show up to {MANY} clusters", key="more cards")
    if i_may(bundle, "annotate"):
        st.caption(
            "To label latents one after another, select them and open the Latent page: press J "
            "there for the next one without a note."
        )


def coverage_sentence(bundle: Bundle) -> str:
    """How many latents are distinct and what the first items of the reading order cover."""
    reading = bundle.manifest.reading
    if reading is None or not reading.coverage:
        return "The largest clusters. `clearwater refresh` also puts them in a reading order."
    stated = _stated(reading.coverage)
    return (
        f"{numbers.count(bundle.manifest.sae.d_sae)} latents, of which "
        f"{numbers.count(reading.live)} are live and {numbers.count(reading.distinct)} distinct "
        "(neither a duplicate of another nor implying another). In the **reading order**, the "
        f"first {numbers.count(stated.items)} clusters and latents cover "
        f"{numbers.percent(stated.mass)} of the activation; as many in a random order, "
        f"{numbers.percent(stated.random_mass)}. Below are the first reproducible clusters whose "
        "names fit. Those named by whole words come before those named by signs or parts of words, "
        "and of each, those whose members share more than one word come first."
    )


def clusters_by_space(bundle: Bundle) -> str:
    """How many clusters of each space are reproducible, at the level that is shown first."""
    levels = (bundle.manifest.first_level(space) for space in reversed(SPACES))
    parts = [
        f"{SPACE_WORDS[level.name.space]}: {level_badge(at_level(bundle.clusters, level.name))}"
        for level in levels
        if level is not None
    ]
    return f"**{'; by '.join(parts)}**" if parts else ""


def clusters_sentence(bundle: Bundle) -> str:
    """How many clusters are reproducible, and what that means."""
    counts = clusters_by_space(bundle)
    if not counts:
        return ""
    return (
        f"Clusters by {counts}. A cluster reappears if it comes out again with "
        "other seeds and when latents are left out; it is reproducible if it does so more than any "
        "of random data."
    )


def _stated(coverage: list[ReadingCoverage]) -> ReadingCoverage:
    """The coverage of STATED_ITEMS items, or of as many as there are."""
    return [one for one in coverage if one.items <= STATED_ITEMS][-1]


def _show(card: Card) -> None:
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{plain(card.name) or f'Cluster {card.cluster}'}**")
        st.markdown(_context(card))
        st.caption(_facts(card))
        st.button(
            "Show the cluster",
            key=f"card {card.cluster}",
            type="tertiary",
            icon=":material/arrow_forward:",
            on_click=_choose,
            args=(card.cluster,),
        )


def _context(card: Card) -> str:
    before, after = card.before[-CONTEXT_LENGTH:], card.after[:CONTEXT_LENGTH]
    return f"… {plain(before)} :blue-background[{plain(card.token) or '␣'}] {plain(after)} …"


def _facts(card: Card) -> str:
    parts = [f"{numbers.count(card.size)} latents"]
    parts.append(_beside("stability", card.stability, card.stability_null))
    parts.append(_beside("bootstrap", card.bootstrap, card.bootstrap_null))
    if card.member_lift is not None:
        lift = numbers.short(card.member_lift)
        parts.append(f"a member fires {lift} × as often as by chance on the others' words")
    return plain(" · ".join(parts))


def _beside(name: str, value: float, null: float | None) -> str:
    """A value of a cluster beside the largest one of random data."""
    if null is None:
        by_chance = ""
    elif null == 0:
        by_chance = " (no cluster of random data comes back)"
    else:
        by_chance = f" (at most {numbers.short(null)} in random data)"
    return f"{name} {numbers.short(value)}{by_chance}"


@guarded()
def _choose(cluster: int) -> None:
    with session.unwritten():
        choose_cluster(cluster)
    st.session_state["open clusters"] = True


def open_chosen() -> None:
    """Go to the Clusters page if a card was clicked in this run."""
    if st.session_state.pop("open clusters", False):
        session.open_page(CLUSTERS_PAGE)
