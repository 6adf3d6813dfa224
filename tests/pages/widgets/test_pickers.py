"""Missing and unknown latents, pairs and clusters are replaced."""

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle, LevelName
from analysis.selection.tours.first_views import first_pair
from charts.cluster_level import cluster_choices
from pages.widgets.pickers import (
    _most_active,
    _replacement,
    _same_latents,
    _suggested_partner,
    strongest_partners,
)
from pages.widgets.state import ViewState
from tests.pages.conftest import Open


def test_a_link_with_one_latent_of_a_pair_is_completed(open_page: Open) -> None:
    for params in ({}, {"latent": 8}, {"latent": 8, "partner": 8}, {"latent": 8, "partner": 5000}):
        app = open_page("pair", **params)
        assert not app.exception and not app.error
        a, b = int(app.query_params["latent"]), int(app.query_params["partner"])
        assert a != b and 0 <= b < 200
        assert a == params.get("latent", a)


@pytest.mark.parametrize(("latent", "partner"), [(199, 3), (3, 199)])
def test_the_last_latent_can_be_in_a_pair(open_page: Open, latent: int, partner: int) -> None:
    app = open_page("pair", latent=latent, partner=partner)
    assert (int(app.query_params["latent"]), int(app.query_params["partner"])) == (latent, partner)
    assert not app.warning


@pytest.mark.parametrize(("latent", "partner"), [(200, 3), (3, 200)])
def test_a_latent_after_the_last_is_replaced(open_page: Open, latent: int, partner: int) -> None:
    app = open_page("pair", latent=latent, partner=partner)
    assert "200" in app.warning[0].value
    assert all(int(app.query_params[name]) < 200 for name in ("latent", "partner"))


def test_an_unknown_cluster_is_explained(open_page: Open, planted_bundle: Bundle) -> None:
    last = planted_bundle.clusters.num_rows - 1
    app = open_page("clusters", cluster=9999)
    assert app.warning[0].value == (
        f"There is no cluster 9999: this bundle has clusters 0 to {last}. "
        f"Cluster {app.query_params['cluster']} is shown."
    )
    assert not any("no cluster" in w.value for w in open_page("clusters", cluster=last).warning)


@pytest.mark.parametrize("latent", [8, 199])
def test_a_pair_of_equal_latents_is_explained(open_page: Open, latent: int) -> None:
    app = open_page("pair", latent=latent, partner=latent)
    assert f"Latent {latent} cannot be paired with itself." in app.warning[0].value


def test_the_forty_strongest_partners_are_offered(planted_bundle: Bundle) -> None:
    dense = 198
    stored = planted_bundle.partners.of([dense]).to_pylist()
    often = [row for row in stored if row["joint_tokens"] >= 10]
    assert len(often) > 40
    often.sort(key=lambda row: (-row["joint_tokens"], row["partner"]))
    offered = strongest_partners(planted_bundle, dense, "joint")
    assert offered == [row["partner"] for row in often[:40]]


@pytest.mark.parametrize(
    ("strongest", "suggested"), [([198, 5, 7], 5), ([198, 196], 198), ([], 193)]
)
def test_a_live_partner_is_suggested_if_there_is_one(
    planted_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    strongest: list[int],
    suggested: int,
) -> None:
    """Latents 196 to 199 are dense; without a partner it is the next latent."""
    monkeypatch.setattr("pages.widgets.pickers.strongest_partners", lambda *_: strongest)
    assert _suggested_partner(planted_bundle, 192) == suggested


def test_the_most_active_live_latent(planted_bundle: Bundle) -> None:
    rows = planted_bundle.latents.to_pylist()
    live = [row for row in rows if row["flag"] == "live"]
    most = max(live, key=lambda row: row["active_tokens"])
    assert any(row["active_tokens"] > most["active_tokens"] for row in rows)
    assert _most_active(planted_bundle) == most["latent"]


