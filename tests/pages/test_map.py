"""The Map page: its two maps, its level, and the table of the selection."""

from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import first_map
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from pages.widgets import noted
from tests.pages.conftest import Open, charts, map_data, maps_data, texts


def test_the_chosen_map_is_drawn(open_page: Open) -> None:
    assert map_data(open_page("map", map="decoder"))["title"] == "Map of the decoder vectors"
    other = open_page("map", map="cooccurrence")
    assert not other.exception and len(charts(other)) == 2
    assert other.selectbox(key="pick map").value == "cooccurrence"
    assert map_data(other)["positions"].endswith("/positions/cooccurrence")


def test_the_map_with_the_better_recall_opens_first(
    open_page: Open, planted_bundle: Bundle
) -> None:
    first = first_map(planted_bundle.manifest)
    app = open_page("map")
    assert app.selectbox(key="pick map").value == first
    assert "opens first: it keeps" in texts(app)


def test_a_viewport_without_a_map_is_one_of_the_decoder(open_page: Open) -> None:
    app = open_page("map", viewport="-1,1,-2,2")
    assert app.selectbox(key="pick map").value == "decoder"


def test_another_map_is_shown_as_a_whole(open_page: Open) -> None:
    app = open_page("map", viewport="-1,1,-2,2")
    assert app.query_params["viewport"] == "-1,1,-2,2"
    app.selectbox(key="pick map").set_value("cooccurrence").run()
    assert not app.exception
    assert app.query_params["map"] == "cooccurrence" and "viewport" not in app.query_params


def test_both_maps_are_shown_beside_each_other(open_page: Open) -> None:
    box = "box(-1,0,-1,0,cooccurrence)"
    link = {"maps": "both", "select": box, "viewport": "-1,1,-2,2", "beside": "-3,3,-4,4"}
    app = open_page("map", map="decoder", **link)
    first, beside = maps_data(app)
    assert (first["map"], beside["map"]) == ("decoder", "cooccurrence")
    assert (first["viewport"], beside["viewport"]) == ([-1, 1, -2, 2], [-3, 3, -4, 4])
    assert (first["viewportName"], beside["viewportName"]) == ("viewport", "beside")
    assert first["mask"] == beside["mask"] is not None
    assert (len(first["shapes"]), len(beside["shapes"])) == (0, 1)
    assert first["name"] == "Map of the decoder vectors" != beside["name"] != ""
    badges = [popover.proto.popover.label for popover in app.get("popover")]
    assert [label.split(":")[0] for label in badges if "Neighbours kept" in label] == [
        "decoder",
        "co-occurrence",
    ]
    alone = app.selectbox(key="pick map").set_value("cooccurrence").run()
    assert map_data(alone)["viewport"] == [-3, 3, -4, 4] and map_data(alone)["name"] == ""
    assert "maps" not in alone.query_params and "beside" not in alone.query_params


def test_the_levels_are_those_of_the_clustering(open_page: Open, planted_bundle: Bundle) -> None:
    picker = open_page("map").selectbox(key="pick level")
    rows = planted_bundle.clusters.to_pylist()
    names = [(row["space"], row["level"]) for row in rows]
    words = {"decoder": "decoder similarity", "cooccurrence": "co-occurrence"}
    order = sorted(set(names), key=lambda name: (name[0] != "decoder", name[1]))
    assert picker.options == [f"by {words[name[0]]}: {names.count(name)}" for name in order]
    first = planted_bundle.manifest.first_level()
    assert first is not None and picker.value == first.name


def test_the_table_counts_the_selected_latents(open_page: Open, planted_bundle: Bundle) -> None:
    density = planted_bundle.latents["density"].to_numpy()
    app = open_page("map", select="density > 0.02")
    assert "**Selected latents**" not in texts(app)  # the table is made when its tab is opened
    app.session_state["tabs of the rail"] = "Latents"
    app.run()
    assert f"**Selected latents** · {(density > 0.02).sum()} ·" in texts(app)


@pytest.mark.parametrize(("last", "opens"), [(24, True), (25, False)])
def test_a_link_to_at_most_25_latents_opens_their_list(
    open_page: Open, last: int, opens: bool
) -> None:
    app = open_page("map", select=f"latent=0..{last}")
    assert not app.exception
    assert (f"**Selected latents** · {last + 1} ·" in texts(app)) == opens


def test_a_switch_shows_the_map_of_chance(open_page: Open) -> None:
    title = "What chance looks like: the map of random data"
    assert title not in texts(open_page("map"))
    for name in ("decoder", "cooccurrence"):
        assert title in texts(open_page("map", map=name, chance="shown"))
    shown = texts(open_page("map", maps="both", chance="shown"))
    assert shown.count(title) == 2


def test_the_address_of_the_colours_by_notes_follows_what_is_written(
    open_page: Open, planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    app = open_page("map", map="decoder", colour="note_status")
    before = map_data(app)["colour"]
    assert before["name"] == "note_status" and "column/note_status?notes=" in before["url"]
    assert map_data(app.run())["colour"] == before
    content = note_content(status="checked", text="t")
    noted.note_store().write(noted.place_of(planted_bundle), latent_subject(3), content, 0, "ada")
    assert map_data(app.run())["colour"]["url"] != before["url"]
