"""The cards are the first clusters of the reading order, each with a true context."""

import dataclasses
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from charts import cluster_cards as cluster_cards_module
from charts.cluster_cards import cluster_cards, clusters_to_read
from charts.cluster_level import level_of
from tests.charts.test_context_snippets import expected_snippet


def holds_up(row: dict[str, Any]) -> bool:
    return bool(row["believable"]) and (row["member_lift"] or 0) >= 5


def rank(row: dict[str, Any]) -> tuple[bool, bool]:
    """Of the labels in the planted bundle, those of signs and parts of words have no word first."""
    first = str(row["label"]).split(" · ")[0]
    return re.fullmatch(r"[\w ]{2,}( \+ others)?", first) is None, shares_one_word(row)


def shares_one_word(row: dict[str, Any]) -> bool:
    return (row["member_lift_other_words"] or 0) < 2


def test_cards_follow_the_reading_order_of_clusters_believable(planted_bundle: Bundle) -> None:
    rows = planted_bundle.clusters.to_pylist()
    good = [row for row in rows if holds_up(row) and row["reading_item"] is not None]
    ordered = sorted(good, key=lambda row: (*rank(row), int(row["reading_item"])))
    cards = cluster_cards(planted_bundle, 5)
    assert [card.cluster for card in cards] == [row["cluster"] for row in ordered[:5]]
    assert (cards[0].size, cards[0].stability) == (ordered[0]["size"], ordered[0]["stability"])
    assert cards[0].member_lift == ordered[0]["member_lift"]
    assert len(cluster_cards(planted_bundle, 1_000)) == len(ordered)


def test_weak_clusters_are_shown_if_there_are_no_others(planted_bundle: Bundle) -> None:
    clusters = planted_bundle.clusters
    index = clusters.schema.get_field_index("believable")
    nothing = pa.array([False] * clusters.num_rows)
    weak = dataclasses.replace(planted_bundle)
    weak.__dict__["clusters"] = clusters.set_column(index, clusters.schema.field(index), nothing)
    places = [place for place in clusters["reading_item"].to_pylist() if place is not None]
    assert len(cluster_cards(weak, 1_000)) == len(places)


def test_the_context_is_one_of_the_corpus_on_which_the_member_is_active(
    planted_bundle: Bundle,
) -> None:
    tokens = planted_bundle.tokens["token"].cast("string").to_pylist()
    for card in cluster_cards(planted_bundle, 6):
        rows, values = planted_bundle.activations.of_latent(card.member)
        strongest = [tokens[row] for row in rows[values == values.max()].tolist()]
        assert card.token in strongest
        assert f"{card.before}{card.token}{card.after}" in "".join(tokens)
        assert card.before or card.after
        members = planted_bundle.memberships
        inside = members.filter(pc.equal(members["cluster"], card.cluster))["latent"].to_pylist()
        assert card.member in inside
        assert card.member == expected_snippet(planted_bundle, card.cluster)[0]


def test_a_context_has_24_tokens_and_ends_with_its_document(planted_bundle: Bundle) -> None:
    words = [(card.before.split(), card.after.split()) for card in cluster_cards(planted_bundle, 6)]
    assert max(len(before) for before, _ in words) == 12
    assert max(len(after) for _, after in words) == 11


def test_without_a_reading_order_the_largest_clusters_come_first_and_of_equals_the_smaller_id(
    planted_bundle: Bundle,
) -> None:
    clusters = planted_bundle.clusters
    index = clusters.schema.get_field_index("reading_item")
    nothing = pa.nulls(clusters.num_rows, pa.int32())
    older = dataclasses.replace(planted_bundle)
    older.__dict__["clusters"] = clusters.set_column(index, clusters.schema.field(index), nothing)
    rows = level_of(planted_bundle).table.to_pylist()
    assert not any(map(holds_up, rows)), "so that all of them are shown"
    ordered = sorted(rows, key=lambda row: (*rank(row), -row["size"], row["cluster"]))
    assert len({row["size"] for row in ordered[:4]}) < 4 < len(ordered)
    cards = cluster_cards(older, 4)
    assert [card.cluster for card in cards] == [row["cluster"] for row in ordered[:4]]
    assert [card.size for card in cards] == [row["size"] for row in ordered[:4]]


