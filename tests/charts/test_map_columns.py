"""Codes of the latents, against the tables of the bundle."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES, Bundle, LevelName, open_bundle
from analysis.runtime.errors import InputError
from analysis.selection import Compare, HasStatus, Latents, Tagged, evaluate, parse
from charts import map_columns
from charts.cluster_level import level_of
from charts.core.hues import on_dark
from charts.map_columns import colouring, offered_columns, part_of
from charts.map_view import maps_of, places
from tests.charts.conftest import with_tables
from tests.conftest import DEMO_BUNDLE


def test_every_numeric_and_word_column_is_offered_except_ids_and_places(tiny: Bundle) -> None:
    offered = offered_columns(tiny)
    wanted = {
        field.name
        for field in TABLES["latents"]
        if pa.types.is_integer(field.type)
        or pa.types.is_floating(field.type)
        or pa.types.is_dictionary(field.type)
    }
    wanted -= {"latent", "x", "y", "x_cooccurrence", "y_cooccurrence"}
    wanted -= {"cluster", "cluster_cooccurrence"}
    # In this bundle all decoder norms are 1, so their colour would say nothing.
    frame = tiny.latents.select(sorted(wanted)).to_pandas()
    wanted = {name for name in wanted if frame[name].nunique() > 1}
    assert "decoder_norm" not in wanted
    assert set(offered) == wanted | {
        "cluster",
        "association",
        "profile",
        "own_text",
        "note_status",
        "note_tag",
    }
    assert offered["density"].meaning == "active_tokens / kept tokens (fraction)"
    assert len({offer.title for offer in offered.values()}) == len(offered)


@pytest.mark.parametrize("level", [LevelName("decoder", 0), LevelName("cooccurrence", 0), None])
def test_clusters_have_the_code_and_colour_of_their_entry(
    tiny: Bundle, level: LevelName | None
) -> None:
    colours, clustering = colouring(tiny, "cluster", level), level_of(tiny, level)
    for latent, cluster in enumerate(clustering.of_latent.tolist()):
        code = int(colours.codes[latent])
        assert (code == 0) == (cluster < 0)
        if code:
            assert colours.ids[code - 1] == cluster
            assert colours.light[code] == clustering.colours[cluster]
            assert colours.dark[code] == on_dark(clustering.colours[cluster])
    for entry in colours.entries:
        assert entry.total == (clustering.of_latent == colours.ids[entry.code - 1]).sum()
    assert colours.codes.dtype == np.uint8


def test_many_clusters_need_two_bytes(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    clusters = level_of(tiny).table.num_rows
    for steps, dtype in ((clusters - 1, np.uint16), (clusters, np.uint8)):
        monkeypatch.setattr(map_columns, "STEPS", steps)
        assert colouring(tiny, "cluster").codes.dtype == dtype


def test_words_have_a_code_each_most_frequent_first(tiny: Bundle) -> None:
    colours = colouring(tiny, "flag")
    flags = tiny.latents["flag"].cast("string").to_pylist()
    labels = [entry.label for entry in colours.entries]
    assert [labels[code - 1] for code in colours.codes.tolist()] == flags
    totals = [entry.total for entry in colours.entries]
    assert totals == sorted((flags.count(label) for label in labels), reverse=True)


def test_a_word_that_no_latent_has_gets_no_entry(tiny: Bundle) -> None:
    words = pa.DictionaryArray.from_arrays(
        pa.array([i % 2 if i else None for i in range(tiny.latents.num_rows)], pa.int32()),
        pa.array(["live", "dense", "dead"]),
    )
    place = tiny.latents.schema.get_field_index("flag")
    bundle = with_tables(tiny, latents=tiny.latents.set_column(place, "flag", words))
    colours = colouring(bundle, "flag")
    assert [entry.label for entry in colours.entries] == ["dense", "live"]
    assert colours.codes[:4].tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize("name", ["density", "map_recall", "label_lift", "active_tokens"])
def test_numbers_keep_their_order_and_missing_ones_have_no_code(tiny: Bundle, name: str) -> None:
    colours = colouring(tiny, name)
    values = tiny.latents[name].cast("float64").to_numpy(zero_copy_only=False)
    known = np.isfinite(values)
    np.testing.assert_array_equal(colours.codes > 0, known)
    order = np.argsort(values[known])
    assert (np.diff(colours.codes[known][order].astype(int)) >= 0).all()
    assert sum(entry.total for entry in colours.entries) == known.sum()


def test_partners_are_coloured_by_the_measure_and_others_are_pale(tiny: Bundle) -> None:
    latent = 13
    colours = colouring(tiny, "association", latent=latent, measure="jaccard")
    pairs = tiny.partners.of(latent).to_pylist()
    active = tiny.latents["active_tokens"].to_pylist()
    jaccard = {
        row["partner"]: row["joint_tokens"]
        / (active[latent] + active[row["partner"]] - row["joint_tokens"])
        for row in pairs
    }
    assert set(np.flatnonzero(colours.codes)) == {latent, *jaccard}
    assert colours.codes[latent] == 255
    ranked = sorted(jaccard, key=lambda i: jaccard[i])
    codes = [int(colours.codes[i]) for i in ranked]
    assert codes == sorted(codes)
    assert codes[0] < codes[-1] == 255
    assert "latent 13" in colours.title
    assert sum(entry.total for entry in colours.entries) == len(jaccard)


@pytest.mark.parametrize(
    ("name", "latent", "measure", "words"),
    [
        ("nothing", None, "phi", "cannot colour by 'nothing'; choose one of cluster"),
        ("association", None, "phi", "choose a latent"),
        ("association", 500, "phi", "there is no latent 500"),
        ("association", 13, "psi", "no measure 'psi'"),
        ("x", None, "phi", "cannot colour by 'x'"),
    ],
)
def test_what_does_not_exist_is_refused(
    tiny: Bundle, name: str, latent: int | None, measure: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        colouring(tiny, name, latent=latent, measure=measure)


@pytest.mark.parametrize("name", ["cluster", "flag", "density", "map_recall", "label_recall"])
def test_an_entry_selects_exactly_its_latents(tiny: Bundle, name: str) -> None:
    colours = colouring(tiny, name)
    for entry in colours.entries:
        selection = part_of(colours, entry.code)
        assert parse(str(selection)) == selection
        inside = (colours.codes >= entry.code) & (colours.codes <= entry.last)
        np.testing.assert_array_equal(evaluate(selection, tiny), inside)
        assert inside.sum() == entry.total


def test_the_upper_end_of_an_entry_belongs_to_the_next_one(tiny: Bundle) -> None:
    colours = colouring(tiny, "max")
    assert colours.scale is not None
    for entry in colours.entries[:-1]:
        _, high = colours.scale.bounds(entry.code, entry.last)
        assert high is not None
        assert colours.scale.codes(np.array([high])).tolist() == [entry.last + 1]
        assert str(part_of(colours, entry.code)).endswith(str(Compare("max", "<", high)))


def test_a_part_of_an_association_is_a_list_of_ids(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours = colouring(tiny, "association", latent=13)
    entry = max(colours.entries, key=lambda one: one.total)
    inside = np.flatnonzero((colours.codes >= entry.code) & (colours.codes <= entry.last))
    assert str(part_of(colours, entry.code)) == f"latent={','.join(map(str, inside))}"
    monkeypatch.setattr(map_columns, "MOST_IDS", len(inside))
    part_of(colours, entry.code)
    monkeypatch.setattr(map_columns, "MOST_IDS", len(inside) - 1)
    with pytest.raises(InputError, match="too many to select"):
        part_of(colours, entry.code)


def test_an_entry_that_does_not_exist_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no entry 77"):
        part_of(replace(colouring(tiny, "cluster")), 77)


@pytest.mark.skipif(not DEMO_BUNDLE.is_dir(), reason="the demo bundle is not here")
def test_half_of_the_live_latents_of_the_demo_have_a_colour_in_the_opening_view() -> None:
    demo = open_bundle(DEMO_BUNDLE)
    live = demo.latents["flag"].cast("string").to_numpy(zero_copy_only=False) == "live"
    x, y = places(demo, maps_of(demo)[0])
    shown = live & np.isfinite(x) & np.isfinite(y)
    assert (colouring(demo, "cluster").codes[shown] > 0).mean() >= 0.5


@pytest.mark.parametrize(
    ("name", "linear"),
    [
        ("density", False),
        ("active_tokens", False),
        ("label_lift", False),
        ("label_precision", True),
        ("map_recall", True),
        ("reading_rank", True),
    ],
)
def test_fractions_and_ranks_have_a_linear_scale_whatever_their_values(
    tiny: Bundle, name: str, linear: bool
) -> None:
    assert offered_columns(tiny)[name].linear is linear
    place = tiny.latents.schema.get_field_index(name)
    kind = tiny.latents.schema.field(name).type
    many = pa.array(np.geomspace(1, 1e6, tiny.latents.num_rows), pa.float64()).cast(
        kind, safe=False
    )
    latents = tiny.latents.set_column(place, name, many)
    colours = colouring(with_tables(tiny, latents=latents), name)
    assert colours.scale is not None
    assert colours.scale.kind == ("linear" if linear else "log")
    assert colours.title.endswith(" (log scale)") is not linear


def test_the_association_by_a_bounded_measure_has_a_linear_scale(tiny: Bundle) -> None:
    partners = tiny.partners.of(13)
    joint = np.geomspace(10, 1_000, partners.num_rows).astype(np.int64)
    place = partners.schema.get_field_index("joint_tokens")
    spread = partners.set_column(place, partners.schema.field(place), pa.array(joint))
    bundle = with_tables(tiny, partners=SimpleNamespace(of=lambda *_: spread))
    for measure, kind in (("joint", "log"), ("p_b_given_a", "linear")):
        scale = colouring(bundle, "association", latent=13, measure=measure).scale
        assert scale is not None and (measure, scale.kind) == (measure, kind)


def test_a_word_that_is_empty_gets_no_entry_and_the_rarer_of_two_comes_last(tiny: Bundle) -> None:
    words = pa.array([("", "rare", "often", "often")[i % 4] for i in range(120)])
    place = tiny.latents.schema.get_field_index("flag")
    latents = tiny.latents.set_column(place, "flag", words.dictionary_encode())
    colours = colouring(with_tables(tiny, latents=latents), "flag")
    assert [(entry.label, entry.total) for entry in colours.entries] == [
        ("often", 60),
        ("rare", 30),
    ]
    assert colours.codes[:4].tolist() == [0, 2, 1, 1]


def test_a_legend_names_up_to_two_thousand_latents() -> None:
    assert map_columns.MOST_IDS == 2_000


def test_main_values_have_a_code_each_and_select_their_latents(tiny: Bundle) -> None:
    colours = colouring(tiny, "profile", profile="language")
    assert tiny.latent_profiles is not None
    rows = [r for r in tiny.latent_profiles.all().to_pylist() if r["column"] == "language"]
    sure = [r for r in rows if r["q_value"] <= 0.05]
    best: dict[int, dict[str, Any]] = {}
    for row in sure:
        known = best.get(row["latent"], row)
        best[row["latent"]] = max(known, row, key=lambda r: r["active_tokens"])
    shown = [colours.words[code - 1] if code else None for code in colours.codes.tolist()]
    assert shown == [best[i]["value"] if i in best else None for i in range(120)]
    assert (colours.column, colours.title) == ("language", "documents by language")
    for entry in colours.entries:
        mask = evaluate(part_of(colours, entry.code), tiny)
        assert mask.tolist() == (colours.codes == entry.code).tolist()
        assert entry.total == mask.sum()


def test_a_column_that_the_bundle_lacks_gives_the_first(tiny: Bundle) -> None:
    assert colouring(tiny, "profile", profile="class").column == "language"
    assert offered_columns(tiny)["profile"].title == "language or genre"
    older = with_tables(tiny, latent_profiles=None)
    assert "profile" not in offered_columns(older)
    with pytest.raises(InputError, match="cannot colour by 'profile'"):
        colouring(older, "profile")


def test_a_typed_text_colours_its_latents(tiny: Bundle) -> None:
    colours = colouring(tiny, "own_text", text="20:1.00,33:0.25,7:0.50")
    assert np.flatnonzero(colours.codes).tolist() == [7, 20, 33]
    assert colours.codes[33] < colours.codes[7] < colours.codes[20]
    assert colours.scale is not None and colours.scale.kind == "linear"
    entry = next(
        entry for entry in colours.entries if entry.code <= colours.codes[20] <= entry.last
    )
    assert part_of(colours, entry.code) == Latents((20,))
    with pytest.raises(InputError, match="own_text has latents with shares"):
        colouring(tiny, "own_text")


def test_notes_colour_their_latents(tiny: Bundle) -> None:
    text = "time=7,33;b=20,4000000000"
    colours = colouring(tiny, "note_tag", text=text)
    assert [colours.codes[i] for i in (7, 33, 20)] == [1, 1, 2] and (colours.codes > 0).sum() == 3
    assert [(one.label, one.total) for one in colours.entries] == [("time", 2), ("b", 1)]
    assert part_of(colours, 2) == Tagged(("b",))
    colours = colouring(tiny, "note_status", text="checked=7")
    assert part_of(colours, 1) == HasStatus(("checked",))
    assert not colouring(tiny, "note_status").codes.any()
