"""The Clusters page: choosing a cluster shows and selects it."""

import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.runtime.errors import InputError
from tests.pages.conftest import ROOT, Open, act_in_chart, texts


def first_cluster(bundle: Bundle) -> int:
    """The largest cluster of the level that is shown first."""
    shown = bundle.manifest.first_level()
    assert shown is not None
    names = [(row["space"], row["level"]) for row in bundle.clusters.to_pylist()]
    return names.index(shown.name)


def test_a_click_in_the_tree_shows_a_cluster_and_selects_it_on_every_page(
    open_page: Open, planted_bundle: Bundle
) -> None:
    coarse = planted_bundle.clusters.num_rows - 1
    level, space = (planted_bundle.clusters[name][coarse].as_py() for name in ("level", "space"))
    app = open_page("clusters", select="density<0.5")
    first = first_cluster(planted_bundle)
    assert app.subheader[0].value.startswith(f"Cluster {first}")
    act_in_chart(app, "cluster-tree", picked_cluster=[{"cluster": coarse}])
    assert app.query_params["select"] == f"density<0.5 & cluster={coarse}"
    assert app.subheader[0].value.startswith(f"Cluster {coarse}")
    assert (app.query_params["space"], app.query_params["level"]) == (space, str(level))


def test_the_table_of_clusters_opens_with_one_verdict_and_few_columns(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters")
    table = next(one for one in app.dataframe if "verdict" in one.value.columns)
    assert list(table.proto.column_order) == [
        "chosen", "label", "verdict", "size", "member_share", "stability", "bootstrap", "context",
    ]  # fmt: skip
    assert {"bootstrap", "member_lift", "main_source", "mean_density"} < set(table.value.columns)
    chosen = table.value[table.value["chosen"] == "▸"].iloc[0]
    assert f"-badge[{chosen['verdict']}]" in app.subheader[0].value
    narrowed = open_page("clusters", select="density<0.05")
    table = next(one for one in narrowed.dataframe if "verdict" in one.value.columns)
    assert list(table.proto.column_order)[3:5] == ["size", "selected"]


def test_a_link_shows_its_cluster_and_its_components(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters", cluster=3, component=3, against=1, classes="token")
    row = planted_bundle.clusters.to_pylist()[3]
    text = texts(app)
    assert f"Cluster 3 · {row['label']}" in text
    assert "components 3 and 1" in text
    weak = [warning for warning in app.warning if "This cluster is weak evidence" in warning.value]
    assert bool(weak) == (not row["believable"])


def test_a_cell_of_the_cluster_matrix_selects_both_clusters(open_page: Open) -> None:
    app = open_page("clusters")
    cell = {"cluster": 4, "other": 2}
    act_in_chart(app, "cluster-matrix-phi", picked_pair_of_clusters=[cell])
    assert app.query_params["select"] == "cluster=2,4"


def test_an_unknown_cluster_in_a_link_is_replaced_by_the_largest(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters", cluster=10**6)
    assert not app.exception
    first = first_cluster(planted_bundle)
    assert app.subheader[0].value.startswith(f"Cluster {first}")


def test_another_level_shows_the_cluster_with_the_same_latents(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(ROOT / "data"))
    members = open_bundle(ROOT / "data" / "demo").memberships.to_pandas()
    members = members[members["space"] == "decoder"]
    largest = members.loc[members["level"] == 1, "cluster"].min()
    checked = 0
    for fine in members.loc[members["level"] == 0, "cluster"].unique()[:3].tolist():
        latents = members.loc[members["cluster"] == fine, "latent"]
        above = members[(members["level"] == 1) & members["latent"].isin(latents)]["cluster"]
        app = open_page("clusters", cluster=fine, space="decoder", level=1)
        assert int(app.query_params["cluster"]) in (above.mode().tolist() or [largest])
        checked += not above.empty
    assert checked


def test_a_cluster_that_is_chosen_by_name_is_selected(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("clusters", select="density<0.5", cluster=0)
    app.selectbox(key="pick cluster").set_value(1).run()
    assert app.query_params["cluster"] == "1"
    assert app.query_params["select"] == "density<0.5 & cluster=1"


def test_a_level_without_clusters_says_so(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.widgets.pickers.cluster_choices", lambda bundle, level: {})
    app = open_page("clusters", cluster=2)
    assert not app.exception
    assert "There are no clusters at this level" in app.info[-1].value


def test_a_switch_shows_the_clusters_of_chance_and_keeps_them_in_the_link(open_page: Open) -> None:
    app = open_page("clusters")
    title = "What chance looks like: clusters of random data"
    assert title not in texts(app)
    app.toggle(key="pick chance").set_value(True).run()
    assert title in texts(app) and app.query_params["chance"] == "shown"
    again = open_page("clusters", chance="shown")
    assert title in texts(again) and again.toggle(key="pick chance").value


def test_a_bundle_without_a_draw_has_no_switch(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(ROOT / "tests" / "bundles"))
    app = open_page("clusters", bundle="schema-2", chance="shown")
    assert not app.exception and not app.toggle


def test_the_members_do_not_wait_for_the_evidence(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InputError("The evidence is not there.")

    monkeypatch.setattr("charts.cluster_evidence.cluster_evidence", fail)
    app = open_page("clusters", cluster=3)
    assert app.error[0].value.startswith("The evidence is not there")
    members = planted_bundle.memberships.to_pandas().query("cluster == 3")["latent"]
    assert set(app.dataframe[1].value["latent"]) == set(members)
