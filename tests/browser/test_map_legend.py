"""The colours of the map and their legend, module by module, against values worked out by hand."""

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from analysis.bundle import Bundle
from charts.cluster_level import level_of
from charts.names_by_zoom import Name, cluster_names
from tests.browser.conftest import PATIENCE, OpenPage
from tests.browser.map_page import RECORD, MapPage

pytestmark = pytest.mark.browser

COLUMN = """
async ([bytes, codes]) => {
  const { codesOf, readColumn } = await load("colours.js");
  const header = new TextEncoder().encode(JSON.stringify({ bytes, title: "é", pad: "" }));
  const length = header.length + ((4 - (header.length % 4)) % 4);
  const answer = new ArrayBuffer(4 + length + bytes * codes.length);
  new DataView(answer).setUint32(0, length, true);
  new Uint8Array(answer, 4, length).fill(32).set(header);
  new (bytes === 1 ? Uint8Array : Uint16Array)(answer, 4 + length).set(codes);
  const column = readColumn(answer);
  return [column.title, [...codesOf(column)]];
}
"""


def test_a_column_has_a_header_and_a_code_for_each_latent(modules: Page) -> None:
    assert modules.evaluate(COLUMN, [1, [0, 3, 255]]) == ["é", [0, 3, 255]]
    assert modules.evaluate(COLUMN, [2, [0, 300, 65535]]) == ["é", [0, 300, 65535]]


def test_points_without_a_value_are_paler(modules: Page) -> None:
    script = """async (palette) => {
      const { paletteOf } = await load("colours.js");
      return [...paletteOf({ palette }, "light"), ...paletteOf({ palette }, "dark")];
    }"""
    palette = {"light": ["#010203", "#ff8000"], "dark": ["#040506", "#0080ff"]}
    assert modules.evaluate(script, palette) == [
        1, 2, 3, 170, 255, 128, 0, 230,
        4, 5, 6, 170, 0, 128, 255, 230,
    ]  # fmt: skip


def test_entries_count_the_selected_latents_of_all_their_codes(modules: Page) -> None:
    script = """async (mask) => {
      const { countEntries } = await load("colours.js");
      const entries = [{ code: 1, last: 2, total: 4 }, { code: 3, last: 3, total: 9 }];
      const codes = Uint8Array.from([0, 1, 2, 3, 1, 2]);
      const colour = { entries, codes, palette: { light: Array(4) } };
      return countEntries(colour, mask && Uint8Array.from(mask));
    }"""
    assert modules.evaluate(script, [1, 1, 1, 1, 0, 1]) == [3, 1]
    assert modules.evaluate(script, None) == [4, 9]


LEGEND = """
async ([width, scale]) => {
  const { createLegend } = await load("legend.js");
  const map = document.body.appendChild(document.createElement("div"));
  map.style.width = `${width}px`;
  const host = map.appendChild(document.createElement("div"));
  const toggled = [];
  const onToggle = (code) => toggled.push(code);
  const legend = createLegend(host, { onToggle, theme: () => "dark" });
  const entries = [[1, 5, 1200], [6, 6, 1000], [7, 7, 3]].map(
    ([code, last, total]) => ({ code, last, total, label: `${code}` }));
  const dark = Array.from({ length: 34 }, (_, i) => `rgb(${i}, 0, 0)`);
  const colour = { name: "", title: "t", meaning: "", scale, entries, palette: { dark } };
  legend.show(colour, [1200, 999, 0]);
  const all = (name) => [...host.querySelectorAll(name)];
  const result = {
    place: map.dataset.legend,
    counts: all(".legend-count").map((one) => one.textContent),
    titles: all(".legend-entry").map((one) => one.title),
    none: all("li").map((one) => one.className),
    swatches: all(".swatch").map((one) => one.style.backgroundColor),
    ticks: all(".tick").map((one) => [one.textContent, one.style.left, one.dataset.edge]),
    ramp: all(".ramp").map((one) => one.style.background),
    rest: host.querySelector(".legend-rest").hidden,
  };
  for (const one of all(".legend-entry")) one.click();
  result.toggled = toggled;
  host.querySelector("summary").click();
  await new Promise((done) => setTimeout(done));
  result.pressed = map.dataset.legend;
  map.remove();
  return result;
}
"""


