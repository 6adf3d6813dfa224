"""Rows of relations, communities and networks against the tables that they come from."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.communities import clarke_2024
from analysis.runtime.errors import InputError
from charts.communities import community_sizes, component_sizes, shared_words
from charts.network import EDGES_EACH, neighbourhood, spread
from charts.relations import RELATIONS, relation_points, relation_rows
from tests.charts.conftest import CLUSTERS, DEAD, LISTED

LATENTS = 120
EVERY = np.ones(LATENTS, dtype=bool)


@pytest.mark.parametrize("relation", ["all", *RELATIONS])
def test_relations_are_those_listed_and_loud_ones_are_hidden_and_counted(
    tiny: Bundle, relation: str
) -> None:
    flags = tiny.latents["flag"].to_pylist()
    listed = [
        row for row in tiny.relations.all().to_pylist() if relation in ("all", row["relation"])
    ]
    quiet = [
        row
        for row in listed
        if all(flags[row[end]] == "live" for end in ("a", "b", "parent") if row[end] is not None)
    ]
    rows, hidden = relation_rows(tiny, EVERY, relation)
    pairs = [(row["a"], row["b"]) for row in rows.to_pylist()]
    assert sorted(pairs) == sorted((row["a"], row["b"]) for row in quiet)
    assert hidden == len(listed) - len(quiet)
    assert rows["q_value"].to_pylist() == sorted(rows["q_value"].to_pylist())
    assert relation_rows(tiny, EVERY, relation, hide_flags=False)[0].num_rows == len(listed)
    assert f"{hidden:,} pairs with a dense" in str(relation_points(tiny, EVERY, relation).note)
    wanted = sum(LISTED.values()) if relation == "all" else LISTED[relation]
    assert len(listed) == wanted


def test_pairs_with_an_ultralow_latent_or_parent_are_hidden(tiny: Bundle) -> None:
    flags = tiny.latents["flag"].to_pylist()
    shown, _ = relation_rows(tiny, EVERY)
    every, _ = relation_rows(tiny, EVERY, hide_flags=False)
    for end in ("a", "b", "parent"):
        assert any(i is not None and flags[i] == "ultralow" for i in every[end].to_pylist()), end
        assert not any(i is not None and flags[i] == "ultralow" for i in shown[end].to_pylist())
    assert any(parent is not None for parent in shown["parent"].to_pylist())


def test_relations_of_a_selection_have_one_or_both_ends_in_it(tiny: Bundle) -> None:
    chosen = EVERY.copy()
    chosen[: DEAD + CLUSTERS] = False
    rows, _ = relation_rows(tiny, chosen, hide_flags=False)
    inside, _ = relation_rows(tiny, chosen, hide_flags=False, within=True)
    a, b = (tiny.relations.all()[end].to_numpy() for end in "ab")
    assert rows.num_rows == (chosen[a] | chosen[b]).sum()
    assert inside.num_rows == (chosen[a] & chosen[b]).sum() < rows.num_rows


def test_an_unknown_relation_or_level_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no relation 'friends'"):
        relation_rows(tiny, EVERY, "friends")
    with pytest.raises(InputError, match="no communities of level 7"):
        community_sizes(tiny, 7)


@pytest.mark.parametrize("level", [0, 1])
def test_communities_are_counted_whole_and_selected(tiny: Bundle, level: int) -> None:
    selected = np.arange(LATENTS) % 3 == 0
    rows = community_sizes(tiny, level, selected).rows.to_pandas().set_index("community")
    stored = tiny.communities.to_pandas().query("level == @level")
    whole = stored.groupby("community").size()
    part = stored[selected[stored["latent"]]].groupby("community").size()
    assert rows["latents"].to_dict() == whole.to_dict()
    assert rows["selected"].to_dict() == part.to_dict()
    assert rows["latents"].is_monotonic_decreasing


def test_components_are_drawn_by_size_and_say_what_differs(tiny: Bundle) -> None:
    active = tiny.latents["active_tokens"].to_numpy()
    found = clarke_2024(tiny.partners, active, eligible=EVERY, largest=(5, 20))
    figure = component_sizes(tiny, found)
    assert figure.rows["latents"].to_pylist() == found.sizes.tolist()[:30]
    assert f"{found.threshold:.3f}" in str(figure.note)
    assert "kept partners" in str(figure.note)


def test_words_of_a_group_are_those_that_it_shares_and_others_lack(tiny: Bundle) -> None:
    group = np.where(np.arange(LATENTS) % 10 == 3, 0, -1)  # its top tokens are all " Wort"
    assert shared_words(tiny, group, [0])[0].split(" · ")[0] == "Wort"


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
    assert figure.rows["latent"].to_pylist() == [latent, *wanted]
    lines = figure.chart.layer[0].data["values"]
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


def test_the_layout_repeats_itself_stays_inside_and_keeps_parts_together() -> None:
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(3), 10)
    a, b = np.nonzero(np.triu((block[:, None] == block) & (rng.random((30, 30)) < 0.6), 1))
    place = spread(30, a, b)
    assert np.array_equal(place, spread(30, a, b))
    assert np.abs(place).max() <= 1
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    same = block[:, None] == block
    assert apart[same].mean() < 0.5 * apart[~same].mean()
    assert spread(1, np.array([], int), np.array([], int)).shape == (1, 2)


def test_a_latent_without_partners_stands_alone(tiny: Bundle) -> None:
    figure = neighbourhood(tiny, 0)
    assert figure.rows["latent"].to_pylist() == [0]
    assert figure.chart.to_dict()
