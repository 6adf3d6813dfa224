"""What gestures, keys and buttons do to a map, its card, its files, and what it asks for."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.map_modules import call

pytestmark = pytest.mark.browser

ACTIONS = """
async () => {
  const { MapActions } = await load("actions.js");
  const { Camera } = await load("camera.js");
  const { SpatialIndex } = await load("spatial_index.js");
  const { LatentMap } = await load("latent_map.js");
  const together = await load("together.js");
  window.sent = [];
  const map = (window.map = Object.create(LatentMap.prototype));
  const nothing = () => {};
  Object.assign(map, {
    x: Uint16Array.from([10000, 10400, 30000, 65535]),
    y: Uint16Array.from([10000, 10000, 50000, 65535]),
    total: 4, hovered: -1, focus: null, mode: "move", size: "even", shapes: [], drawing: null,
    camera: new Camera([0, 65534, 0, 65534]),
    selection: { mask: null, awaited: 0, preview(...given) { this.previewed = given; } },
    data: { frame: [0, 65534, 0, 65534], answered: 0, map: "decoder", viewportName: "viewport" },
    stage: { host: { dataset: {} }, surface: { style: {} } },
    reading: { hover(...given) { this.hovered = given; }, hitAt: () => this.hit ?? -1,
               clusterAt: () => map.named ?? null,
               exports: { toggle: () => (map.toggled = true) } },
    gestures: { cancel: () => map.cancelling ?? false },
    link: { write: nothing }, send: (gestures) => sent.push(...gestures.splice(0)),
    redraw: nothing, showMask: nothing, setBusy: nothing, showTools: nothing, writeView: nothing,
    showSizes: nothing, viewportText: () => "v",
    showFocus(latent) { this.focus = latent; }, moved: nothing,
  });
  map.camera.resize(655.34, 655.34, 1);
  map.camera.showWhole(); // a pixel is 100 steps
  map.index = new SpatialIndex(map.x, map.y);
  window.actions = new MapActions(map);
  for (const other of together.everyMap()) together.leave(other);
  together.join(map);
}
"""


@pytest.fixture
def actions(paused: Page) -> Page:
    """A page with `actions` of a `map` without a picture; its clock stands still.

    Points 0 and 1 are 4 pixels apart, point 2 is far away, and point 3 is not on the map.
    """
    paused.evaluate(ACTIONS)
    return paused


def at(page: Page, x: float, y: float) -> int:
    point: int = page.evaluate("([x, y]) => actions.pointAt(x, 655.34 - y)", [x, y])
    return point


def test_a_pointer_finds_points_within_fourteen_pixels(actions: Page) -> None:
    assert [at(actions, 100 - d, 100) for d in (0, 13.9, 14.1)] == [0, 0, -1]
    assert [at(actions, 100 + d, 100) for d in (1.9, 2.1)] == [0, 1]
    # A selected point is found up to three pixels behind another one.
    actions.evaluate("() => { map.selection.mask = [1, 0, 0, 0]; }")
    assert [at(actions, 100 + d, 100) for d in (2.1, 3.4, 3.6)] == [0, 0, 1]
    assert [at(actions, 300, 500 + d) for d in (13.9, 14.1)] == [2, -1]
    actions.evaluate("() => { map.selection.mask = [0, 0, 1, 0]; }")
    assert [at(actions, 300, 500 + d) for d in (16.9, 17.1)] == [2, -1]
    actions.evaluate("() => { map.reading.hitAt = () => 3; }")
    assert at(actions, 300, 500) == 3  # a neighbour comes first


def test_a_click_sets_the_focus_and_a_double_click_takes_it_back(actions: Page) -> None:
    result = actions.evaluate(
        """() => {
          actions.click(100, 555.34);
          const clicked = [map.focus, map.reading.hovered];
          actions.doubleClick(100, 555.34);
          return [...clicked, map.focus];
        }"""
    )
    assert result == [0, [0, True], None]
    actions.clock.run_for(1000)
    # 1.8 times 1.8, about the pixel of the click.
    assert actions.evaluate("() => map.camera.zoom") == pytest.approx(3.24)
    assert actions.evaluate("() => map.camera.toPixel(10000, 10000)") == pytest.approx(
        [100, 555.34]
    )


def test_the_focus_is_sent_when_no_second_click_can_come(actions: Page) -> None:
    actions.evaluate("() => { actions.focusOn(1); actions.focusOn(2); }")
    actions.clock.run_for(329)
    assert actions.evaluate("() => sent") == []
    actions.clock.run_for(1)
    (gesture,) = actions.evaluate("() => sent")
    assert (gesture["kind"], gesture["latent"], gesture["map"]) == ("focus", 2, "decoder")
    assert gesture["viewport"] == "v" and gesture["mode"] == "move"


def test_a_click_on_the_name_of_a_cluster_selects_it_once_no_second_click_can_come(
    actions: Page,
) -> None:
    actions.evaluate("() => { map.named = 7; map.focus = 2; actions.hover(100, 555.34); }")
    assert actions.evaluate("() => map.stage.surface.style.cursor") == "pointer"
    assert actions.evaluate("() => map.hovered") == -1  # not the point below the name
    actions.evaluate("() => { actions.click(100, 555.34); actions.doubleClick(100, 555.34); }")
    actions.clock.run_for(1000)
    assert actions.evaluate("() => sent") == []
    assert actions.evaluate("() => map.camera.zoom") == pytest.approx(3.24)
    actions.evaluate("() => actions.click(100, 555.34)")
    actions.clock.run_for(1000)
    (gesture,) = actions.evaluate("() => sent")
    assert (gesture["kind"], gesture["value"]) == ("cluster", 7)
    assert actions.evaluate("() => [map.focus, map.selection.awaited]") == [2, gesture["serial"]]
    # A drag that begins on the name moves the map.
    before = actions.evaluate("() => map.camera.toPixel(32767, 32767)")
    assert actions.evaluate(DRAG, ["move", {}, [[100, 100], [110, 130]]])["drawing"] is None
    after = actions.evaluate("() => map.camera.toPixel(32767, 32767)")
    assert after == pytest.approx([before[0] + 10, before[1] + 30])


@pytest.mark.parametrize(
    ("key", "zoom", "x", "y"),
    [
        ("+", 1.8, 0, 0), ("=", 1.8, 0, 0), ("-", 1 / 1.8, 0, 0), ("−", 1 / 1.8, 0, 0),
        ("ArrowLeft", 1, 98.301, 0), ("ArrowRight", 1, -98.301, 0),
        ("ArrowUp", 1, 0, 98.301), ("ArrowDown", 1, 0, -98.301),
    ],
)  # fmt: skip
def test_keys_zoom_and_move(actions: Page, key: str, zoom: float, x: float, y: float) -> None:
    assert actions.evaluate("(key) => actions.key(key, {})", key) is True
    actions.clock.run_for(1000)
    assert actions.evaluate("() => map.camera.zoom") == pytest.approx(zoom)
    middle = actions.evaluate("() => map.camera.toPixel(32767, 32767)")
    assert middle == pytest.approx([327.67 + x, 327.67 + y])


def test_keys_and_what_they_mean(actions: Page) -> None:
    def press(key: str, **event: bool) -> bool:
        done: bool = actions.evaluate("([key, event]) => actions.key(key, event)", [key, event])
        return done

    for key, mode in (("b", "box"), ("L", "lasso"), ("m", "move")):
        assert press(key) and actions.evaluate("() => map.mode") == mode
    assert press("d") and actions.evaluate("() => map.size") == "density"
    assert press("D") and actions.evaluate("() => map.size") == "even"
    assert press("e") and actions.evaluate("() => map.toggled")
    assert not press("x") and not press("b", altKey=True) and not press("s", ctrlKey=True)
    actions.evaluate("() => Object.assign(map.data, { undo: true, redo: true })")
    assert press("z", ctrlKey=True) and press("y", metaKey=True)
    assert press("z", ctrlKey=True, shiftKey=True)
    actions.clock.run_for(20_000)
    kinds = [one["kind"] for one in actions.evaluate("() => sent")]
    assert kinds == ["undo", "redo", "redo"]
    actions.evaluate("() => { map.index = null; }")
    assert not press("b")


def test_escape_ends_one_thing_at_a_time(actions: Page) -> None:
    state = """() => {
      actions.escape();
      return [map.focus, map.shapes.length, map.selection.mask];
    }"""
    actions.evaluate(
        """() => Object.assign(map, { cancelling: true, focus: 1, shapes: [{}] })
          .selection.mask = [1]"""
    )
    assert actions.evaluate(state) == [1, 1, [1]]
    actions.evaluate("() => { map.cancelling = false; }")
    assert actions.evaluate(state) == [None, 1, [1]]
    assert actions.evaluate(state) == [None, 0, None]
    awaited = actions.evaluate("() => map.selection.awaited")
    assert actions.evaluate(state) and actions.evaluate("() => map.selection.awaited") == awaited
    actions.evaluate("() => { map.data.selectionText = 'a'; }")
    actions.evaluate(state)
    assert actions.evaluate("() => map.selection.awaited") > awaited


def test_the_view_goes_to_the_selection_and_to_a_latent(actions: Page) -> None:
    actions.evaluate("() => { map.selection.mask = [1, 0, 1, 1]; actions.showSelection(); }")
    actions.clock.run_for(1000)
    # From (10000, 10000) to (30000, 50000) with 6 % of the longer side around.
    view = actions.evaluate("() => map.camera.viewport")
    assert view == pytest.approx([20_000 - 22_400, 20_000 + 22_400, 7600, 52_400])
    actions.evaluate("() => actions.takeFlight({ number: 1, latent: 2 })")
    actions.clock.run_for(1000)
    assert actions.evaluate("() => [map.camera.x, map.camera.y]") == [30_000, 50_000]
    assert actions.evaluate("() => map.camera.zoom") == pytest.approx(4)
    assert actions.evaluate("() => map.reading.hovered") == [2, True]
    actions.evaluate("() => actions.zoomBy(2)")
    actions.clock.run_for(1000)
    actions.evaluate("() => actions.takeFlight({ number: 1, latent: 0 })")
    actions.evaluate("() => actions.takeFlight({ number: 2, latent: 1 })")
    actions.clock.run_for(1000)
    assert actions.evaluate("() => [map.camera.x, map.camera.zoom]") == pytest.approx([10_400, 8])
    actions.evaluate("() => actions.showWhole()")
    actions.clock.run_for(1000)
    assert actions.evaluate("() => [map.camera.whole, map.camera.zoom]") == [True, 1]


DRAG = """
([mode, event, places]) => {
  map.mode = mode;
  sent.length = 0;
  const drag = actions.press(...places[0], { button: 0, ...event });
  for (const place of places.slice(1)) drag.move(...place);
  const drawing = map.drawing && { kind: map.drawing.kind, subtracts: map.drawing.subtracts };
  drag.end();
  const { previewed } = map.selection;
  map.selection.previewed = null;
  return { drawing, shapes: map.shapes, previewed: previewed && [[...previewed[0]], previewed[1]] };
}
"""


def test_a_drag_draws_by_the_mode_and_the_keys_that_are_held(actions: Page) -> None:
    around_0 = [[96, 559.34], [102, 551.34]]

    def drag(mode: str, places: list[list[float]] = around_0, **event: Any) -> dict[str, Any]:
        actions.evaluate("() => { map.shapes = [{ kind: 'lasso', points: [[9, 9]] }]; }")
        result: dict[str, Any] = actions.evaluate(DRAG, [mode, event, places])
        return result

    box = drag("box")
    assert box["drawing"] == {"kind": "box", "subtracts": False}
    assert box["previewed"] == [[1, 0, 0, 0], "replace"] and len(box["shapes"]) == 1
    assert np.allclose(box["shapes"][0]["points"], [[9600, 9600], [10_200, 10_400]])
    added = drag("box", shiftKey=True)
    assert added["previewed"] == [[1, 0, 0, 0], "add"] and len(added["shapes"]) == 2
    less = drag("box", altKey=True)
    assert less["previewed"][1] == "subtract" and less["shapes"][1]["subtracts"]
    assert drag("move", shiftKey=True)["drawing"] == {"kind": "box", "subtracts": False}
    lasso = drag("lasso", [[96, 559.34], [102, 559.34], [102, 551.34], [96, 551.34]])
    assert lasso["drawing"]["kind"] == "lasso" and lasso["previewed"][0] == [1, 0, 0, 0]
    slip = drag("box", [[96, 559.34], [99, 558]])
    assert slip["previewed"] is None and len(slip["shapes"]) == 1
    for mode, event in (("move", {}), ("box", {"button": 1})):
        assert drag(mode, [[100, 100], [110, 130]], **event)["drawing"] is None
    middle = actions.evaluate("() => map.camera.toPixel(32767, 32767)")
    assert middle == pytest.approx([327.67 + 2 * 10, 327.67 + 2 * 30])


def test_an_answer_of_the_server_does_not_take_back_a_newer_focus(actions: Page) -> None:
    take = "([focus, answered]) => { actions.takeFocus({ focus, answered }); return map.focus; }"
    assert actions.evaluate(take, [2, 0]) == 2
    actions.evaluate("() => actions.focusOn(1)")
    assert actions.evaluate(take, [2, 0]) == 1  # it is not even sent
    actions.clock.run_for(330)
    (gesture,) = actions.evaluate("() => sent")
    assert actions.evaluate(take, [2, gesture["serial"] - 1]) == 1
    assert actions.evaluate(take, [2, gesture["serial"]]) == 2


@pytest.mark.parametrize(
    ("text", "count", "bits"),
    [("BQ==", 4, [1, 0, 1, 0]), ("AYA=", 16, [1] + 14 * [0] + [1])],
)
def test_a_mask_is_read_from_its_bits(
    modules: Page, text: str, count: int, bits: list[int]
) -> None:
    script = """async ([text, count]) => {
      const { bitsOf } = await load("source.js");
      return [...bitsOf(text, count)];
    }"""
    assert modules.evaluate(script, [text, count]) == bits


def test_of_points_at_one_distance_one_at_the_radius_counts(modules: Page) -> None:
    script = """async ([x, radius, handicap]) => {
      const { SpatialIndex } = await load("spatial_index.js");
      const index = new SpatialIndex(Uint16Array.from([100, 120]), Uint16Array.from([50, 50]));
      return index.nearest(x, 50, radius, (point) => (point === 0 ? handicap : 0));
    }"""
    given: dict[tuple[float, float, float], int]
    given = {(110, 10, 0): 1, (110, 10, 1): 1, (110, 9.9, 0): -1, (90, 10, 0): 0, (130, 10, 0): 1}
    given |= {(105, 20, 9): 0, (105, 20, 11): 1, (90, 10, 0.5): -1}
    assert {key: modules.evaluate(script, list(key)) for key in given} == given


SOURCE = """
async () => {
  const { createNameSource } = await load("name_source.js");
  window.addresses = [];
  window.loaded = 0;
  const read = async (address) => (addresses.push(address), { frame: [0, 1, 0, 1], address });
  const onLoad = () => (loaded += 1);
  window.names = createNameSource({ url: "/names?level=2", load: read, onLoad });
  window.view = (zoom, viewport, moving) => {
    addresses.length = 0;
    const known = names.inView({ zoom, viewport }, moving);
    return [addresses.length, known && known.tiles.length];
  };
}
"""


def test_names_of_latents_are_asked_for_in_a_near_view_that_rests(modules: Page) -> None:
    modules.evaluate(SOURCE)
    assert modules.evaluate("() => loaded") == 1
    quarter = [0.01, 0.24, 0.01, 0.24]
    assert modules.evaluate("(v) => view(2.49, v, false)", quarter) == [0, 0]
    assert modules.evaluate("(v) => view(2.5, v, true)", quarter) == [0, 0]
    # A view of less than a quarter takes tiles of an eighth: two by two.
    sizes = modules.evaluate("(v) => view(2.5, v, false)", quarter)
    assert sizes == [4, 0]
    assert modules.evaluate("() => addresses.toSorted()") == [
        f"/names/3/{column}/{row}" for column in (0, 1) for row in (0, 1)
    ]
    assert modules.evaluate("(v) => view(9, v, false)", quarter) == [0, 4]
    # 96 tiles are kept, the oldest are dropped first: 24 views of four tiles each.
    modules.evaluate(SOURCE)
    views = [[i / 32, (i + 0.99) / 32, 0, 0.99 / 32] for i in range(25)]
    requests = [modules.evaluate("(v) => view(9, v, false)", view)[0] for view in views[:24]]
    assert requests == [4] * 24
    assert modules.evaluate("(v) => view(9, v, false)", views[0]) == [0, 4]
    assert modules.evaluate("(v) => view(9, v, false)", views[24])[0] == 4
    assert modules.evaluate("(v) => view(9, v, false)", views[4]) == [0, 4]
    assert modules.evaluate("(v) => view(9, v, false)", views[0])[0] == 4


CARDS = """
async () => {
  const { createCard } = await load("card.js");
  document.body.innerHTML = '<div id="host"></div>';
  window.cards = [];
  const host = document.getElementById("host");
  const card = { name: "", density: "1e-3", tokens: [], context: [] };
  const fetchCard = async (latent) => (cards.push(latent), { ...card, latent });
  window.card = createCard(host, { fetchCard, onOpen() {} });
  window.shown = () => host.querySelector(".card")?.dataset.latent ?? null;
}
"""


def test_a_card_comes_when_the_pointer_rests_and_goes_later(paused: Page) -> None:
    paused.evaluate(CARDS)
    shown = "async () => { await null; await null; await null; return shown(); }"
    paused.evaluate("() => card.point(7, 100, 100)")
    paused.clock.run_for(124)
    assert paused.evaluate("() => cards") == []
    paused.clock.run_for(1)
    assert paused.evaluate("() => cards") == [7] and paused.evaluate(shown) == "7"
    paused.evaluate("() => card.leave()")
    paused.clock.run_for(259)
    assert paused.evaluate(shown) == "7"
    paused.clock.run_for(1)
    assert paused.evaluate(shown) is None
    # After a click it comes at once and stays.
    paused.evaluate("() => card.point(8, 100, 100, true)")
    assert paused.evaluate(shown) == "8"
    paused.evaluate("() => card.leave()")
    paused.clock.run_for(1000)
    assert paused.evaluate(shown) == "8"
    # A pointer that leaves before has asked for nothing.
    paused.evaluate("() => { card.hide(); card.point(9, 1, 1); card.leave(); }")
    paused.clock.run_for(1000)
    assert paused.evaluate("() => cards") == [7, 8] and paused.evaluate(shown) is None


LATE = """
async () => {
  const { createCard } = await load("card.js");
  document.body.innerHTML = '<div id="host"></div>';
  const host = document.getElementById("host");
  const facts = { name: "", density: "1e-3", tokens: [], context: [] };
  const arrive = {};
  const fetchCard = (latent) =>
    new Promise((done) => (arrive[latent] = () => done({ ...facts, latent })));
  const card = createCard(host, { fetchCard, onOpen() {} });
  const seen = [];
  const come = async (latent) => {
    arrive[latent]();
    await new Promise((done) => setTimeout(done));
    seen.push(host.querySelector(".card")?.dataset.latent ?? null);
  };
  card.point(7, 100, 100, true);
  card.point(8, 120, 100, true);
  await come(8);
  await come(7);
  card.hide();
  card.point(9, 100, 100, true);
  card.hide();
  await come(9);
  return seen;
}
"""


def test_a_card_that_comes_late_is_not_shown_for_another_latent(modules: Page) -> None:
    assert modules.evaluate(LATE) == ["8", "8", None]


BESIDE = """
async ([px, py, facts]) => {
  const { createCard } = await load("card.js");
  document.body.innerHTML =
    '<div id="host" style="position:absolute;left:0;top:0;width:600px;height:300px"></div>' +
    '<style>.card { position: absolute; width: 200px; height: 90px; margin: 0; }</style>';
  const host = document.getElementById("host");
  const card = { latent: 1, name: "n", density: ".1", tokens: [], context: [], ...facts };
  const made = createCard(host, { fetchCard: async () => card, onOpen() {}, delay: 0 });
  made.point(1, px, py);
  await new Promise((done) => setTimeout(done, 40));
  const box = host.querySelector(".card");
  const words = (name) => [...box.querySelectorAll(name)].map((one) => one.textContent);
  const spans = [...box.querySelectorAll(".card-context span")];
  const result = {
    place: [box.offsetLeft, box.offsetTop], words: words("p > span, .card-score"),
    shades: spans.map((one) => one.style.backgroundColor),
    picked: spans.map((one) => one.className),
  };
  made.destroy();
  return result;
}
"""


@pytest.mark.parametrize(
    ("pixel", "place"),
    [
        ((100, 150), [116, 120]),  # 16 pixels to the right, a third of its height above
        ((378, 150), [394, 120]),
        ((379, 150), [163, 120]),  # 6 pixels to the edge of the map are needed
        ((100, 20), [116, 6]),
        ((100, 299), [116, 204]),
    ],
)
def test_a_card_is_beside_its_point(
    modules: Page, pixel: tuple[int, int], place: list[int]
) -> None:
    assert modules.evaluate(BESIDE, [*pixel, {}])["place"] == place


def test_a_card_has_the_facts_that_there_are(modules: Page) -> None:
    plain = modules.evaluate(BESIDE, [1, 1, {"name": "", "partners": 0, "flag": ""}])
    assert plain["words"] == ["1", "no label", "density .1"]
    context = [{"text": t, "ratio": r} for t, r in (("a", 0), ("b", 0.5), ("c", 1))]
    facts = {"score": "precision .5", "weak": True, "flag": "dense", "partners": 3}
    full = modules.evaluate(BESIDE, [1, 1, facts | {"context": context, "picked": 2}])
    assert full["words"][2:6] == ["precision .5 · weak", "density .1", "dense", "3 partners"]
    assert full["shades"] == ["", "rgb(245, 185, 139)", "rgb(234, 115, 23)"]
    assert full["picked"] == ["", "", "picked"]
    strong = modules.evaluate(BESIDE, [1, 1, {"score": "precision 1", "weak": False}])
    assert strong["words"][2] == "precision 1"
    assert call(modules, "card.js", "shade", 2, "dark") == "rgb(163, 74, 6)"
