"""What the Overview says is in the SAE."""

from dataclasses import replace

from analysis.bundle import Bundle, ReadingCoverage, ReadingSummary
from analysis.runtime import numbers
from charts.cluster_cards import Card, cluster_cards
from pages.widgets import reading
from pages.widgets.reading import clusters_sentence, coverage_sentence
from tests.pages.conftest import Open


def with_reading(bundle: Bundle, summary: ReadingSummary | None) -> Bundle:
    changed = bundle.manifest.model_copy(update={"reading": summary})
    return Bundle(bundle.path, changed, bundle.schema, bundle.identity, bundle.files)


def covered(items: int, mass: float) -> ReadingCoverage:
    return ReadingCoverage(items=items, latents=items, mass=mass, documents=1, random_mass=mass / 4)


def test_the_sentence_states_the_first_200_items(planted_bundle: Bundle) -> None:
    coverage = [covered(100, 0.5), covered(200, 0.64), covered(500, 0.8)]
    summary = ReadingSummary(live=190, distinct=150, documents=3, coverage=coverage)
    sentence = coverage_sentence(with_reading(planted_bundle, summary))
    assert sentence.startswith("200 latents, of which 190 are live and 150 distinct ")
    assert "first 200 clusters and latents cover 64 % " in sentence.replace("\u00a0", " ")
    assert "random order, 16 %" in sentence.replace("\u00a0", " ")


def test_a_short_order_states_what_there_is(planted_bundle: Bundle) -> None:
    summary = ReadingSummary(live=20, distinct=15, documents=3, coverage=[covered(10, 0.9)])
    assert "first 10 clusters and latents" in coverage_sentence(
        with_reading(planted_bundle, summary)
    )


def test_an_older_bundle_says_how_to_get_an_order(planted_bundle: Bundle) -> None:
    assert "clearwater refresh" in coverage_sentence(with_reading(planted_bundle, None))


def test_believable_clusters_are_counted_in_each_space(planted_bundle: Bundle) -> None:
    sentence = clusters_sentence(planted_bundle)
    for space, words in (("cooccurrence", "by co-occurrence"), ("decoder", "by decoder")):
        shown = next(one for one in planted_bundle.manifest.clustering if one.name.space == space)
        first = planted_bundle.manifest.first_level(shown.name.space)
        assert first is not None
        rows = [
            row
            for row in planted_bundle.clusters.to_pylist()
            if (row["space"], row["level"]) == (first.name.space, first.name.level)
        ]
        believable = sum(bool(row["believable"]) for row in rows)
        assert f"{words}: {believable} of {len(rows)} clusters reproducible" in sentence.replace(
            "**", ""
        )
    manifest = planted_bundle.manifest.model_copy(update={"clustering": []})
    none = Bundle(
        planted_bundle.path, manifest, planted_bundle.schema, planted_bundle.identity,
        planted_bundle.files,
    )  # fmt: skip
    assert clusters_sentence(none) == ""


def test_facts_state_stability_beside_chance(planted_bundle: Bundle) -> None:
    card = cluster_cards(planted_bundle, 1)[0]
    facts = reading._facts(card).replace("\\", "")
    assert facts.startswith(f"{card.size} latents · stability ")
    facts_by_null = {
        value: reading._facts(replace(card, stability=0.9, stability_null=value)).replace("\\", "")
        for value in (None, 0.0, 0.25)
    }
    assert "stability 0.9 ·" in facts_by_null[None]
    assert "stability 0.9 (no cluster of random data comes back) ·" in facts_by_null[0.0]
    assert "stability 0.9 (at most 0.25 in random data) ·" in facts_by_null[0.25]
    assert f" · bootstrap {numbers.short(card.bootstrap)}" in facts
    assert ("fires" in facts) == (card.member_lift is not None)
    facts = reading._facts(replace(card, member_lift=12.4)).replace("\\", "")
    assert facts.endswith("fires 12.4 × as often as by chance on the others' words")


def test_a_card_shows_ninety_characters_on_both_sides_of_its_token() -> None:
    card = Card(
        cluster=1, name="sea", size=5, stability=0.5, stability_null=None, bootstrap=0.6,
        bootstrap_null=None, member_lift=None, member=3, before="a" + "b" * 90, token="sail",
        after="c" * 90 + "d",
    )  # fmt: skip
    before, after = "b" * 90, "c" * 90
    assert reading._context(card) == f"… {before} :blue-background[sail] {after} …"


def test_nine_cards_are_shown_and_up_to_sixty_on_demand(
    open_page: Open, planted_bundle: Bundle
) -> None:
    def cards() -> int:
        return sum(button.label == "Show the cluster" for button in app.button)

    app = open_page("overview")
    assert cards() == 9
    (toggle,) = (toggle for toggle in app.toggle if toggle.label == "Show up to 60 clusters")
    app = toggle.set_value(True).run()
    assert 9 < cards() == len(cluster_cards(planted_bundle, 60))