def test_the_cluster_of_another_space_with_most_of_the_same_latents(
    planted_bundle: Bundle,
) -> None:
    other = LevelName("cooccurrence", 0)
    ids = list(cluster_choices(planted_bundle, other))
    sizes = planted_bundle.clusters["size"].to_pylist()
    assert ids == sorted(ids, key=lambda i: (-sizes[i], i)) and len(ids) > 10
    members: dict[int, set[int]] = {}
    for row in planted_bundle.memberships.to_pylist():
        members.setdefault(row["cluster"], set()).add(row["latent"])
    for cluster in range(6):
        same = _same_latents(planted_bundle, cluster, other, ids)
        shared = {i: len(members[i] & members[cluster]) for i in ids}
        assert shared[same] == max(shared.values()) > 0


def test_the_largest_clusters_and_the_chosen_one_are_offered(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = cluster_choices(planted_bundle, LevelName("cooccurrence", 0))
    ids = list(names)
    monkeypatch.setattr("pages.widgets.pickers.MOST_OFFERED", 4)
    for chosen, offered in ((ids[2], ids[:4]), (ids[7], [*ids[:4], ids[7]])):
        app = open_page("clusters", cluster=chosen)
        box = app.selectbox(key="pick cluster")
        assert (box.options, box.value) == ([names[i] for i in offered], chosen)
        assert f"The 4 largest of {len(ids)} clusters" in box.help
    monkeypatch.setattr("pages.widgets.pickers.MOST_OFFERED", len(ids))
    box = open_page("clusters", cluster=ids[7]).selectbox(key="pick cluster")
    assert len(box.options) == len(ids) and not box.help


def test_the_first_card_of_a_level_is_shown_first(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = LevelName("cooccurrence", 0)
    ids = list(cluster_choices(planted_bundle, level))
    of_another_level = next(i for i in range(planted_bundle.clusters.num_rows) if i not in ids)
    for cards, first in (
        ([of_another_level, ids[5], ids[2]], ids[5]),
        ([of_another_level], ids[0]),
    ):
        table = pa.table({"cluster": cards})
        monkeypatch.setattr("pages.widgets.pickers.clusters_to_read", lambda _, rows=table: rows)
        assert _replacement(planted_bundle, ViewState(), level, ids) == first


def test_without_a_cluster_that_of_the_latent_is_shown(
    open_page: Open, planted_bundle: Bundle
) -> None:
    level = LevelName("cooccurrence", 0)
    ids = list(cluster_choices(planted_bundle, level))
    first = _replacement(planted_bundle, ViewState(), level, ids)
    rows = [row for row in planted_bundle.memberships.to_pylist() if row["cluster"] in ids]
    of_latent = {row["latent"]: row["cluster"] for row in rows}
    latent = next(one for one, cluster in of_latent.items() if cluster not in (first, ids[0]))
    alone = next(one for one in range(planted_bundle.latents.num_rows) if one not in of_latent)
    for chosen, cluster in ((latent, of_latent[latent]), (alone, first), (10_000, first)):
        app = open_page("clusters", latent=chosen, space=level.space, level=level.level)
        assert app.selectbox(key="pick cluster").value == cluster
    other = open_page("clusters", latent=latent, cluster=first)
    assert other.selectbox(key="pick cluster").value == first


def test_the_cluster_after_the_last_is_replaced_too(
    open_page: Open, planted_bundle: Bundle
) -> None:
    first_missing = planted_bundle.clusters.num_rows
    app = open_page("clusters", cluster=first_missing)
    assert not app.exception and f"no cluster {first_missing}:" in app.warning[0].value


def test_a_suggested_pair_has_the_threshold_of_the_bundle_and_is_left_on_the_page(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("pair", threshold=-5)
    assert not app.exception
    own = planted_bundle.manifest.parameters.active_threshold
    assert app.number_input(key="pick threshold of the pair").value == own
    pair = first_pair(planted_bundle)
    assert pair == shown_pair(app)
    app.switch_page("pages/clusters.py").run()
    assert not {"latent", "partner"} & {*app.query_params}
    assert shown_pair(app.switch_page("pages/pair.py").run()) == pair


def shown_pair(app: AppTest) -> tuple[int, int]:
    return int(app.query_params["latent"]), int(app.query_params["partner"])


def test_without_labels_the_most_active_latent_is_paired(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.pickers.first_pair", lambda _: None)
    a, b = shown_pair(open_page("pair"))
    assert (a, b) == (_most_active(planted_bundle), _suggested_partner(planted_bundle, a))