def test_a_legend_counts_what_is_selected_of_each_entry(modules: Page) -> None:
    legend = modules.evaluate(LEGEND, [640, None])
    assert legend["counts"] == ["1,200", "999 / 1,000", "0 / 3"]
    assert legend["titles"][:2] == ["Select the 1,200 latents: 1", "Select the 1,000 latents: 6"]
    assert legend["none"] == ["", "", "none"]
    # An entry of several codes has the colour of the middle one.
    assert legend["swatches"] == ["rgb(3, 0, 0)", "rgb(6, 0, 0)", "rgb(7, 0, 0)"]
    assert legend["rest"] and legend["ticks"] == []


def test_entries_with_selected_latents_are_listed_first(modules: Page) -> None:
    script = """async ([scale, counts]) => {
      const { listOrder } = await load("legend.js");
      return listOrder({ scale }, counts);
    }"""
    assert modules.evaluate(script, [None, [0, 2, 0, 7, 1]]) == [1, 3, 4, 0, 2]
    assert modules.evaluate(script, [{}, [0, 2, 0, 7, 1]]) == [0, 1, 2, 3, 4]  # numbers


def test_a_legend_follows_the_selection_and_keeps_the_keys(modules: Page) -> None:
    script = """async () => {
      const { createLegend } = await load("legend.js");
      const host = document.body.appendChild(document.createElement("div"))
        .appendChild(document.createElement("div"));
      const legend = createLegend(host, { onToggle: () => {} });
      const entries = [1, 2, 3].map((code) => ({ code, last: code, total: 9, label: `${code}` }));
      const colour = { title: "", entries, palette: { light: [] } };
      const rows = () => [...host.querySelectorAll("li")].map((one) => one.innerText);
      const seen = [];
      const all = [[9, 9, 9], false];
      for (const [counts, isPart] of [all, [[0, 0, 4], true], [[0, 3, 4], true], all]) {
        legend.show(colour, counts, isPart);
        seen.push(rows());
        host.querySelector('[data-code="3"]').focus();
      }
      seen.push(document.activeElement.dataset.code);
      // While the pointer is over the list, its rows stay; their counts do not.
      const list = host.querySelector("ul");
      const point = (to) => list.dispatchEvent(new PointerEvent(`pointer${to}`));
      point("enter");
      legend.show(colour, [0, 5, 0], true);
      seen.push(rows());
      point("leave");
      seen.push(rows());
      host.parentElement.remove();
      return seen;
    }"""
    first, one, two, last, focused, pointed, left = modules.evaluate(script)
    assert [text[0] for text in first] == [text[0] for text in last] == ["1", "2", "3"]
    assert [text[0] for text in one] == ["3", "1", "2"] and one[0].endswith("4 / 9")
    assert [text[0] for text in two] == ["2", "3", "1"] and focused == "3"
    assert [text[0] for text in pointed] == ["1", "2", "3"] and pointed[1].endswith("5 / 9")
    assert [text[0] for text in left] == ["2", "1", "3"] and left[0].endswith("5 / 9")


def test_a_legend_has_room_of_its_own_on_a_wide_map(modules: Page) -> None:
    wide, narrow = (modules.evaluate(LEGEND, [width, None]) for width in (640, 639))
    assert (wide["place"], narrow["place"]) == ("beside", "over")
    assert (wide["pressed"], narrow["pressed"]) == ("over", "over")


def test_a_scale_has_both_ends_and_the_ticks_between(modules: Page) -> None:
    ticks = [{"at": at, "text": f"{at}"} for at in (0.1, 0.16, 0.17, 0.83, 0.84, 0.9)]
    scale = {"least": "low", "most": "high", "ticks": ticks}
    legend = modules.evaluate(LEGEND, [640, scale])
    assert legend["ticks"] == [
        ["low", "0%", "left"],
        ["0.17", "17%", ""],
        ["0.83", "83%", ""],
        ["high", "100%", "right"],
    ]
    assert legend["toggled"] == [1, 6, 7]  # the first code of each entry
    (ramp,) = legend["ramp"]
    # Code 0 means no value, so the bar goes from code 1 to code 33 in 17 colours.
    assert ramp.count("rgb(") == 17
    assert ramp.index("rgb(1, 0, 0)") < ramp.index("rgb(17, 0, 0)") < ramp.index("rgb(33, 0, 0)")


