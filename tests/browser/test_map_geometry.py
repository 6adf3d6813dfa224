"""The geometry of the map in the browser, against brute force in numpy; its clicks and its mask."""

import itertools
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

COUNT = 20_000
STEPS = 65_535


@pytest.fixture(scope="module")
def points(modules: Page) -> np.ndarray:
    """Points [COUNT, 2] in clumps; the last ten are not on the map. The page has them too."""
    rng = np.random.default_rng(5)
    centres = rng.uniform(0, STEPS - 1, (40, 2))
    spread = centres[rng.integers(40, size=COUNT)] + rng.normal(0, 2500, (COUNT, 2))
    points = np.clip(np.rint(spread), 0, STEPS - 1).astype(np.uint16)
    points[-10:] = STEPS
    modules.evaluate(
        """async ([x, y]) => {
            const { SpatialIndex } = await load("spatial_index.js");
            window.index = new SpatialIndex(Uint16Array.from(x), Uint16Array.from(y));
        }""",
        [points[:, 0].tolist(), points[:, 1].tolist()],
    )
    return points


def chosen(modules: Page, expression: str, argument: Any) -> np.ndarray:
    return np.array(modules.evaluate(f"(a) => Array.from({expression})", argument), dtype=bool)


def inside_polygon(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """By the crossings of a ray to the right, one side after the other."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points.astype(np.float64).T
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        if ay == by:
            continue
        crosses = (ay > y) != (by > y)
        inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def test_the_points_in_a_box(modules: Page, points: np.ndarray) -> None:
    on_map = points[:, 0] < STEPS
    rng = np.random.default_rng(6)
    own = points[7].astype(float)
    for x0, y0, width, height in [
        (*own, 0, 0),
        (-500, -500, 800_000, 800_000),
        *rng.uniform(-2000, 60_000, (30, 4)),
    ]:
        box = [float(x0), float(y0), float(x0 + width), float(y0 + height)]
        sent = chosen(modules, "index.insideBox(...a)", [box[0], box[2], box[1], box[3]])
        x, y = points.T
        expected = (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3]) & on_map
        assert (sent == expected).all()


def test_the_points_in_a_lasso(modules: Page, points: np.ndarray) -> None:
    on_map = points[:, 0] < STEPS
    rng = np.random.default_rng(7)
    for corners in [3, 4, 5, 20, 100, 100]:
        centre, radius = rng.uniform(10_000, 55_000, 2), rng.uniform(3_000, 40_000)
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = radius * rng.uniform(0.3, 1, corners)
        polygon = centre + np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None]
        sent = chosen(modules, "index.insideLasso(a)", polygon.tolist())
        assert (sent == (inside_polygon(polygon, points) & on_map)).all()
    crossing = rng.uniform(0, STEPS, (12, 2))  # a polygon that crosses itself
    sent = chosen(modules, "index.insideLasso(a)", crossing.tolist())
    assert 0 < sent.sum() < COUNT
    assert (sent == (inside_polygon(crossing, points) & on_map)).all()


def test_a_lasso_along_the_edges_of_the_map(modules: Page, points: np.ndarray) -> None:
    on_map = points[:, 0] < STEPS
    around = np.array([[-10, -10], [70_000, -10], [70_000, 70_000], [-10, 70_000]], float)
    assert (chosen(modules, "index.insideLasso(a)", around.tolist()) == on_map).all()
    away = around + 200_000
    assert not chosen(modules, "index.insideLasso(a)", away.tolist()).any()


def test_the_nearest_point(modules: Page, points: np.ndarray) -> None:
    on_map = np.flatnonzero(points[:, 0] < STEPS)
    rng = np.random.default_rng(8)
    for x, y in rng.uniform(-1000, 66_000, (200, 2)):
        radius = float(rng.choice([50, 300, 5_000]))
        found = modules.evaluate("(a) => index.nearest(...a)", [float(x), float(y), radius])
        distance = np.hypot(*(points[on_map].astype(float) - (x, y)).T)
        if found < 0:
            assert distance.min() > radius
        else:
            own = np.hypot(*(points[found].astype(float) - (x, y)))
            assert own == pytest.approx(distance.min()) and own <= radius


def test_a_handicap_puts_other_points_first(modules: Page, points: np.ndarray) -> None:
    x, y = map(float, points[3])
    nearest = modules.evaluate("(a) => index.nearest(a[0], a[1], 2000)", [x, y])
    rest = modules.evaluate(
        "(a) => index.nearest(a[0], a[1], 2000, (p) => p === a[2] ? 1e9 : 0)", [x, y, nearest]
    )
    assert rest not in (nearest, -1)
    assert (points[nearest] == points[3]).all()


@pytest.mark.parametrize("tolerance", [0.5, 3.0, 20.0])
def test_a_simplified_line_stays_within_the_tolerance(modules: Page, tolerance: float) -> None:
    rng = np.random.default_rng(9)
    line = np.cumsum(rng.normal(0, 3, (600, 2)), axis=0)
    kept = np.array(
        modules.evaluate(
            "async ([p, t]) => (await load('shapes.js')).simplified(p, t)",
            [line.tolist(), tolerance],
        )
    )
    assert 2 <= len(kept) < len(line)
    assert (kept[0] == line[0]).all() and (kept[-1] == line[-1]).all()
    sides = list(itertools.pairwise(kept))
    for point in line:
        assert min(_distance(point, a, b) for a, b in sides) <= tolerance + 1e-9


def _distance(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    length = ((b - a) ** 2).sum()
    share = np.clip(((point - a) * (b - a)).sum() / length, 0, 1) if length else 0
    return float(np.hypot(*(point - a - share * (b - a))))


def test_a_lasso_has_at_most_a_hundred_corners(modules: Page) -> None:
    rng = np.random.default_rng(10)
    line = np.cumsum(rng.normal(0, 30, (5_000, 2)), axis=0)
    shape = modules.evaluate("async (p) => (await load('shapes.js')).lassoOf(p, 1)", line.tolist())
    assert 50 < len(shape["points"]) <= 100


CAMERA = """async ([frame, width, height, steps]) => {
    const { Camera } = await load("camera.js");
    const camera = new Camera(frame);
    camera.showWhole();
    camera.resize(width, height, 1);
    const seen = [];
    for (const [name, ...values] of steps) {
        const before = name === "zoomAt" ? camera.toData(values[1], values[2]) : null;
        camera[name](...values);
        const after = name === "zoomAt" ? camera.toData(values[1], values[2]) : null;
        seen.push([camera.viewport, camera.zoom, before, after]);
    }
    return seen;
}"""


def test_a_zoom_keeps_what_is_under_the_pointer(modules: Page) -> None:
    frame = [-3.0, 5.0, 10.0, 14.0]
    steps = [["zoomAt", 1.7, 200, 120], ["panBy", 30, -20], ["zoomAt", 2.5, 500, 300],
             ["zoomAt", 0.6, 100, 90]]  # fmt: skip
    seen = modules.evaluate(CAMERA, [frame, 800, 600, steps])
    for (name, *_), (_, _, before, after) in zip(steps, seen, strict=True):
        if name == "zoomAt":
            assert before == pytest.approx(after, abs=1e-9)


def test_the_camera_stays_on_the_map(modules: Page) -> None:
    frame = [-3.0, 5.0, 10.0, 14.0]
    steps = [["panBy", 1e6, 1e6], ["zoomAt", 1e9, 400, 300], ["zoomAt", 1e-9, 10, 10]]
    (far, _, _, _), (_, near, _, _), (_, wide, _, _) = modules.evaluate(
        CAMERA, [frame, 800, 600, steps]
    )
    x, y = (far[0] + far[1]) / 2, (far[2] + far[3]) / 2
    assert frame[0] <= x <= frame[1] and frame[2] <= y <= frame[3]
    assert near == pytest.approx(200) and wide == pytest.approx(0.5)


def test_the_whole_map_fits(modules: Page) -> None:
    frame = [-3.0, 5.0, 10.0, 14.0]
    ((shown, zoom, _, _),) = modules.evaluate(CAMERA, [frame, 800, 600, [["showWhole"]]])
    assert zoom == pytest.approx(1)
    assert shown == pytest.approx([-3, 5, 9, 15])


def test_a_viewport_in_the_link_has_the_digits_that_it_needs(modules: Page) -> None:
    rng = np.random.default_rng(11)
    for width in 10.0 ** np.arange(-3, 5):
        x, y = rng.uniform(-20, 20, 2)
        shown = [x, x + width, y, y + 0.7 * width]
        text = modules.evaluate("async (v) => (await load('link.js')).viewportText(v)", shown)
        read = [float(edge) for edge in text.split(",")]
        assert np.abs(np.subtract(read, shown)).max() <= width / 1000 + 1e-5
        assert len(text) < 60


def test_the_order_of_drawing_puts_the_selection_on_top(modules: Page) -> None:
    rng = np.random.default_rng(12)
    codes, states = rng.integers(0, 3, 120_000), rng.integers(0, 3, 120_000)
    every, sample = modules.evaluate(
        """async ([codes, states]) => {
            const { drawOrder } = await load("draw_order.js");
            const order = drawOrder(Uint8Array.from(codes), Uint8Array.from(states));
            return [Array.from(order.all), Array.from(order.sample)];
        }""",
        [codes.tolist(), states.tolist()],
    )
    assert sorted(every) == list(range(120_000))
    layer = np.select([states == 1, states == 0], [0, 2], 4) + (codes > 0)
    assert (np.diff(layer[every]) >= 0).all() and (np.diff(layer[sample]) >= 0).all()
    assert len(set(sample)) == len(sample) == pytest.approx(50_000, rel=0.03)
    parts = np.bincount(np.array(sample) // 12_000)
    assert len(parts) == 10 and parts.min() > 0.9 * parts.mean()


CLICKS = """
async (clicks) => {
  const { Gestures } = await load("gestures.js");
  const surface = document.body.appendChild(document.createElement("div"));
  const seen = [];
  let now = 0;
  const gestures = new Gestures(surface, {
    leave: () => {},
    click: () => seen.push("click"),
    doubleClick: () => seen.push("double"),
  });
  performance.now = () => now;
  for (const [time, clientX] of clicks) {
    now = time;
    for (const type of ["pointerdown", "pointerup"]) {
      surface.dispatchEvent(new PointerEvent(type, { pointerType: "mouse", clientX }));
    }
  }
  delete performance.now;
  gestures.destroy();
  surface.remove();
  return seen;
}
"""


@pytest.mark.parametrize(
    ("clicks", "expected"),
    [
        ([(0, 5), (319, 5)], ["click", "double"]),
        ([(0, 5), (320, 5)], ["click", "click"]),
        ([(0, 5), (100, 28)], ["click", "double"]),
        ([(0, 5), (100, 29)], ["click", "click"]),
        ([(0, 5), (100, 5), (200, 5)], ["click", "double", "click"]),
    ],
)
def test_a_double_click_is_two_clicks_that_are_near_in_time_and_place(
    modules: Page, clicks: list[tuple[int, int]], expected: list[str]
) -> None:
    assert modules.evaluate(CLICKS, clicks) == expected


PRESS = """
async ([pointerType, moved]) => {
  const { Gestures } = await load("gestures.js");
  const surface = document.body.appendChild(document.createElement("div"));
  let seen = "";
  const drag = { move: () => {}, end: () => (seen = "drag"), cancel: () => {} };
  const actions = { leave: () => {}, click: () => (seen = "click"), press: () => drag };
  const gestures = new Gestures(surface, actions);
  for (const [type, clientX] of [["down", 50], ["move", 50 + moved], ["up", 50 + moved]]) {
    const given = { pointerType, clientX, buttons: type === "up" ? 0 : 1 };
    surface.dispatchEvent(new PointerEvent(`pointer${type}`, given));
  }
  gestures.destroy();
  surface.remove();
  return seen;
}
"""


@pytest.mark.parametrize(("pointer", "still"), [("mouse", 3), ("pen", 5), ("touch", 9)])
def test_a_press_that_moves_a_little_is_a_click(modules: Page, pointer: str, still: int) -> None:
    steps = (0, still, still + 1, -still - 1)
    seen = [modules.evaluate(PRESS, [pointer, moved]) for moved in steps]
    assert seen == ["click", "click", "drag", "drag"]


def test_a_mask_of_the_server_counts_if_it_knows_the_last_gesture(modules: Page) -> None:
    taken = modules.evaluate(
        """async (answers) => {
          const { SelectionMask } = await load("selection_mask.js");
          const shown = new SelectionMask();
          shown.preview([1, 1, 0], "replace", 4);
          return answers.map(([mask, answered]) => [shown.take(mask, answered), shown.mask]);
        }""",
        [([0, 0, 1], 3), ([0, 1, 0], 4), ([1, 0, 0], 4), ([0, 1, 1], 0)],
    )
    assert taken == [
        [False, [1, 1, 0]],
        [True, [0, 1, 0]],
        [True, [1, 0, 0]],
        [True, [0, 1, 1]],
    ]


@pytest.mark.parametrize(
    ("mask", "combine", "expected"),
    [
        (None, "replace", [1, 0, 1, 0]),
        (None, "add", [1, 0, 1, 0]),
        (None, "subtract", [0, 1, 0, 1]),
        ([1, 1, 0, 0], "replace", [1, 0, 1, 0]),
        ([1, 1, 0, 0], "add", [1, 1, 1, 0]),
        ([1, 1, 0, 0], "subtract", [0, 1, 0, 0]),
    ],
)
def test_a_shape_replaces_adds_or_subtracts(
    mask: list[int] | None, combine: str, expected: list[int], modules: Page
) -> None:
    result = modules.evaluate(
        """async ([mask, combine]) => {
          const { SelectionMask } = await load("selection_mask.js");
          const shown = new SelectionMask();
          if (mask) shown.preview(Uint8Array.from(mask), "replace", 1);
          shown.preview(Uint8Array.from([1, 0, 1, 0]), combine, 2);
          return [...shown.mask];
        }""",
        [mask, combine],
    )
    assert result == expected
