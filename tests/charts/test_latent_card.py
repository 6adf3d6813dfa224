"""The card of a latent and its neighbourhood on the map, against the tables."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.runtime.errors import InputError
from charts import latent_card as latent_card_module
from charts.cluster_level import level_of
from charts.concordance import WholeText
from charts.core import cache
from charts.core.hues import ink
from charts.latent_card import NEAREST, latent_card, map_neighbourhood
from tests.charts.conftest import DEAD, DENSE, ULTRALOW, with_tables


@pytest.mark.parametrize("latent", [13, 20, 50])
def test_the_context_is_the_strongest_one_with_its_activations(tiny: Bundle, latent: int) -> None:
    card = latent_card(tiny, latent)
    rows, values = tiny.activations.of_latent(latent)
    strongest = float(values.max())
    ratios = [token.ratio for token in card.context]
    assert max(ratios) == ratios[card.picked] == 1.0
    row = int(rows[values.argmax()])
    text = tiny.tokens["token"].cast("string").to_pylist()
    before = text[row].replace(" ", "\u00a0")
    assert card.context[card.picked].text[:3] == before[:3] or not before.isprintable()
    activation = dict(zip(rows.tolist(), values.tolist(), strict=True))
    for offset, token in enumerate(card.context, row - card.picked):
        assert token.ratio == pytest.approx(activation.get(offset, 0.0) / strongest, abs=6e-4)
    assert len(card.context) <= 20


def test_the_facts_are_those_of_the_tables(tiny: Bundle) -> None:
    stored = tiny.latents.to_pandas()
    level = LevelName("decoder", 1)
    clustering = level_of(tiny, level)
    for latent in (DEAD, DEAD + DENSE, ULTRALOW[0], 30, 33):
        card, row = latent_card(tiny, latent, level), stored.loc[latent]
        assert card.latent == latent
        assert card.flag == ("" if row["flag"] == "live" else row["flag"])
        assert card.density.startswith(f"{row['density']:.1e}"[:3])
        assert card.partners == sum(tiny.partners.all()["latent"].to_numpy() == latent)
        cluster = int(clustering.of_latent[latent])
        assert (card.cluster is None) == (cluster < 0)
        if card.cluster:
            assert card.cluster.cluster == cluster
            assert card.cluster.light == ink(clustering.colours[cluster])
            assert card.cluster.dark == ink(clustering.colours[cluster], dark=True)


def test_a_label_is_weak_if_it_is_wrong_more_often_than_right(tiny: Bundle) -> None:
    field = tiny.latents.schema.field("label_precision")
    values = [None, 0.49, 0.5, 0.51] * (tiny.latents.num_rows // 4)
    place = tiny.latents.schema.get_field_index(field.name)
    latents = tiny.latents.set_column(place, field, pa.array(values, field.type))
    bundle = with_tables(tiny, latents=latents)
    cards = [latent_card(bundle, latent) for latent in (8, 9, 14, 11)]
    assert [card.weak for card in cards] == [True, True, False, False]
    assert cards[0].score == "label not scored"
    assert cards[2].score.startswith("label precision 0.500, recall ")


def test_a_dead_latent_has_no_context(tiny: Bundle) -> None:
    card = latent_card(tiny, 0)
    assert (card.context, card.picked, card.source, card.partners) == ((), 0, "", 0)
    assert card.flag == "dead"


def test_hostile_text_is_made_visible_and_not_escaped(tiny: Bundle) -> None:
    cards = [latent_card(tiny, latent) for latent in range(40)]
    shown = [text for card in cards for text in (card.name, card.source, *card.tokens)]
    assert "<script>alert(1)</script>" in shown
    assert not any(char in text for text in shown for char in "\n\t\0\u202e")
    assert max(map(len, shown)) <= 80


def test_a_latent_that_does_not_exist_is_refused(tiny: Bundle) -> None:
    for latent in (-1, tiny.latents.num_rows):
        with pytest.raises(InputError, match="there is no latent"):
            latent_card(tiny, latent)
        with pytest.raises(InputError, match="there is no latent"):
            map_neighbourhood(tiny, latent, "decoder")


def test_neighbours_are_the_nearest_vectors_and_the_strongest_partners(tiny: Bundle) -> None:
    latent = 13
    around = map_neighbourhood(tiny, latent, "decoder", "jaccard")
    assert around is not None
    near = tiny.neighbours.all().to_pandas().query("latent == @latent").nsmallest(NEAREST, "rank")
    pairs = tiny.partners.all().to_pandas().query("latent == @latent")
    active = tiny.latents["active_tokens"].to_numpy()
    union = active[latent] + active[pairs["partner"]] - pairs["joint_tokens"]
    jaccard = (pairs["joint_tokens"] / union).set_axis(pairs["partner"])
    strongest = jaccard.sort_index().sort_values(ascending=False, kind="stable")[:NEAREST]
    x, y = (tiny.latents[name].to_numpy(zero_copy_only=False) for name in ("x", "y"))
    on_map = set(np.flatnonzero(np.isfinite(x)))
    nearest = {n.latent for n in around.neighbours if n.nearest}
    partners = {n.latent for n in around.neighbours if n.partner}
    assert nearest == set(near["neighbour"]) & on_map
    assert partners == set(strongest.index) & on_map
    cosines = near.set_index("neighbour")["cosine"]
    for one in around.neighbours:
        assert (one.x, one.y) == (x[one.latent], y[one.latent])
        if one.nearest:
            assert float(one.nearest.replace("−", "-")) == pytest.approx(
                cosines[one.latent], rel=6e-3
            )
        if one.partner:
            assert float(one.partner) == pytest.approx(jaccard[one.latent], abs=6e-4)
    assert (around.x, around.y) == (x[latent], y[latent])


def test_a_latent_that_is_not_on_the_map_has_no_neighbourhood(tiny: Bundle) -> None:
    assert map_neighbourhood(replace(tiny), 0, "decoder") is None


def changed(table: pa.Table, **columns: list[Any]) -> pa.Table:
    for name, values in columns.items():
        field = table.schema.field(name)
        place = table.schema.get_field_index(name)
        table = table.set_column(place, field, pa.array(values, field.type))
    return table


def test_a_card_shows_six_tokens_and_cuts_long_texts(tiny: Bundle) -> None:
    latents, clusters, documents = tiny.latents, tiny.clusters, tiny.documents
    long, tokens = "w" * 99, [f"t{i}" for i in range(9)]
    bundle = with_tables(
        tiny,
        latents=changed(latents, label=[long] * 120, top_tokens=[tokens] * 120),
        clusters=changed(clusters, label=[long] * clusters.num_rows),
        documents=changed(documents, title=[long] * documents.num_rows),
    )
    card = latent_card(bundle, 13)
    assert card.cluster is not None
    assert card.tokens == ("t0", "t1", "t2", "t3", "t4", "t5")
    shown = [len(text) for text in (card.name, card.cluster.name, card.source)]
    assert shown == [80, 60, 60]
    assert all(text.endswith("w…") for text in (card.name, card.cluster.name, card.source))
    empty = changed(clusters, label=[""] * clusters.num_rows)
    unnamed = latent_card(with_tables(tiny, clusters=empty), 13).cluster
    assert unnamed is not None and unnamed.name == f"cluster {unnamed.cluster}"


def test_the_source_is_the_title_of_the_document_of_the_strongest_context(tiny: Bundle) -> None:
    documents = [f"title {i}" for i in tiny.documents["document"].to_pylist()]
    bundle = with_tables(tiny, documents=changed(tiny.documents, title=documents))
    for latent in (13, 20, 50):
        rows, values = tiny.activations.of_latent(latent)
        strongest = tiny.tokens["document"][int(rows[values.argmax()])].as_py()
        assert latent_card(bundle, latent).source == f"title {strongest}"


def test_the_score_has_precision_and_recall(tiny: Bundle) -> None:
    latents = changed(tiny.latents, label_precision=[0.25] * 120, label_recall=[0.125] * 120)
    card = latent_card(with_tables(tiny, latents=changed(latents, label=["sea"] * 120)), 13)
    assert card.score == "label precision 0.250, recall 0.125"
    none = changed(latents, label=[""] * 120)
    assert latent_card(with_tables(tiny, latents=none), 13).score == ""
    # A label that predicts no held-out word has a recall of 0 and no precision.
    assert latent_card_module._score("sea", None, 0.0) == "label not scored"


def test_a_character_of_several_tokens_has_the_largest_of_their_activations(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = latent_card(tiny, 20)

    def halves(tokens: list[str]) -> list[WholeText]:
        return [WholeText(0, 10, "first half"), WholeText(10, len(tokens), "second half")]

    monkeypatch.setattr(latent_card_module, "whole_texts", halves)
    cache.clear()
    card = latent_card(tiny, 20)
    ratios = [token.ratio for token in alone.context]
    assert [token.ratio for token in card.context] == [max(ratios[:10]), max(ratios[10:])]
    assert card.picked == (alone.picked >= 10)


def test_eight_of_each_kind_are_around_a_latent_and_the_context_has_twenty_tokens(
    tiny: Bundle,
) -> None:
    assert NEAREST == 8
    around = map_neighbourhood(tiny, 13, "decoder")
    assert around is not None
    assert len(around.neighbours) > 8
    assert {len(latent_card(tiny, i).context) for i in range(13, 40)} >= {20}