def test_the_keys_of_a_legend_stop_at_its_ends(modules: Page) -> None:
    script = """async (keys) => {
      const { createLegend } = await load("legend.js");
      const host = document.body.appendChild(document.createElement("div"))
        .appendChild(document.createElement("div"));
      host.parentElement.style.width = "900px";
      const legend = createLegend(host, { onToggle: () => {} });
      const entries = [1, 2].map((code) => ({ code, last: code, total: 1, label: "" }));
      legend.show({ title: "", entries, palette: { light: [] } }, [1, 1]);
      const list = host.querySelector("ul");
      list.focus();
      const codes = keys.map((key) => {
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        return document.activeElement.dataset.code ?? "";
      });
      host.parentElement.remove();
      return codes;
    }"""
    keys = ["ArrowUp", "ArrowUp", "ArrowDown", "x", "ArrowDown", "ArrowUp"]
    assert modules.evaluate(script, keys) == ["1", "1", "2", "2", "2", "1"]


POINTED = """() => {
  let row = document.elementFromPoint(window.pointer.x, window.pointer.y);
  row = row.shadowRoot?.elementFromPoint(window.pointer.x, window.pointer.y) ?? row;
  row = row.closest("button.legend-entry");
  return row.querySelector(".legend-label").innerText;
}"""
WATCH = """
addEventListener("pointermove", ({ clientX: x, clientY: y }) => (window.pointer = { x, y }), true);
"""


def _in_a_coarser_one(bundle: Bundle) -> tuple[int, Name, Name]:
    """The place in the legend, below the first row, of a named cluster that has another name than
    the coarsest one that holds it; both names."""
    names: dict[int, Name] = {name["id"]: name for name in cluster_names(bundle, "decoder").names}
    for place, cluster in enumerate(level_of(bundle).table["cluster"].to_pylist()):
        coarse = cluster
        while names.get(coarse, {}).get("parent") is not None:
            coarse = names[coarse]["parent"]
        both = names.get(cluster), names.get(coarse)
        if place and both[0] and both[1] and both[0]["text"] != both[1]["text"]:
            return place, both[0], both[1]
    raise AssertionError("no cluster has another name than the one that holds it")


def test_a_cluster_that_is_clicked_is_named_and_no_row_moves_under_the_pointer(
    open_page: OpenPage, bundle: Bundle
) -> None:
    place, own, coarse = _in_a_coarser_one(bundle)
    page = open_page("map?map=decoder", script=RECORD + WATCH)
    shown = MapPage(page, bundle).ready()
    rows, counts = page.locator(".map .legend-entry"), page.locator(".map .legend-count")
    label = rows.nth(place).locator(".legend-label").inner_text()
    rows.nth(place).scroll_into_view_if_needed()
    rows.nth(place).click()
    expect(counts.nth(0)).to_have_text(re.compile("^0 / "))
    shown.rest()
    assert page.evaluate(POINTED) == label
    drawn = _drawn(page, own["text"])
    assert coarse["text"] not in {text for text, *_ in drawn}
    # It comes first, and is at one of its points.
    assert drawn[0][0] == own["text"]
    _, _, width, height = shown.box
    members = shown.places()[level_of(bundle).of_latent == own["id"]] * [width, height]
    _, x, y, wide, *_ = drawn[0]
    aside = np.abs(members[np.isfinite(members).all(axis=1)] - [x, y])
    assert (np.maximum(aside - [wide / 2 + 12, 130], 0) == 0).all(axis=1).any()
    # Once the pointer has left, the entry comes first, and the second click meets it there.
    page.mouse.move(*shown.pixel((0.5, 0.5)))
    expect(rows.first.locator(".legend-label")).to_have_text(label)
    expect(counts.nth(0)).not_to_have_text(re.compile("/"))
    shown.rest()
    assert _drawn(page, own["text"])[0][0] == own["text"]