def test_without_a_reading_order_the_most_active_member_is_shown(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    index = latents.schema.get_field_index("reading_rank")
    older = dataclasses.replace(planted_bundle)
    nothing = pa.nulls(latents.num_rows, pa.int32())
    older.__dict__["latents"] = latents.set_column(index, latents.schema.field(index), nothing)
    for card in cluster_cards(older, 4):
        assert card.member == expected_snippet(older, card.cluster)[0]


def test_a_cluster_holds_up_from_a_lift_of_five(planted_bundle: Bundle) -> None:
    rows = planted_bundle.clusters.slice(0, 6)
    lifts, believable = [5.0, 4.9, None, 9.0, 5.1, 1.0], [True, True, True, False, True, False]
    for name, values in (("member_lift", lifts), ("believable", believable)):
        place, field = rows.schema.get_field_index(name), rows.schema.field(name)
        rows = rows.set_column(place, field, pa.array(values, field.type))
    for name in ("stability", "bootstrap"):
        place, field = rows.schema.get_field_index(name), rows.schema.field(name)
        rows = rows.set_column(place, field, pa.array([0.9] * 6, field.type))
    ids = rows["cluster"].to_pylist()
    assert cluster_cards_module._believable(rows)["cluster"].to_pylist() == [ids[0], ids[4]]
    none = rows.take([1, 2, 3, 5])
    assert cluster_cards_module._believable(none).equals(none)


def test_clusters_whose_members_share_more_than_one_word_come_first(
    planted_bundle: Bundle,
) -> None:
    rows = planted_bundle.clusters
    rest = rows.num_rows - 5
    given = {
        "member_lift": [9.0] * 5 + [None] * rest,
        "believable": [True] * 5 + [False] * rest,
        "stability": [0.9] * 5 + [0.1] * rest,
        "bootstrap": [0.9] * 5 + [0.1] * rest,
        "reading_item": [3, 0, 4, 1, 2] + [None] * rest,
        "member_lift_other_words": [2.0, 1.9, 8.0, None, 0.0] + [None] * rest,
    }
    for name, values in given.items():
        place, field = rows.schema.get_field_index(name), rows.schema.field(name)
        rows = rows.set_column(place, field, pa.array(values, field.type))
    ids = rows["cluster"].to_pylist()
    bundle = dataclasses.replace(planted_bundle)
    bundle.__dict__["clusters"] = rows
    cards = cluster_cards(bundle, 4)
    assert [card.cluster for card in cards] == [ids[0], ids[2], ids[1], ids[3]]


def test_clusters_named_by_whole_words_come_first(planted_bundle: Bundle) -> None:
    labels = [
        "words with -o, -a or -e (esto, esta) + others",
        "full stops · commas",
        "you · it · full stops",
        "mixed: boat · sail",
        "the letters x and y",
        "text after “to” · live",
        "",
        "New York + others",
        "accented letters (ö, ä)",
    ]
    count = len(labels)
    rows = planted_bundle.clusters.slice(0, count)
    given = {
        "member_lift": [9.0] * count,
        "member_lift_other_words": [2.0] * 7 + [1.0, 2.0],
        "believable": [True] * count,
        "stability": [0.9] * count,
        "bootstrap": [0.9] * count,
        "reading_item": list(range(count)),
        "label": labels,
    }
    for name, values in given.items():
        place, field = rows.schema.get_field_index(name), rows.schema.field(name)
        rows = rows.set_column(place, field, pa.array(values, field.type))
    bundle = dataclasses.replace(planted_bundle)
    bundle.__dict__["clusters"] = rows
    ordered = clusters_to_read(bundle)["label"].to_pylist()
    assert ordered == [labels[i] for i in (2, 7, 0, 1, 3, 4, 5, 6, 8)]


def test_a_card_shows_a_hundred_characters_of_a_name(planted_bundle: Bundle) -> None:
    clusters = planted_bundle.clusters
    place = clusters.schema.get_field_index("label")
    first = cluster_cards(planted_bundle, 1)[0].cluster
    for name, shown in (("n" * 100, "n" * 100), ("n" * 101, "n" * 99 + "…")):
        named = [name if c == first else "" for c in clusters["cluster"].to_pylist()]
        bundle = dataclasses.replace(planted_bundle)
        bundle.__dict__["clusters"] = clusters.set_column(
            place, clusters.schema.field(place), pa.array(named, clusters.schema.field(place).type)
        )
        assert cluster_cards(bundle, 1)[0].name == shown
