"""The network of a latent, against independent counts."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.bundle import Bundle, Space
from analysis.cooccurrence.ranking import reason_for_no_partners
from charts import network
from charts.core.figure import Figure
from charts.network import (
    NO_GROUP,
    OTHER_GROUP,
    group_network,
    neighbourhood,
)
from charts.network_edges import EDGES_EACH
from charts.pairs import strongest_pairs
from tests.charts.drawn import drawn_rows, marks


def test_a_network_has_the_strongest_partners_and_true_edges(tiny: Bundle) -> None:
    latent = 20
    figure = neighbourhood(tiny, latent, "jaccard", partners=12)
    active = tiny.latents["active_tokens"].to_numpy()
    stored = tiny.partners.all().to_pandas()
    joint = {(r.latent, r.partner): r.joint_tokens for r in stored.itertuples()}
    own = [
        (both / (active[a] + active[b] - both), -b) for (a, b), both in joint.items() if a == latent
    ]
    wanted = [-b for _, b in sorted(own, reverse=True)[:12]]
    assert nodes_of(figure)["latent"].to_pylist() == [latent, *wanted]
    spec = figure.chart.to_dict()
    lines = spec["datasets"][spec["layer"][0]["data"]["name"]]
    for line in lines:
        both = joint.get((line["a"], line["b"]), joint.get((line["b"], line["a"])))
        assert line["joint_tokens"] == both
        assert line["jaccard"] == pytest.approx(
            both / (active[line["a"]] + active[line["b"]] - both), abs=1e-9
        )
    of_chosen = {line["b"] for line in lines if line["of_chosen"]}
    assert of_chosen == set(wanted)
    assert len({(line["a"], line["b"]) for line in lines}) == len(lines)
    assert len(lines) <= 12 + 12 * EDGES_EACH


def test_a_latent_without_partners_is_the_only_node(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 0)
    assert figure.rows["latent"].to_pylist() == [0]
    assert figure.note == reason_for_no_partners(tiny, 0)
    assert figure.chart.to_dict()


def test_a_pair_with_two_conditionals_has_the_larger_one(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20, "p_b_given_a", partners=10)
    active = tiny.latents["active_tokens"].to_numpy()
    stored = tiny.partners.all().to_pandas()
    both = {(r.latent, r.partner) for r in stored.itertuples()}
    checked = 0
    for line in drawn_rows(figure, "a", "b", "of_chosen"):
        a, b, joint = line["a"], line["b"], line["joint_tokens"]
        given = [active[i] for i, pair in ((a, (a, b)), (b, (b, a))) if pair in both]
        assert line["p_b_given_a"] == pytest.approx(joint / min(given))
        checked += len(given) == 2 and active[a] != active[b]
    assert checked > 5


def nodes_of(figure: Figure) -> pa.Table:
    return figure.rows.filter(pc.equal(figure.rows["part"], "node"))


def edges_of(figure: Figure) -> pa.Table:
    return figure.rows.filter(pc.equal(figure.rows["part"], "edge"))


def test_the_chosen_latent_is_first_and_always_has_its_name(tiny: Bundle) -> None:
    assert network.MOST_PARTNERS == 40
    nodes = drawn_rows(neighbourhood(tiny, 20), "chosen", "least_width", "name")
    assert len(nodes) > 14
    assert [node["chosen"] for node in nodes] == [True] + [False] * (len(nodes) - 1)
    assert nodes[0]["least_width"] < 330
    assert nodes[0]["name"].startswith("20")


def test_the_rows_have_the_nodes_and_the_drawn_edges(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20, "jaccard", partners=12)
    lines = drawn_rows(figure, "a", "b", "of_chosen")
    exported = edges_of(figure).to_pylist()
    for name, column in (("latent", "a"), ("partner", "b"), ("jaccard", "jaccard")):
        assert [row[name] for row in exported] == [line[column] for line in lines]
    assert [row["joint_tokens"] for row in exported] == [line["joint_tokens"] for line in lines]
    assert figure.rows.num_rows == 13 + len(lines)
    assert nodes_of(figure)["partner"].null_count == 13


def test_the_network_of_a_group_has_its_strongest_pairs(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "MOST_NODES", 15)
    mask = np.arange(120) % 3 < 2  # latents of every planted group are inside and outside
    figure = group_network(tiny, mask, "cluster 7", "phi")
    pairs = strongest_pairs(tiny, np.flatnonzero(mask), "phi", within=True).rows.to_pylist()
    order = list(dict.fromkeys(end for p in pairs for end in (p["latent"], p["partner"])))
    nodes = nodes_of(figure)["latent"].to_pylist()
    assert nodes == order[:15]
    inside = [p for p in pairs if p["latent"] in nodes and p["partner"] in nodes]
    wanted = set()
    for node in nodes:
        own = [p for p in inside if node in (p["latent"], p["partner"])][:EDGES_EACH]
        wanted |= {frozenset((p["latent"], p["partner"])) for p in own}
    edges = edges_of(figure).to_pylist()
    assert {frozenset((e["latent"], e["partner"])) for e in edges} == wanted
    assert len(edges) == len(wanted)
    strength = {frozenset((p["latent"], p["partner"])): p["phi"] for p in inside}
    assert all(e["phi"] == strength[frozenset((e["latent"], e["partner"]))] for e in edges)
    place = {node["latent"]: (node["x"], node["y"]) for node in drawn_rows(figure, "chosen")}
    for line in drawn_rows(figure, "x2"):
        assert ((line["x"], line["y"]), (line["x2"], line["y2"])) == (
            place[line["a"]],
            place[line["b"]],
        )
    assert figure.name == "network-of-cluster-7-phi" and "cluster 7" in figure.title
    assert figure.caption.parameters["nodes"] == "15 of 80 latents"
    assert "65 others are not drawn" in str(figure.note)
    assert not any(node["chosen"] for node in drawn_rows(figure, "chosen"))
    assert network.MOST_PAIRS == 10_000


def test_a_group_without_pairs_is_empty(tiny: Bundle) -> None:
    figure = group_network(tiny, np.arange(120) < 2, "the selection")
    assert figure.rows.num_rows == 0 and figure.chart.to_dict()


def test_the_legend_names_the_largest_clusters(tiny: Bundle, monkeypatch: Any) -> None:
    monkeypatch.setattr(network, "MOST_GROUPS", 2)
    figure = group_network(tiny, np.ones(120, bool), "all", space="decoder")
    groups = Counter(g for g in nodes_of(figure)["group"].to_pylist() if g is not None)
    kinds = {row["latent"]: row["kind"] for row in drawn_rows(figure, "kind")}
    drawn = Counter(kinds.values())
    named = [kind for kind in drawn if kind not in {NO_GROUP, OTHER_GROUP}]
    assert sorted(drawn[kind] for kind in named) == sorted(n for _, n in groups.most_common(2))
    none = nodes_of(figure)["group"].null_count
    assert drawn[NO_GROUP] == none and drawn[OTHER_GROUP] == sum(groups.values()) - sum(
        drawn[kind] for kind in named
    )
    scale = figure.chart.to_dict()["layer"][1]["encoding"]["color"]["scale"]
    assert set(scale["domain"]) == set(drawn) and len(scale["range"]) == len(scale["domain"])


@pytest.mark.parametrize("clusters", [network.MOST_GROUPS, network.MOST_GROUPS + 1])
def test_the_legend_has_entries_for_what_is_drawn_only(clusters: int) -> None:
    of_space = network._Clusters("cluster", "cluster", {i: f"sea ({i})" for i in range(clusters)})
    legend = network._legend([*range(clusters), 0], of_space)
    others = [OTHER_GROUP] if clusters > network.MOST_GROUPS else []
    assert list(legend) == [f"sea ({i})" for i in range(network.MOST_GROUPS)] + others
    assert list(network._legend([3, None], of_space)) == ["sea (3)", NO_GROUP]


def test_the_caption_and_the_note_count_partners_and_edges(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20, "jaccard", partners=12)
    assert f"The 12 strongest partners with at least {3} joint tokens" in str(figure.note)
    nodes = set(nodes_of(figure)["latent"].to_pylist())
    stored = tiny.partners.all().to_pandas().query("joint_tokens >= 3")
    among = {
        frozenset((r.latent, r.partner))
        for r in stored.itertuples()
        if r.latent in nodes and r.partner in nodes
    }
    lines = drawn_rows(figure, "a", "b", "of_chosen")
    assert figure.caption.parameters["edges"] == f"{len(lines)} of {len(among)} stored"


@pytest.mark.parametrize(
    ("space", "column"),
    [(None, "cluster"), ("decoder", "cluster"), ("cooccurrence", "cluster_cooccurrence")],
)
def test_the_groups_are_the_clusters_of_the_space(
    tiny: Bundle, space: Space | None, column: str
) -> None:
    rows = nodes_of(neighbourhood(tiny, 20, space=space, partners=8)).to_pylist()
    stored = tiny.latents[column].to_pylist()
    assert [row["group"] for row in rows] == [stored[row["latent"]] for row in rows]


def test_a_latent_without_a_cluster_has_a_dash_in_its_tooltip(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 20)
    texts = {row["latent"]: row["group_text"] for row in drawn_rows(figure, "group_text")}
    groups = dict(zip(*(nodes_of(figure)[c].to_pylist() for c in ("latent", "group")), strict=True))
    assert texts == {i: "–" if g is None else str(g) for i, g in groups.items()}


def test_points_are_smaller_from_150_latents_on(tiny: Bundle) -> None:
    assert [network._sizes(nodes) for nodes in (0, 150, 300)] == [[60, 520], [60, 520], [30, 260]]
    scale = neighbourhood(tiny, 20).chart.to_dict()["layer"][1]["encoding"]["size"]["scale"]
    assert (scale["type"], scale["range"]) == ("log", [60, 520])


def test_stronger_edges_are_thicker_and_the_latent_has_a_ring(tiny: Bundle) -> None:
    assert marks(neighbourhood(tiny, 20)) == [
        "rule: x x, x2 x2, y y, y2 y2, color quiet ink if datum.of_chosen else rule, "
        "strokeWidth phi from 0.5 to 5",
        "circle: opacity 1, x x, y y, color kind, stroke highlight if datum.chosen else paper, "
        "size density from 60 to 520",
        "text: color paper, stroke paper, opacity datum.least_width <= width ? 1 : 0, x x, "
        "y y, text name",
        "text: color ink, opacity datum.least_width <= width ? 1 : 0, x x, y y, text name",
    ]
