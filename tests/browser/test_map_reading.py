"""Names, card, legend, neighbourhood and export of the map in a real browser."""

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Download, Page, expect

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from charts.cluster_level import level_of
from charts.latent_card import latent_card
from charts.names_by_zoom import cluster_names
from tests.browser.conftest import PATIENCE, OpenPage
from tests.browser.map_modules import call
from tests.browser.map_page import MapPage, lonely

pytestmark = pytest.mark.browser

Name = dict[str, Any]


PLACE = """
async ([names, size, most, blocked]) => {
  const { placeNames } = await import("http://map.test/names.js");
  const camera = { toPixel: (x, y) => [x, y] };
  return placeNames(names, camera, size, (name) => 7 * name.text.length, { most, blocked });
}
"""


def place(
    page: Page, names: list[Name], most: int = 25, blocked: tuple[list[float], ...] = ()
) -> list[Name]:
    size = {"width": 800, "height": 500}
    placed: list[Name] = page.evaluate(PLACE, [names, size, most, list(blocked)])
    return placed


def candidates(count: int, seed: int) -> list[Name]:
    rng = np.random.default_rng(seed)
    return [
        {
            "kind": "cluster" if rng.random() < 0.6 else "latent",
            "id": i,
            "text": "abcdefghijklmnopqrst"[: rng.integers(3, 20)] + str(i),
            "x": float(rng.uniform(-20, 820)),
            "y": float(rng.uniform(-20, 520)),
            "size": int(rng.integers(1, 500)),
            "weak": False,
        }
        for i in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_names_never_overlap_are_inside_and_few(modules: Page, seed: int) -> None:
    names = candidates(200, seed)
    placed = place(modules, names)
    assert len(placed) == 25
    for i, one in enumerate(placed):
        left, right, top, bottom = one["box"]
        assert 0 <= left < right <= 800 and 0 <= top < bottom <= 500
        assert right - left >= 7 * len(one["text"])
        for other in placed[:i]:
            x0, x1, y0, y1 = other["box"]
            assert right <= x0 or x1 <= left or bottom <= y0 or y1 <= top
    # Names keep the order of the candidates, and the first one always fits.
    ids = [one["id"] for one in placed]
    assert ids == sorted(ids)


def test_a_name_gives_way_to_an_earlier_one_and_to_what_is_blocked(modules: Page) -> None:
    name = {"kind": "cluster", "x": 400, "y": 250, "size": 9, "weak": False}
    both = [{**name, "id": 1, "text": "better"}, {**name, "id": 2, "text": "worse"}]
    assert [one["id"] for one in place(modules, both)] == [1]
    assert place(modules, both, blocked=([0, 800, 0, 500],)) == []
    same = [{**both[0], "x": 100}, {**both[0], "id": 3, "x": 700}]
    assert [one["id"] for one in place(modules, same)] == [1]  # a text is written once
    assert len(place(modules, candidates(50, 1), most=3)) == 3


def test_finer_levels_and_latents_are_named_as_the_view_gets_nearer(modules: Page) -> None:
    rng = np.random.default_rng(0)
    levels = {2: 6, 1: 60, 0: 600}
    names: list[Name] = [
        {"kind": "cluster", "id": 1000 * level + i, "level": level, "top": 2,
         "text": f"{level} {i}", "x": float(rng.random()), "y": float(rng.random()),
         "size": 5, "weak": False}
        for level, count in levels.items()
        for i in range(count)
    ]  # fmt: skip
    names.append({**names[-1], "id": 9999, "top": 0, "x": 0.5, "y": 0.5})
    clusters = {"names": names, "levels": [2, 1, 0]}
    tile = {
        "count": 3,
        "names": [{"kind": "latent", "id": 7, "text": "own", "x": 0.5, "y": 0.5, "weak": False}],
    }
    for half in (0.5, 0.3, 0.1):
        view = [0.5 - half, 0.5 + half, 0.5 - half, 0.5 + half]
        inside = [n for n in names if abs(n["x"] - 0.5) <= half and abs(n["y"] - 0.5) <= half]
        counts = {level: sum(n["level"] == level for n in inside) for level in levels}
        expected = min((level for level in levels if counts[level] <= 40), default=2)
        wanted = call(modules, "names.js", "wantedNames", clusters, [tile], view)
        shown = {n["level"] for n in wanted if n["kind"] == "cluster" and n["id"] != 9999}
        assert shown == {expected}
        # A fine cluster that no coarser one holds is named at every zoom.
        assert sum(n["id"] == 9999 for n in wanted) == 1
        assert wanted[-1]["id"] == 7
    crowded = {**tile, "count": 1501}
    assert all(
        n["kind"] == "cluster"
        for n in call(modules, "names.js", "wantedNames", clusters, [crowded], [0, 1, 0, 1])
    )


SELECTED = """
async ([wanted, clusters, counts, mask]) => {
  const { selectedNames } = await import("http://map.test/names.js");
  return selectedNames(wanted, clusters, new Map(counts), Uint8Array.from(mask)).map((n) => n.id);
}
"""


def test_names_beside_a_selection_are_of_what_it_holds(modules: Page) -> None:
    fine = [{"kind": "cluster", "id": i, "parent": 10 + i // 2, "size": 10} for i in range(4)]
    coarse = [{"kind": "cluster", "id": 10 + i, "parent": None, "size": 20} for i in range(2)]
    latents = [{"kind": "latent", "id": i} for i in range(3)]
    counts = [[0, 40], [1, 0], [2, 1], [3, 2]]
    wanted = [*fine, *coarse, *latents]
    shown = modules.evaluate(SELECTED, [wanted, [*fine, *coarse], counts, [1, 0, 1]])
    # Cluster 2 holds less than a fifth of itself and a twentieth of the 43; 3 of 43 is more.
    assert shown == [0, 3, 10, 11, 0, 2]


def test_tiles_cover_the_view_about_two_across(modules: Page) -> None:
    frame = [0, 16, 0, 16]
    for view in ([0, 16, 0, 16], [3, 5, 3, 5], [3.9, 4.1, 7.95, 8.15]):
        tiles = call(modules, "name_source.js", "tilesOf", frame, view)
        side = 16 / 2 ** tiles[0]["zoom"]
        assert 2 <= len(tiles) <= 12
        for x in np.linspace(view[0], view[1], 7, endpoint=False):
            for y in np.linspace(view[2], view[3], 7, endpoint=False):
                assert any(
                    t["column"] * side <= x < (t["column"] + 1) * side
                    and t["row"] * side <= y < (t["row"] + 1) * side
                    for t in tiles
                )


CARD = """
async ([card]) => {
  const { createCard } = await import("http://map.test/card.js");
  document.body.innerHTML = '<div id="host" style="position:absolute;inset:0"></div>';
  const host = document.getElementById("host");
  const made = createCard(host, { fetchCard: async () => card, onOpen() {}, delay: 0 });
  made.point(7, 100, 100, true);
  await new Promise((done) => setTimeout(done, 60));
  return { text: host.innerText, elements: host.querySelectorAll("script, img, b").length };
}
"""
HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "$x$", "'\"`"]


def test_hostile_text_on_a_card_is_shown_as_it_is(modules: Page) -> None:
    card = {
        "latent": 7, "name": HOSTILE[0], "score": "label precision 1.000", "weak": True,
        "density": "1.2e-4 (0.012 %)", "flag": "dense", "partners": 3, "tokens": HOSTILE,
        "cluster": {"cluster": 3, "name": HOSTILE[1], "light": "#333333", "dark": "#eeeeee"},
        "context": [{"text": text, "ratio": 0.5} for text in HOSTILE], "picked": 0, "source": "s",
    }  # fmt: skip
    shown = modules.evaluate(CARD, [card])
    assert shown["elements"] == 0
    assert all(text in shown["text"] for text in HOSTILE)
    assert "Open" in shown["text"]


def test_text_in_an_svg_file_is_escaped(modules: Page) -> None:
    text = "".join(HOSTILE) + "\0\x01\ud800 ok"
    escaped = call(modules, "svg_context.js", "escaped", text)
    assert not re.search(r"[<>\"'\0\x01]", escaped)
    assert "ok" in escaped and "&lt;script&gt;" in escaped


def test_the_base_line_of_a_text_in_an_svg_file_is_that_of_the_canvas(modules: Page) -> None:
    script = """async () => {
      const { SvgContext } = await load("svg_context.js");
      const canvas = document.createElement("canvas").getContext("2d");
      const svg = new SvgContext(canvas);
      canvas.font = svg.font = "20px sans-serif";
      const ascents = ["alphabetic", "middle"].map((line) => {
        canvas.textBaseline = svg.textBaseline = line;
        svg.fillText("H", 0, 100);
        return canvas.measureText("H").actualBoundingBoxAscent;
      });
      return [svg.parts, ascents];
    }"""
    parts, (whole, above_the_middle) = modules.evaluate(script)
    lines = [float(re.findall(r' y="([^"]+)"', part)[0]) for part in parts]
    assert lines[0] == 100
    assert lines[1] == pytest.approx(100 + whole - above_the_middle, abs=2)


# On the dashboard


def test_the_card_tells_of_the_latent_and_a_click_keeps_it_with_its_neighbours(
    shown: MapPage,
) -> None:
    places = shown.places()
    latent = lonely(places, (0.2, 0.6, 0.2, 0.8))
    x, y = places[latent].tolist()
    pixel = shown.pixel((x, y))
    shown.page.mouse.move(*pixel)
    card = shown.page.locator(".map .card")
    expect(card).to_have_attribute("data-latent", str(latent))
    expected = latent_card(shown.bundle, latent)
    text = card.inner_text()
    assert expected.name in text and expected.density in text
    assert all(token in text for token in expected.tokens)
    context = "".join(token.text for token in expected.context).replace("\u00a0", " ")
    assert context.strip() in text
    expect(card.get_by_role("button")).to_have_count(0)
    shown.page.mouse.click(*pixel)
    expect(card.get_by_role("button", name="Open")).to_be_visible()
    expect(shown.page.locator(".map .edges")).to_contain_text("nearest decoder vectors")
    shown.keys("Escape")
    expect(card).to_have_count(0)
    expect(shown.page.locator(".map .edges")).to_have_text("")


def test_the_legend_counts_and_narrows_the_selection(open_page: OpenPage, bundle: Bundle) -> None:
    query = "density>0.001"
    page = open_page(f"map?map=decoder&select={query}")
    shown = MapPage(page, bundle).ready()
    clustering = level_of(bundle)
    chosen = evaluate(parse(query), bundle)
    ids = clustering.table["cluster"].to_pylist()[:5]
    entries = page.locator(".map .legend-entry")
    for i, cluster in enumerate(ids):
        inside = clustering.of_latent == cluster
        total, selected = int(inside.sum()), int((inside & chosen).sum())
        count = f"{total:,}" if total == selected else f"{selected:,} / {total:,}"
        expect(entries.nth(i).locator(".legend-count")).to_have_text(count)
    entries.first.click()
    shown.rest()
    narrowed = evaluate(parse(shown.link["select"]), bundle)
    np.testing.assert_array_equal(narrowed, chosen & (clustering.of_latent == ids[0]))
    # The best name on the whole map has its place without fail, and is as good as its entry.
    shown.keys("Escape")
    shown.rest()
    assert "select" not in shown.link
    names = cluster_names(bundle, "decoder")
    sizes = Counter(name["level"] for name in names.names)
    level = min((one for one in names.levels if sizes[one] <= 40), default=names.levels[0])
    best = next(name for name in names.names if name["level"] == level)
    x0, x1, y0, y1 = shown.viewport()
    place = (best["x"] - x0) / (x1 - x0), (y1 - best["y"]) / (y1 - y0)
    page.mouse.move(*shown.pixel(place))
    expect(shown.map.locator(".surface")).to_have_css("cursor", "pointer")
    expect(page.locator(".map .card")).to_have_count(0)
    page.mouse.click(*shown.pixel(place))
    page.wait_for_url(re.compile(rf"select=cluster(=|%3D){best['id']}\b"), timeout=PATIENCE)


def test_an_open_legend_hides_no_point_and_can_be_folded(
    open_page: OpenPage, bundle: Bundle
) -> None:
    shown = MapPage(open_page("map?map=decoder"), bundle).ready()
    page, legend = shown.page, shown.map.locator(".legend")

    def overlap() -> float:
        """Pixels by which the points reach below the legend."""
        box = legend.bounding_box()
        assert box is not None
        left, _, width, _ = shown.box
        return left + width - box["x"]

    expect(legend).to_have_attribute("open", "")
    assert overlap() <= 0
    narrow = shown.box[2]
    legend.locator("summary").click()
    expect(shown.map).to_have_attribute("data-legend", "over")
    shown.rest()
    folded = legend.bounding_box()
    assert shown.box[2] > narrow + 150 and folded is not None and folded["height"] < 40
    page.set_viewport_size({"width": 800, "height": 800})
    legend.locator("summary").click()
    shown.rest()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(shown.map).to_have_attribute("data-legend", "over")
    legend.locator("summary").click()
    expect(legend).not_to_have_attribute("open", "")


def test_the_keys_go_through_the_legend(shown: MapPage) -> None:
    page = shown.page
    page.locator(".map .legend-entries").focus()
    words = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        words.append(
            page.evaluate(
                "(() => { let e = document.activeElement;"
                " while (e && e.shadowRoot) e = e.shadowRoot.activeElement;"
                " return e.innerText; })()"
            )
        )
    entries = page.locator(".map .legend-entry").all_inner_texts()
    assert words == [entries[0], entries[1], entries[0], entries[0]]
    page.keyboard.press("Enter")
    shown.rest()
    assert "cluster" in shown.link["select"]


def export(shown: MapPage, kind: str) -> Download:
    shown.keys("e")
    with shown.page.expect_download() as download:
        shown.page.locator(f".map .export-menu [data-kind='{kind}']").click()
    return download.value


LEGEND = """
async (count) => {
  const { createLegend } = await import("http://map.test/legend.js");
  const host = document.body.appendChild(document.createElement("div"));
  const entry = (i) => ({ code: i + 1, last: i + 1, label: `${i}`, total: 9 });
  const entries = Array.from({ length: count }, (_, i) => entry(i));
  const palette = Array(count + 1).fill("#123456");
  const words = { name: "", title: "", meaning: "" };
  const colour = { ...words, scale: null, entries, palette: { light: palette } };
  const pressed = [];
  const legend = createLegend(host, { onToggle: (code) => pressed.push(code) });
  legend.show(colour, entries.map((_, i) => i % 10));
  const more = host.querySelector(".legend-rest");
  const steps = [];
  do steps.push([host.querySelectorAll("li").length, more.textContent]);
  while (!more.hidden && (more.click(), true));
  const last = [...host.querySelectorAll("li")].at(-1);
  last.querySelector("button").click();
  const text = last.querySelector(".legend-count").textContent;
  host.remove();
  return { steps, pressed, text };
}
"""


def test_every_entry_of_a_long_legend_can_be_listed_and_pressed(modules: Page) -> None:
    seen = modules.evaluate(LEGEND, 135)
    assert [count for count, _ in seen["steps"]] == [60, 120, 135]
    assert [words for _, words in seen["steps"][:2]] == [
        "60 of 135 listed · list more",
        "120 of 135 listed · list more",
    ]
    assert seen["pressed"] == [135] and seen["text"] == "4 / 9"


def test_a_png_has_the_pixels_of_the_screen(shown: MapPage) -> None:
    shown.page.mouse.move(2, 2)
    shown.keys("+", "+")
    shown.rest().ready()
    picture = shown.picture().astype(int)
    file = Image.open(export(shown, "png-1").path()).convert("RGB")
    left, top = 16, 50
    height, width = picture.shape[:2]
    saved = np.asarray(file)[top : top + height, left : left + width].astype(int)
    assert saved.shape == picture.shape
    # The toolbar and the outline of the map that has the keys are not part of the picture.
    aside = np.abs(saved - picture).max(axis=2)[6:-6, 64:-6]
    assert (aside > 12).mean() < 0.002
    twice = Image.open(export(shown, "png-2").path())
    assert twice.size == (2 * file.width, 2 * file.height)


def test_an_svg_file_has_a_circle_for_each_point_in_view(shown: MapPage) -> None:
    shown.page.mouse.move(2, 2)
    svg = Path(export(shown, "svg-1").path()).read_text(encoding="utf-8")
    on_map = int(np.isfinite(shown.places()).all(axis=1).sum())
    circles = svg.count("<circle")
    assert circles == on_map
    assert shown.bundle.manifest.bundle_id in svg and "weak evidence" in svg


CIRCLES = """
async ([steps, zoom]) => {
  const { Camera } = await import("http://map.test/camera.js");
  const { svgOf } = await import("http://map.test/export.js");
  const camera = new Camera([0, 10, 0, 10]);
  camera.resize(400, 400, 1);
  camera.zoomAt(zoom, 200, 200);
  const [x, none] = [Uint16Array.from(steps), new Uint8Array(steps.length)];
  return svgOf({
    x, y: x, frame: camera.frame, camera, colour: { title: "", entries: [], codes: none },
    counts: [], states: none, palette: new Uint8Array(4), selected: 0, theme: "light", title: "",
    lines: [], provenance: "", drawOverlay: () => {},
  }).split("<circle").length - 1;
}
"""


@pytest.mark.parametrize(("zoom", "circles"), [(0.5, 3), (1, 3), (4, 1)])
def test_an_svg_file_has_no_latent_that_is_not_on_the_map(
    modules: Page, zoom: float, circles: int
) -> None:
    corners_middle_and_none = [0, 32_767, 65_534, 65_535]
    assert modules.evaluate(CIRCLES, [corners_middle_and_none, zoom]) == circles


def test_an_exported_page_moves_without_a_server(shown: MapPage, chromium: Browser) -> None:
    path = export(shown, "html-1").path()
    page = chromium.new_page(viewport={"width": 900, "height": 700})
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(Path(path).read_text(encoding="utf-8"))
    page.locator(".map[data-drawn=all]").wait_for()
    before = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(400)
    after = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    colourful = (before.max(axis=2) - before.min(axis=2) > 60).sum()
    assert colourful > 100
    assert (np.abs(after - before).max(axis=2) > 30).mean() > 0.01
    assert errors == []
    assert [url for url in asked if not url.startswith(("data:", "about:"))] == []
    page.close()


def test_rows_of_the_selection_are_saved(open_page: OpenPage, bundle: Bundle) -> None:
    shown = MapPage(open_page("map?map=decoder&select=density>0.01"), bundle).ready()
    saved = export(shown, "csv")
    on_map = bundle.latents["x"].is_valid().to_numpy()
    expected = np.flatnonzero(evaluate(parse("density>0.01"), bundle) & on_map).tolist()
    assert sorted(pd.read_csv(saved.path())["latent"]) == expected
    assert "of-density-0.01" in saved.suggested_filename
