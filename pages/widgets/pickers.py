"""Choose the pair or the cluster that a page is about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle, LevelName
from analysis.cooccurrence.pair import Pair, read_pair
from analysis.cooccurrence.ranking import reason_for_no_partners
from analysis.latents.flags import is_live
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.selection.tours.first_views import first_pair
from charts.cluster_cards import clusters_to_read
from charts.cluster_level import at_level, cluster_choices
from charts.core.names import name_by_latent
from charts.core.text import name_of
from charts.latent_lists import partners_by
from pages.widgets import choices, session
from pages.widgets.events import choose_cluster, open_pair
from pages.widgets.failures import guarded
from pages.widgets.latent_picker import no_such_latent
from pages.widgets.page import Page
from pages.widgets.state import WIDEST_WINDOW, ViewState

MOST_PARTNERS = 40
MOST_OFFERED = 5_000
"""Clusters of a picker: the largest ones of a level. More would be a megabyte for every click."""
_NAME_LENGTH = 60
_PARTNER = "partner among the strongest"
_PAIR_WITH = "pair with a partner"
_CLUSTER = "pick cluster"


@dataclass(frozen=True)
class _Field:
    """A number of the view and its input on the Pair page."""

    name: str
    label: str
    help: str | None = None

    @property
    def key(self) -> str:
        return f"pick {self.name} of the pair"


_A, _B = _Field("latent", "Latent a"), _Field("partner", "Latent b")
_THRESHOLD = _Field(
    "threshold",
    "Active above",
    "A latent counts as active on a token if its activation is larger than this. The tests and the "
    "listed relations always use the threshold of the bundle.",
)
_WINDOW = _Field("window", "Window, tokens", "Kept tokens per window. Windows end with a document.")


def pair_picker(page: Page) -> Pair:
    """The pair of the view, else one that the bundle suggests; end the page without pairs."""
    if page.bundle.latents.num_rows < 2:
        st.info("This SAE has one latent, so there is no pair to show.")
        st.stop()
    a, b = _valid_pair(page.bundle, page.view)
    last = page.bundle.latents.num_rows - 1
    threshold = max(page.view.threshold, page.bundle.manifest.parameters.active_threshold)
    with page.toolbar:
        _whole_number(_A, a, 0, last, width=200)
        st.button(
            "Swap",
            icon=":material/swap_horiz:",
            on_click=_go_to_pair,
            args=(b, a),
            type="tertiary",
            help="Exchange a and b",
        )
        _whole_number(_B, b, 0, last, width=200)
        _partner_of(page.bundle, a)
        _active_above(page.bundle, threshold)
        _whole_number(_WINDOW, page.view.window, 1, WIDEST_WINDOW, width=240)
    return read_pair(page.bundle, a, b, threshold, page.view.window)


def _active_above(bundle: Bundle, threshold: float) -> None:
    st.session_state[_THRESHOLD.key] = threshold
    st.number_input(
        _THRESHOLD.label,
        min_value=bundle.manifest.parameters.active_threshold,
        step=0.5,
        format="%g",
        key=_THRESHOLD.key,
        help=_THRESHOLD.help,
        on_change=_take_field,
        args=(_THRESHOLD,),
        width=220,
    )


def _valid_pair(bundle: Bundle, view: ViewState) -> tuple[int, int]:
    """The two latents of the view; missing, unknown and equal ones are replaced."""
    last = bundle.latents.num_rows - 1
    a, b = view.latent, view.partner
    if a is None and b is None and (first := first_pair(bundle)) is not None:
        session.suggest(latent=first[0], partner=first[1])
        return first
    if a is None or a > last:
        a = _most_active(bundle)
    if b is None or b == a or b > last:
        b = _suggested_partner(bundle, a)
    if (a, b) != (view.latent, view.partner):
        _explain_replacement(view, last, a, b)
        session.change(partner=b)
        if view.latent is None:
            session.suggest(latent=a)
        else:
            session.change(latent=a)
    return a, b


def _suggested_partner(bundle: Bundle, a: int) -> int:
    """The strongest live partner of a latent, else its strongest, else the next latent."""
    flags = bundle.latents["flag"]
    strongest = strongest_partners(bundle, a, "phi")
    live = [latent for latent in strongest if flags[latent].as_py() == "live"]
    return [*live, *strongest, (a + 1) % bundle.latents.num_rows][0]


def _explain_replacement(view: ViewState, last: int, a: int, b: int) -> None:
    """Warn if the link does not contain a valid pair; a missing latent needs no warning."""
    for latent in (view.latent, view.partner):
        if latent is not None and latent > last:
            st.warning(f"{no_such_latent(latent, last)} The pair {a} and {b} is shown.")
            return
    if view.latent is not None and view.partner == view.latent:
        st.warning(f"Latent {a} cannot be paired with itself. Its partner {b} is shown.")


def _most_active(bundle: Bundle) -> int:
    """The live latent with the most active tokens."""
    live = is_live(bundle.latents)
    return int(np.argmax(np.where(live, bundle.latents["active_tokens"].to_numpy(), -1)))


def strongest_partners(bundle: Bundle, latent: int, measure: str) -> list[int]:
    """Ids of the partners of a latent, strongest first."""
    rows = partners_by(bundle, latent, measure).slice(0, MOST_PARTNERS)
    return [int(partner) for partner in rows["partner"].to_pylist()]


def _partner_box(
    bundle: Bundle,
    latent: int,
    label: str,
    measure: str,
    key: str,
    on_change: Callable[[], None] | None = None,
) -> int | None:
    """A select box of the partners of a latent; None until one is chosen."""
    partners = strongest_partners(bundle, latent, measure)
    names = name_by_latent(bundle, partners)
    minimum = bundle.manifest.parameters.minimum_joint
    chosen: int | None = st.selectbox(
        label,
        partners,
        index=None,
        key=key,
        format_func=lambda i: name_of(i, names[i], _NAME_LENGTH),
        placeholder="choose a partner" if partners else "none",
        disabled=not partners,
        help=f"With at least {numbers.count(minimum)} joint tokens."
        if partners
        else reason_for_no_partners(bundle, latent),
        on_change=on_change,
        width=320,
    )
    return chosen


def _partner_of(bundle: Bundle, a: int) -> None:
    """Choose b among the strongest partners of a."""
    _partner_box(bundle, a, f"or a partner of {a}, by phi", "phi", _PARTNER, _take_partner)


@guarded()
def _take_partner() -> None:
    if st.session_state[_PARTNER] is not None:
        session.change(partner=int(st.session_state[_PARTNER]))
        st.session_state[_PARTNER] = None


def open_pair_with(bundle: Bundle, latent: int) -> None:
    """Open the page of a latent and one of its partners."""
    measure = session.current().measure
    partner = _partner_box(bundle, latent, "Open pair with", measure, f"{_PAIR_WITH} {latent}")
    if partner is not None:
        open_pair(latent, partner)


def _whole_number(field: _Field, value: int, lowest: int, highest: int, width: int) -> None:
    st.session_state[field.key] = value
    st.number_input(
        field.label,
        min_value=lowest,
        max_value=highest,
        step=1,
        key=field.key,
        help=field.help,
        on_change=_take_field,
        args=(field,),
        width=width,
    )


@guarded()
def _take_field(field: _Field) -> None:
    session.change(**{field.name: st.session_state[field.key]})


@guarded()
def _go_to_pair(a: int, b: int) -> None:
    session.change(latent=a, partner=b)


@dataclass(frozen=True)
class ChosenCluster:
    """The cluster that a page is about."""

    cluster: int
    level: LevelName
    members: Bools
    """[n_latents]"""
    components: int
    """How many principal components of its output the bundle stores."""


def cluster_picker(page: Page) -> ChosenCluster:
    """The cluster of the view, else that of its latent or one worth reading.

    It ends the page without clusters.
    """
    bundle = page.bundle
    if bundle.clusters.num_rows == 0:
        st.info("This SAE has no clusters: its latents form no dense groups.")
        st.stop()
    if page.view.level is None and page.view.cluster is not None:
        _show_level_of(bundle, page.view.cluster)
    with page.toolbar:
        level = choices.level(bundle) or LevelName("decoder", 0)
    names = cluster_choices(bundle, level)
    ids = list(names)
    if not ids:
        st.info("There are no clusters at this level; choose another one.")
        st.stop()
    if page.view.cluster not in ids:
        session.change(cluster=_replacement(bundle, page.view, level, ids))
    cluster = session.current().cluster
    assert cluster is not None
    _explain_missing_cluster(bundle, page.view.cluster, cluster)
    st.session_state[_CLUSTER] = cluster
    page.toolbar.selectbox(
        "Cluster",
        _offered(ids, cluster),
        key=_CLUSTER,
        format_func=names.__getitem__,
        help=None
        if len(ids) <= MOST_OFFERED
        else f"The {numbers.count(MOST_OFFERED)} largest of {numbers.count(len(ids))} clusters. "
        "Search for the others, or open them on the map or from a latent.",
        on_change=_take_cluster,
        width=300,
    )
    members = np.zeros(len(page.mask), dtype=bool)
    members[_members(bundle, cluster)] = True
    stored = bundle.cluster_components["cluster"].to_numpy()
    return ChosenCluster(cluster, level, members, int((stored == cluster).sum()))


def _offered(ids: list[int], chosen: int) -> list[int]:
    """The first MOST_OFFERED of the clusters, and the chosen one."""
    first = ids[:MOST_OFFERED]
    return first if chosen in first else [*first, chosen]


def _explain_missing_cluster(bundle: Bundle, wanted: int | None, shown: int) -> None:
    """Warn if a link names a cluster that the bundle does not have."""
    last = bundle.clusters.num_rows - 1
    if wanted is not None and wanted > last:
        st.warning(
            f"There is no cluster {wanted}: this bundle has clusters 0 to {last}. Cluster {shown} "
            "is shown."
        )


def _show_level_of(bundle: Bundle, cluster: int) -> None:
    """Show the level of a cluster, if the bundle has it: a link may name the cluster only."""
    if cluster < bundle.clusters.num_rows:
        space, level = (bundle.clusters[name][cluster].as_py() for name in ("space", "level"))
        session.change(space=space, level=level)


def _members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships
    members: np.ndarray = rows.filter(pc.equal(rows["cluster"], cluster))["latent"].to_numpy()
    return members


def _replacement(bundle: Bundle, view: ViewState, level: LevelName, ids: Sequence[int]) -> int:
    """A cluster of a level in the place of that of a view, or for a view without one."""
    if view.cluster is not None:
        return _same_latents(bundle, view.cluster, level, ids)
    own = _cluster_of(bundle, view.latent, level)
    return _worth_reading(bundle, ids) if own is None else own


def _cluster_of(bundle: Bundle, latent: int | None, level: LevelName) -> int | None:
    """The cluster of a latent at a level; None if it is in none, or there is no such latent."""
    rows = at_level(bundle.memberships, level)
    own = rows.filter(pc.equal(rows["latent"], -1 if latent is None else latent))["cluster"]
    return own[0].as_py() if len(own) else None


def _worth_reading(bundle: Bundle, ids: Sequence[int]) -> int:
    """The first of the cards on the Overview that is among the clusters, or the first of these."""
    among = set(ids)
    cards = clusters_to_read(bundle)["cluster"].to_pylist()
    return next((one for one in cards if one in among), ids[0])


def _same_latents(bundle: Bundle, cluster: int, level: LevelName, ids: Sequence[int]) -> int:
    """The cluster of a level that shares the most latents with a cluster; else the first id."""
    others = at_level(bundle.memberships, level)
    shared = np.isin(others["latent"].to_numpy(), _members(bundle, cluster))
    counts = np.bincount(others["cluster"].to_numpy()[shared])
    return int(counts.argmax()) if len(counts) else ids[0]


@guarded()
def _take_cluster() -> None:
    if st.session_state[_CLUSTER] is not None:
        choose_cluster(int(st.session_state[_CLUSTER]))