def test_both_clicks_of_a_double_click_in_the_legend_meet_one_entry(
    open_page: OpenPage, bundle: Bundle
) -> None:
    page = open_page("map?map=decoder")
    shown = MapPage(page, bundle).ready()
    rows, counts = page.locator(".map .legend-entry"), page.locator(".map .legend-count")
    label = rows.nth(2).locator(".legend-label").inner_text()
    total = counts.nth(2).inner_text()
    at = rows.nth(2).bounding_box()
    assert at
    for _ in range(2):
        page.mouse.click(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
        expect(counts.nth(0)).to_have_text(re.compile("^0 / "))
        shown.rest()
    page.mouse.move(*shown.pixel((0.5, 0.5)))
    expect(rows.first.locator(".legend-label")).to_have_text(label)
    expect(counts.first).to_have_text(total)


def _drawn(page: Page, text: str) -> list[Any]:
    """The names on the map, when one of them is a text: name, middle and width of each."""
    is_drawn = "(text) => window.drawnTexts?.some(([drawn]) => drawn === text)"
    page.wait_for_function(is_drawn, arg=text, timeout=PATIENCE)
    drawn: list[Any] = page.evaluate("window.drawnTexts")
    return drawn


HOLDER = """
async ([counts, selected]) => {
  const { holderOf, selectedNames } = await load("names.js");
  const cluster = (id, level, parent, size) => ({ kind: "cluster", id, level, parent, size });
  const clusters = [cluster(20, 2, null, 60), cluster(10, 1, 20, 50), cluster(1, 0, 10, 30),
    cluster(11, 1, 20, 10), cluster(2, 0, 10, 20), cluster(3, 0, 11, 10)];
  const of = new Map(counts);
  const holder = holderOf(clusters, of, selected);
  const names = selectedNames(clusters, clusters, of, new Uint8Array(1), holder);
  return [holder?.id ?? null, names.map(({ id }) => id)];
}
"""


@pytest.mark.parametrize(
    ("counts", "selected", "holder", "named"),
    [
        ([[1, 30]], 30, 1, [1]),
        ([[1, 2]], 2, 1, [1]),  # part of a cluster
        ([[1, 2]], 3, None, [20, 10, 1]),  # and a latent in no cluster
        ([[1, 1]], 1, None, []),
        ([[1, 30], [2, 20]], 50, 10, [10, 1, 2]),
        ([[1, 30], [2, 19]], 49, None, [20, 10, 1, 2]),  # not all of cluster 10
        ([[1, 30], [2, 20], [3, 10]], 60, 20, [20, 10, 1, 11, 2, 3]),
        ([[3, 10]], 10, 3, [3]),  # its parent has the same latents
        ([[1, 0], [2, 0], [3, 0]], 0, None, []),
    ],
)
def test_the_finest_cluster_that_holds_a_selection_is_named_and_no_coarser_one(
    modules: Page, counts: list[list[int]], selected: int, holder: int | None, named: list[int]
) -> None:
    given = {cluster for cluster, _ in counts}
    every = counts + [[cluster, 0] for cluster in (1, 2, 3) if cluster not in given]
    assert modules.evaluate(HOLDER, [every, selected]) == [holder, named]


NEAREST = """
async ([mask, place, low, high]) => {
  const { nearestSelected } = await load("selection_mask.js");
  const [x, y] = [Uint16Array.from([10, 20, 30, 65535]), Uint16Array.from([10, 20, 30, 65535])];
  return nearestSelected(Uint8Array.from(mask), x, y, place, low, high);
}
"""


@pytest.mark.parametrize(
    ("mask", "place", "high", "nearest"),
    [
        ([1, 1, 1, 1], [21, 20], [100, 100], 1),
        ([1, 0, 1, 1], [21, 21], [100, 100], 2),
        ([1, 0, 1, 1], [21, 21], [30, 29], 0),  # outside the view
        ([1, 1, 0, 1], [65535, 65535], [65535, 65535], 1),  # one is not on the map
        ([0, 0, 0, 1], [1, 1], [65535, 65535], -1),
    ],
)
def test_the_nearest_selected_point_in_view(
    modules: Page, mask: list[int], place: list[int], high: list[int], nearest: int
) -> None:
    assert modules.evaluate(NEAREST, [mask, place, [0, 0], high]) == nearest
