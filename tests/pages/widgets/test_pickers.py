"""Missing and unknown latents, pairs and clusters are replaced."""

import numpy as np
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.selection import Search, evaluate
from pages.widgets.pickers import (
    _hits,
    _most_active,
    _next_selected,
    _same_latents,
    _suggested_partner,
    level_clusters,
    strongest_partners,
)
from tests.pages.conftest import Open


def test_a_link_with_one_latent_of_a_pair_is_completed(open_page: Open) -> None:
    for params in ({}, {"latent": 8}, {"latent": 8, "partner": 8}, {"latent": 8, "partner": 5000}):
        app = open_page("pair", **params)
        assert not app.exception and not app.error
        a, b = int(app.query_params["latent"]), int(app.query_params["partner"])
        assert a != b and 0 <= b < 200
        assert a == params.get("latent", a)


def test_an_unknown_latent_is_explained(open_page: Open) -> None:
    app = open_page("latent", latent=200)
    assert app.query_params["latent"] == "199"
    assert app.warning[0].value.startswith("There is no latent 200: this SAE has latents 0 to 199.")
    assert not any("no latent" in w.value for w in open_page("latent", latent=199).warning)


def test_an_unknown_cluster_is_explained(open_page: Open, planted_bundle: Bundle) -> None:
    last = planted_bundle.clusters.num_rows - 1
    app = open_page("clusters", cluster=9999)
    assert app.warning[0].value == (
        f"There is no cluster 9999: this bundle has clusters 0 to {last}. "
        f"Cluster {app.query_params['cluster']} is shown."
    )
    assert not any("no cluster" in w.value for w in open_page("clusters", cluster=last).warning)


def test_a_pair_of_equal_latents_is_explained(open_page: Open) -> None:
    app = open_page("pair", latent=8, partner=8)
    assert "Latent 8 cannot be paired with itself." in app.warning[0].value


def test_the_first_live_latent_of_the_selection_is_shown(open_page: Open) -> None:
    app = open_page("latent", select="latent=190,170,17")
    assert app.query_params["latent"] == "17"


def test_the_next_and_the_previous_selected_latent_by_id() -> None:
    mask = np.zeros(10, dtype=bool)
    mask[[2, 5, 9]] = True
    after = {latent: _next_selected(mask, latent, 1) for latent in range(10)}
    before = {latent: _next_selected(mask, latent, -1) for latent in range(10)}
    assert after == {0: 2, 1: 2, 2: 5, 3: 5, 4: 5, 5: 9, 6: 9, 7: 9, 8: 9, 9: None}
    assert before == {0: None, 1: None, 2: None, 3: 2, 4: 2, 5: 2, 6: 5, 7: 5, 8: 5, 9: 5}


def test_hits_are_listed_densest_first(planted_bundle: Bundle) -> None:
    density = planted_bundle.latents["density"].to_pylist()
    found = _hits(planted_bundle, "whale")
    assert len(found) > 3
    assert found == sorted(found, key=lambda i: -density[i])
    assert sorted(found) == np.flatnonzero(evaluate(Search("WHALE"), planted_bundle)).tolist()
    assert _hits(planted_bundle, "") == []


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
    ids = level_clusters(planted_bundle, other)["cluster"].to_pylist()
    sizes = planted_bundle.clusters["size"].to_pylist()
    assert ids == sorted(ids, key=lambda i: (-sizes[i], i)) and len(ids) > 10
    members: dict[int, set[int]] = {}
    for row in planted_bundle.memberships.to_pylist():
        members.setdefault(row["cluster"], set()).add(row["latent"])
    for cluster in range(6):
        same = _same_latents(planted_bundle, cluster, other, ids)
        shared = {i: len(members[i] & members[cluster]) for i in ids}
        assert shared[same] == max(shared.values()) > 0
    assert _same_latents(planted_bundle, None, other, ids) == ids[0]


def test_fifty_hits_are_offered_of_all_that_are_counted(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("latent")
    app.text_input("words of the latent").set_value("a").run()
    hits = _hits(planted_bundle, "a")
    assert len(hits) > 50
    (box,) = (box for box in app.selectbox if box.label.endswith(" hits"))
    assert box.label == f"{len(hits)} hits"
    assert [option.split(" ")[0] for option in box.options] == [str(i) for i in hits[:50]]
