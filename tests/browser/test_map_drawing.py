"""What the map draws and where, module by module, against values worked out by hand."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.map_modules import call

pytestmark = pytest.mark.browser

Box = list[float]
Stroke = tuple[str, float, list[int]]

PLACE = """
async ([names, width, options]) => {
  const { placeNames } = await load("names.js");
  const camera = { toPixel: (x, y) => [x, y] };
  const size = { width: 800, height: 500 };
  const placed = placeNames(names, camera, size, () => width, options);
  return placed.map(({ px, py, box }) => [px, py, box]);
}
"""


def placed(
    modules: Page, name: dict[str, Any], width: float = 40, **options: Any
) -> list[tuple[float, float, Box]]:
    one = {"kind": "latent", "id": 1, "text": "a", "x": 400, "y": 250, "weak": False} | name
    results: list[tuple[float, float, Box]] = modules.evaluate(PLACE, [[one], width, options])
    return results


def test_the_same_text_is_placed_once(modules: Page) -> None:
    names = [
        {"kind": "latent", "id": i, "text": text, "x": 100 + 200 * i, "y": 250, "weak": False}
        for i, text in enumerate(("sea", "ship", "sea"))
    ]
    assert len(modules.evaluate(PLACE, [names, 40, {}])) == 2


def test_the_name_of_a_latent_is_beside_its_point(modules: Page) -> None:
    # Nine pixels from the point, 11 pixels high, and three pixels around it.
    right = [406, 452, 241.5, 258.5]
    ((x, y, box),) = placed(modules, {})
    assert [x, y, box] == [429, 250, right]
    left = [348, 394, 241.5, 258.5]
    ((x, _, box),) = placed(modules, {}, blocked=[right])
    assert [x, box] == [371, left]
    ((x, y, above),) = placed(modules, {}, blocked=[right, left])
    assert [x, y] == [400, 232]
    ((x, y, below),) = placed(modules, {}, blocked=[right, left, above])
    assert [x, y] == [400, 268]
    assert placed(modules, {}, blocked=[right, left, above, below]) == []
    # Boxes that touch do not overlap.
    ((x, _, _),) = placed(modules, {}, blocked=[[452, 800, 0, 500], [0, 800, 258.5, 500]])
    assert x == 429


def test_the_name_of_a_chosen_latent_goes_farther_from_its_point(modules: Page) -> None:
    near = [placed(modules, {})[0][2], [348, 394, 241.5, 258.5]]
    near += [[377, 423, 223.5, 240.5], [377, 423, 259.5, 276.5]]
    assert placed(modules, {}, blocked=near) == []
    middles = []
    blocked = list(near)
    while placed(modules, {"own": True}, blocked=blocked):
        ((x, y, box),) = placed(modules, {"own": True}, blocked=blocked)
        middles.append([x, y])
        blocked.append(box)
    # Beside its point, above or below it, never over it, and never over another name.
    assert middles[0] == [429, 212] and len(middles) >= 3
    assert all(abs(x - 400) > 20 or abs(y - 250) > 20 for x, y in middles)


def test_a_pixel_hits_the_name_of_a_cluster_in_its_box_only(modules: Page) -> None:
    box = [377, 423, 241.5, 258.5]
    names = [{"kind": "latent", "id": 5, "box": [0, 50, 0, 50]}]
    names.append({"kind": "cluster", "id": 0, "box": box})

    def hit(px: float, py: float) -> int | None:
        cluster: int | None = call(modules, "names.js", "clusterAt", names, px, py)
        return cluster

    assert [hit(377, 241.5), hit(423, 258.5), hit(400, 250)] == [0, 0, 0]
    assert [hit(376.9, 250), hit(423.1, 250), hit(400, 241.4), hit(400, 258.6)] == 4 * [None]
    assert hit(25, 25) is None  # the name of a latent


def test_the_name_of_a_cluster_moves_aside_only_if_it_may(modules: Page) -> None:
    cluster = {"kind": "cluster", "size": 1}
    ((x, y, box),) = placed(modules, cluster)
    assert [x, y] == [400, 250] and box == [377, 423, 241.5, 258.5]
    assert placed(modules, cluster, blocked=[box]) == []
    blocked = [box]
    for middle in (226, 274, 206, 294):
        ((_, y, box),) = placed(modules, cluster, blocked=blocked, beside=True)
        assert y == middle
        blocked.append(box)
    assert placed(modules, cluster, blocked=blocked, beside=True) == []


@pytest.mark.parametrize(
    ("x", "y", "middle"),
    [
        (0, 250, [23, 250]),
        (-23, 250, [23, 250]),
        (-24, 250, None),
        (823, 0, [777, 8.5]),
        (824, 0, None),
        (400, 500, [400, 491.5]),
        (400, 501, None),
        (400, -1, None),
    ],
)
def test_a_name_at_the_edge_is_moved_inside(
    modules: Page, x: float, y: float, middle: Box | None
) -> None:
    names = placed(modules, {"kind": "cluster", "size": 1, "x": x, "y": y})
    assert [[x, y] for x, y, _ in names] == ([] if middle is None else [middle])


def test_a_name_as_wide_as_the_map_fits(modules: Page) -> None:
    cluster = {"kind": "cluster", "size": 1}
    assert len(placed(modules, cluster, width=794)) == 1
    assert placed(modules, cluster, width=795) == []


def test_large_clusters_have_large_names_and_weak_ones_thin_names(modules: Page) -> None:
    def size(**name: Any) -> int:
        pixels: int = call(modules, "names.js", "fontSize", {"kind": "cluster"} | name)
        return pixels

    # 9.5 and the logarithm to base 2 of an eighth of the latents and one.
    assert [size(size=n) for n in (1, 8, 24, 56, 248, 360, 100_000)] == [11, 11, 12, 13, 15, 15, 15]
    assert size() == 11 and size(kind="latent", size=1000) == 11
    for kind, weak, weight in (
        ("cluster", False, 600),
        ("cluster", True, 400),
        ("latent", False, 400),
    ):
        name = {"kind": kind, "weak": weak, "size": 56}
        font = call(modules, "names.js", "fontOf", name)
        assert font.startswith(f"{weight} {13 if kind == 'cluster' else 11}px ")


def test_the_finest_level_with_forty_clusters_in_view_is_named(modules: Page) -> None:
    def level(fine: int, coarse: int = 50) -> int:
        names = [{"level": 0, "x": 1, "y": 0.5}] * fine + [{"level": 1, "x": 0, "y": 0}] * coarse
        names += [{"level": 0, "x": 1.01, "y": 0}] * 99 + [{"level": 0, "x": 0, "y": -0.01}] * 99
        result: int = call(modules, "names.js", "levelInView", names, [1, 0], [0, 1, 0, 1])
        return result

    assert (level(40), level(41)) == (0, 1)


def test_latents_are_named_where_they_are_few_strong_ones_first(modules: Page) -> None:
    def tile(count: int, *names: tuple[int, bool]) -> dict[str, Any]:
        named = [{"kind": "latent", "id": i, "weak": weak, "x": 1, "y": 0} for i, weak in names]
        return {"count": count, "names": named}

    clusters = {"names": [], "levels": [0]}
    tiles = [tile(1500, (5, True), (9, False), (1, False)), tile(3, (4, False), (2, False))]
    tiles.append(tile(1501, (7, False)))
    wanted = call(modules, "names.js", "wantedNames", clusters, tiles, [0, 1, 0, 1])
    # By rank in their tile, then by id.
    assert [one["id"] for one in wanted] == [4, 2, 9, 1, 5]


SELECTED = """
async ([count, size, selected]) => {
  const { selectedNames } = await load("names.js");
  const [own, other] = [{ kind: "cluster", id: 1, size }, { kind: "cluster", id: 2, size: 9 }];
  const counts = new Map([[1, count], [2, selected - count]]);
  return selectedNames([own], [own, other], counts, new Uint8Array(1)).length;
}
"""


@pytest.mark.parametrize(
    ("count", "size", "selected", "named"),
    [
        (20, 100, 1000, 1),  # a fifth of the cluster
        (19, 100, 1000, 0),
        (50, 1000, 1000, 1),  # a twentieth of the selection
        (49, 1000, 1000, 0),
        (0, 0, 0, 0),
    ],
)
def test_a_cluster_is_named_that_holds_enough_of_a_selection(
    modules: Page, count: int, size: int, selected: int, named: int
) -> None:
    assert modules.evaluate(SELECTED, [count, size, selected]) == named


RECORD = """
  const seen = [];
  const names = ["fill", "stroke", "fillText", "strokeText", "moveTo", "lineTo", "rect", "arc"];
  const context = { dash: [], save() {}, restore() {}, beginPath() {}, closePath() {} };
  context.setLineDash = (dash) => (context.dash = dash);
  for (const name of names) {
    context[name] = (...given) => {
      const { globalAlpha: alpha, lineWidth: wide, dash, strokeStyle, fillStyle } = context;
      seen.push({ name, given, alpha, wide, dash, stroke: strokeStyle, fill: fillStyle });
    };
  }
  const camera = { toPixel: (x, y) => [x, y] };
"""


def drawn(
    modules: Page, module: str, function: str, *given: Any, camera: bool = True
) -> list[dict[str, Any]]:
    """What a function draws: calls of a canvas with its state at that time."""
    script = f"""async ([given, hasCamera]) => {{ {RECORD}
      const module = await load("{module}");
      const cameras = hasCamera ? [camera] : [];
      module.{function}(context, given[0], ...cameras, ...given.slice(1));
      return seen;
    }}"""
    calls: list[dict[str, Any]] = modules.evaluate(script, [list(given), camera])
    return calls


INK, PAPER, BLUE = "#1f2933", "#ffffff", "#1f6fb2"


def test_weak_names_are_pale_and_a_selection_fades_names(modules: Page) -> None:
    name = {"kind": "cluster", "text": "a", "px": 1, "py": 2, "light": "#aa0000", "dark": "#00aa00"}
    both = [name | {"weak": False}, name | {"weak": True}]

    def look(theme: str = "light", **options: bool) -> list[tuple[float, str]]:
        calls = drawn(modules, "names.js", "drawNames", both, theme, options, camera=False)
        halos = [c for c in calls if c["name"] == "strokeText"]
        assert {c["wide"] for c in halos} == {5} and [c["alpha"] for c in halos] == [1, 0.85]
        assert {c["stroke"] for c in halos} == {PAPER if theme == "light" else "#12181d"}
        return [(c["alpha"], c["fill"]) for c in calls if c["name"] == "fillText"]

    assert look() == [(1, "#aa0000"), (0.75, "#aa0000")]
    assert look("dark") == [(1, "#00aa00"), (0.75, "#00aa00")]
    assert look(neutral=True) == [(1, INK), (0.75, INK)]
    assert look(faded=True) == [(0.5, "#aa0000"), (0.5, "#aa0000")]


def test_lines_lead_to_partners_and_to_the_nearest_vectors(modules: Page) -> None:
    each: list[dict[str, Any]] = [
        {"latent": 1, "name": "p", "x": 1, "y": 1, "partner": "phi .5", "nearest": ""},
        {"latent": 2, "name": "n", "x": 2, "y": 2, "partner": "", "nearest": "cosine .8"},
        {"latent": 3, "name": "b", "x": 3, "y": 3, "partner": "phi .4", "nearest": "cosine .7"},
    ]
    around = {"x": 0, "y": 0, "neighbours": each}
    calls = drawn(modules, "neighbourhood.js", "drawEdges", around, "light")
    lines = [(c["stroke"], c["wide"], c["dash"]) for c in calls if c["name"] == "stroke"]
    halo: Stroke = (PAPER, 4, [])
    assert lines[:7] == [
        halo, (BLUE, 1.6, []),
        halo, (INK, 1.4, [2, 5]),
        halo, (BLUE, 1.6, []), (INK, 0.8, [2, 5]),
    ]  # fmt: skip
    assert lines[7:] == [(PAPER, 1.5, [])] * 3
    ends = [(c["given"][2], c["fill"]) for c in calls if c["name"] == "arc"]
    assert ends == [(4.5, BLUE), (4.5, INK), (4.5, BLUE)]
    script = f"""async (around) => {{ {RECORD}
      const {{ placeNeighbours }} = await load("neighbourhood.js");
      const measured = document.createElement("canvas").getContext("2d");
      const size = {{ width: 800, height: 500 }};
      return placeNeighbours(measured, around, camera, size).map(({{ id, text }}) => [id, text]);
    }}"""
    far = {**around, "neighbours": [one | {"y": 100 * one["y"]} for one in each]}
    assert modules.evaluate(script, far) == [[1, "p phi .5"], [2, "n cosine .8"], [3, "b phi .4"]]


LATE = f"""async () => {{ {RECORD}
  const {{ LatentMap }} = await load("latent_map.js");
  const {{ Reading }} = await load("reading.js");
  const {{ SelectionMask }} = await load("selection_mask.js");
  const {{ jsonAt }} = await load("source.js");
  const map = Object.assign(Object.create(LatentMap.prototype), {{
    camera, index: {{}}, total: 4, selection: new SelectionMask(), redraw() {{}},
    stage: {{ focus: document.createElement("button"), summary: document.createElement("p") }},
    data: {{ base: "late", map: "decoder", measure: "phi", theme: "light", title: "" }},
  }});
  map.reading = Object.assign(Object.create(Reading.prototype), {{ map, card: {{ hide() {{}} }} }});
  const arrive = {{}};
  const {{ fetch }} = window;
  window.fetch = (address) => new Promise((done) => {{
    const at = Number(/([0-9]+)[?]/.exec(address)[1]);
    const neighbours = [{{ x: 0, y: 0, partner: "phi 1" }}];
    arrive[at] = () => done(Response.json({{ latent: at, x: at, y: at, neighbours }}));
  }});
  const lines = [];
  const come = async (latent) => {{
    arrive[latent]();
    await jsonAt(`late/neighbourhood/decoder/${{latent}}?measure=phi`);
    seen.length = 0;
    map.reading.drawBelow(context);
    lines.push(seen.find(({{ name }}) => name === "moveTo")?.given ?? null);
  }};
  for (const latent of [1, 2]) map.showFocus(latent);
  for (const latent of [2, 1]) await come(latent);
  for (const latent of [3, null]) map.showFocus(latent);
  await come(3);
  window.fetch = fetch;
  return lines;
}}"""


def test_neighbours_that_come_late_are_not_shown_around_another_latent(modules: Page) -> None:
    # Lines begin at the latent in focus, which is at (2, 2), and there are none without a focus.
    assert modules.evaluate(LATE) == [[2, 2], [2, 2], None]


def test_a_neighbour_is_hit_by_its_name_or_within_nine_pixels(modules: Page) -> None:
    script = """async ([px, py]) => {
      const { hitNeighbour } = await load("neighbourhood.js");
      const around = { neighbours: [{ latent: 5, x: 100, y: 100 }] };
      const camera = { toPixel: (x, y) => [x, y] };
      return hitNeighbour(around, [{ id: 6, box: [200, 240, 90, 110] }], camera, px, py);
    }"""
    hits: dict[tuple[float, float], int]
    hits = {(109, 100): 5, (100, 91): 5, (109.1, 100): -1, (200, 90): 6, (240, 110): 6}
    hits |= {(199.9, 100): -1, (240.1, 100): -1, (220, 89.9): -1, (220, 110.1): -1}
    assert {at: modules.evaluate(script, list(at)) for at in hits} == hits


def test_shapes_are_tinted_and_boxes_have_handles(modules: Page) -> None:
    box = {"kind": "box", "points": [[10, 20], [30, 60]]}

    def calls(shape: dict[str, Any], **look: bool) -> list[dict[str, Any]]:
        options = {"drawing": False, "subtracts": False} | look
        return drawn(modules, "overlay.js", "drawShape", shape, "light", options)

    finished = calls(box)
    tint = next(c for c in finished if c["name"] == "fill")
    assert (tint["alpha"], tint["fill"], tint["given"]) == (0.05, BLUE, ["evenodd"])
    outline = next(c for c in finished if c["name"] == "stroke")
    assert (outline["alpha"], outline["wide"], outline["dash"]) == (1, 1.5, [])
    handles = [c["given"] for c in finished if c["name"] == "rect"]
    assert handles == [
        [x - 3.5, y - 3.5, 7, 7] for x, y in ((10, 20), (30, 20), (30, 60), (10, 60))
    ]
    drawing = calls(box, drawing=True, subtracts=True)
    tint = next(c for c in drawing if c["name"] == "fill")
    assert (tint["alpha"], tint["fill"], tint["dash"]) == (0.12, INK, [5, 4])
    assert all(c["name"] != "rect" for c in drawing)
    lasso = calls({"kind": "lasso", "points": [[0, 0], [1, 0], [0, 1]]})
    assert [c["name"] for c in lasso] == ["moveTo", "lineTo", "lineTo", "fill", "stroke"]


def test_the_ring_of_the_focus_is_thicker(modules: Page) -> None:
    def rings(focused: bool) -> list[tuple[str, float]]:
        calls = drawn(modules, "overlay.js", "drawRing", [1, 2], 8, "light", focused, camera=False)
        assert [c["given"][:3] for c in calls if c["name"] == "arc"] == [[1, 2, 8]] * 2
        return [(c["stroke"], c["wide"]) for c in calls if c["name"] == "stroke"]

    assert rings(False) == [(PAPER, 4), (INK, 1.5)]
    assert rings(True) == [(PAPER, 5), (INK, 2.5)]


def test_points_are_as_large_as_there_is_room_and_grow_with_zoom(modules: Page) -> None:
    def diameter(count: int, zoom: float = 1) -> float:
        camera = {"width": 800, "height": 500, "zoom": zoom}
        pixels: float = call(modules, "renderer.js", "diameterOf", count, camera)
        return pixels

    assert diameter(6400) == pytest.approx(0.5 * (400_000 / 6400) ** 0.5)
    assert (diameter(100), diameter(1_000_000), diameter(0)) == (6, 1.6, 6)
    assert diameter(1_000_000, 32) == pytest.approx(1.6 * 4)
    assert diameter(100, 0.5) == 6 and diameter(100, 200) == 13


@pytest.mark.parametrize(
    ("selected", "rim"),
    [(0, 2.4), (50, 2.4), (51, 1.4), (250, 1.4), (251, 0), (1000, 0)],
)
def test_few_selected_points_have_a_thick_rim(modules: Page, selected: int, rim: float) -> None:
    script = """async (selected) => {
      const { Renderer } = await load("renderer.js");
      return Renderer.prototype.rim.call({ selected, columns: { count: 1000 } }, { pixelRatio: 2 });
    }"""
    assert modules.evaluate(script, selected) == pytest.approx(rim)
