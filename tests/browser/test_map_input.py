"""From pointers, keys and shapes to actions of the map: modules of the map by themselves.

Each test gives a module what the browser would give it and compares with values worked out by hand.
The clock of `paused` stands still until a test moves it.
"""

import math
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.map_modules import call

pytestmark = pytest.mark.browser

SURFACE = """
async (events) => {
  const { Gestures } = await load("gestures.js");
  const surface = document.body.appendChild(document.createElement("div"));
  surface.style.cssText = "position:fixed;left:10px;top:20px;width:300px;height:200px";
  surface.tabIndex = 0;
  const inner = surface.appendChild(document.createElement("i"));
  const seen = [];
  const plain = (given) => given.filter((value) => typeof value !== "object");
  const tell = (name) => (...given) => void seen.push([name, ...plain(given)]);
  const drag = { move: tell("move"), end: tell("end"), cancel: tell("cancel") };
  const gestures = new Gestures(surface, {
    press: (...given) => (tell("press")(...given), drag),
    hover: tell("hover"), leave: tell("leave"), click: tell("click"), doubleClick: tell("double"),
    pan: tell("pan"), zoom: tell("zoom"), key: (key) => (tell("key")(key), key !== "q"),
  });
  for (const [type, given] of events) {
    const kind = { w: WheelEvent, k: KeyboardEvent, p: PointerEvent }[type[0]];
    const event = new kind(type, { bubbles: true, cancelable: true, ...given });
    (given.inner ? inner : surface).dispatchEvent(event);
    if (type[0] === "k") seen.at(-1)?.push(event.defaultPrevented);
  }
  gestures.destroy();
  surface.remove();
  return seen;
}
"""


def after(modules: Page, *events: tuple[str, dict[str, Any]]) -> list[list[Any]]:
    """What a surface at (10, 20) of 300 by 200 pixels calls, by name and numbers."""
    seen: list[list[Any]] = modules.evaluate(SURFACE, list(events))
    return seen


def pointer(type_: str, x: float, y: float, **given: Any) -> tuple[str, dict[str, Any]]:
    buttons = 0 if type_ == "up" else 1
    return f"pointer{type_}", {"clientX": x, "clientY": y, "buttons": buttons} | given


@pytest.mark.parametrize(
    ("wheel", "logarithm"),
    [
        ({"deltaY": -100}, 0.18),
        ({"deltaY": 50}, -0.09),
        ({"deltaY": -3, "deltaMode": 1}, 0.0864),  # lines of 16 pixels
        ({"deltaY": -1, "deltaMode": 2}, 0.36),  # pages of 200 pixels
        ({"deltaY": -20, "ctrlKey": True}, 0.2),  # the pinch of a trackpad
        ({"deltaY": -9000}, 0.5),
        ({"deltaY": 9000}, -0.5),
    ],
)
def test_a_wheel_zooms_by_what_it_turns(
    modules: Page, wheel: dict[str, Any], logarithm: float
) -> None:
    ((name, factor, x, y),) = after(modules, ("wheel", wheel | {"clientX": 110, "clientY": 70}))
    assert (name, x, y) == ("zoom", 100, 50)
    assert math.log(factor) == pytest.approx(logarithm)


def test_two_fingers_move_and_zoom(modules: Page) -> None:
    touch = {"pointerType": "touch"}
    start = [
        pointer("down", 10, 20, pointerId=1, **touch),
        pointer("down", 110, 20, pointerId=2, **touch),
    ]
    wider = after(modules, *start, pointer("move", 210, 20, pointerId=2, **touch))
    assert wider[-2:] == [["pan", 50, 0], ["zoom", 2, 100, 0]]
    # Fingers closer than ten pixels count as ten pixels apart.
    close = after(modules, *start, pointer("move", 14, 20, pointerId=2, **touch))
    assert close[-2:] == [["pan", -48, 0], ["zoom", 0.1, 2, 0]]
    # What one finger began is over when the second one comes, and a lift is no click.
    up = pointer("up", 110, 20, pointerId=2, **touch)
    ended = after(
        modules,
        start[0],
        pointer("move", 40, 20, pointerId=1, **touch),
        start[1],
        up,
        pointer("move", 90, 20, pointerId=1, **touch),
        pointer("up", 90, 20, pointerId=1, **touch),
    )
    assert [one[0] for one in ended] == ["leave", "press", "move", "cancel"]


def test_buttons_of_the_mouse(modules: Page) -> None:
    down, up = pointer("down", 20, 30, pointerType="mouse"), pointer("up", 20, 30)
    assert after(modules, down, up) == [["leave"], ["click", 10, 10]]
    for button, expected in ((1, [["leave"]]), (2, [])):
        assert after(modules, *[(t, g | {"button": button}) for t, g in (down, up)]) == expected
    moved = pointer("move", 40, 30, pointerType="mouse")
    dragged = after(modules, down, moved, pointer("up", 40, 30))
    assert dragged == [["leave"], ["press", 10, 10], ["move", 30, 10], ["end"]]
    released_outside = pointer("move", 45, 30, pointerType="mouse", buttons=0)
    assert after(modules, down, moved, released_outside, up)[-1] == ["cancel"]
    assert after(modules, down, moved, pointer("cancel", 40, 30), up)[-1] == ["cancel"]


def test_only_a_pointer_that_hovers_is_followed(modules: Page) -> None:
    at = ("pointermove", {"clientX": 60, "clientY": 60})
    assert after(modules, (at[0], at[1] | {"pointerType": "mouse"})) == [["hover", 50, 40]]
    assert after(modules, (at[0], at[1] | {"pointerType": "touch"})) == []
    assert after(modules, ("pointerleave", {})) == [["leave"]]
    pressed = after(modules, pointer("down", 20, 30, pointerType="mouse"), ("pointerleave", {}))
    assert pressed == [["leave"]]  # of the press alone


def test_keys_reach_the_map_if_it_has_the_focus(modules: Page) -> None:
    seen = after(modules, ("keydown", {"key": "m"}), ("keydown", {"key": "q"}))
    assert seen == [["key", "m", True], ["key", "q", False]]
    assert after(modules, ("keydown", {"key": "m", "inner": True})) == []


def test_a_gesture_changes_the_mask(modules: Page) -> None:
    mask, inside = [1, 1, 0, 0], [1, 0, 1, 0]

    def combined(combine: str, before: list[int] | None = mask) -> list[int]:
        result: list[int] = call(modules, "selection_mask.js", "combined", before, inside, combine)
        return result

    assert combined("replace") == [1, 0, 1, 0]
    assert combined("add") == [1, 1, 1, 0]
    assert combined("subtract") == [0, 1, 0, 0]
    assert combined("add", None) == [1, 0, 1, 0]
    assert combined("subtract", None) == [0, 1, 0, 1]
    counts = modules.evaluate(
        """async (mask) => {
          const { SelectionMask } = await load("selection_mask.js");
          const shown = new SelectionMask();
          const every = [shown.count(4), [...shown.states(4)]];
          if (!shown.take(mask, 0)) throw new Error("no gesture is on its way");
          return [...every, shown.count(4), [...shown.states(4)]];
        }""",
        [1, 0, 0, 0],
    )
    assert counts == [4, [0, 0, 0, 0], 1, [2, 1, 1, 1]]  # ordinary 0, faded 1, selected 2


OUTBOX = """
async () => {
  const { Outbox } = await load("outbox.js");
  window.sent = [];
  window.outbox = new Outbox((gestures) => sent.push(gestures.map(({ serial }) => serial)));
}
"""


def add(paused: Page, *serials: int) -> None:
    paused.evaluate("(all) => all.forEach((serial) => outbox.add({ serial }))", serials)


def sent(paused: Page) -> list[list[int]]:
    messages: list[list[int]] = paused.evaluate("() => sent")
    return messages


def test_a_message_waits_for_the_answer_to_the_one_before(paused: Page) -> None:
    paused.evaluate(OUTBOX)
    add(paused, 1, 2, 3)
    assert sent(paused) == [[1]]
    paused.evaluate("() => outbox.take(1)")
    paused.clock.run_for(49)
    assert sent(paused) == [[1]]
    paused.clock.run_for(1)
    assert sent(paused) == [[1], [2, 3]]
    # Without an answer it is sent again, with all that is new, after five seconds.
    add(paused, 4)
    paused.clock.run_for(4999)
    assert len(sent(paused)) == 2
    paused.clock.run_for(1)
    assert sent(paused)[2:] == [[2, 3, 4]]
    # An answer to an older gesture takes back nothing that is known.
    paused.evaluate("() => { outbox.take(4); outbox.take(2); }")
    paused.clock.run_for(6000)
    assert len(sent(paused)) == 3
    add(paused, 5)
    assert sent(paused)[3:] == [[5]]


def test_a_message_has_at_most_fifty_gestures_and_none_after_leaving(paused: Page) -> None:
    paused.evaluate(OUTBOX)
    add(paused, *range(1, 62))
    paused.evaluate("() => outbox.take(1)")
    paused.clock.run_for(50)
    assert sent(paused) == [[1], list(range(12, 62))]
    add(paused, 62)
    paused.evaluate("() => outbox.forget()")
    paused.clock.run_for(10_000)
    assert len(sent(paused)) == 2
    add(paused, 1)
    assert sent(paused)[2:] == [[1]]


def test_the_view_is_written_when_it_has_rested(paused: Page) -> None:
    paused.evaluate(
        """async () => {
          history.replaceState(null, "", "/?z=1&select=a&b=2&size=density#here");
          const { Link } = await load("link.js");
          window.view = new Link();
          view.order = ["select", "viewport", "size"];
          view.set("size", null);
        }"""
    )
    paused.clock.run_for(150)
    paused.evaluate("() => view.set('viewport', '0,1,0,1')")
    paused.clock.run_for(199)
    assert paused.evaluate("() => location.search") == "?z=1&select=a&b=2&size=density"
    paused.clock.run_for(1)
    # First what the page orders, then the rest as it was.
    assert paused.evaluate("() => location.search + location.hash") == (
        "?select=a&viewport=0%2C1%2C0%2C1&z=1&b=2#here"
    )
    paused.evaluate("() => { view.path = '/another'; view.set('mode', 'box'); view.write(); }")
    assert "mode" not in paused.evaluate("() => location.search")


@pytest.mark.parametrize(
    ("text", "viewport"),
    [
        ("0,1,2,4", [0, 1, 2, 4]),
        ("1,1,2,4", None),
        ("0,1,4,2", None),
        ("0,1,2", None),
        ("0,1,2,4,5", None),
        ("0,1,2,x", None),
    ],
)
def test_a_link_gives_a_part_of_the_map_or_nothing(
    modules: Page, text: str, viewport: list[int] | None
) -> None:
    read = call(modules, "link.js", "viewportOf", f"?a=1&beside={text}", "beside")
    assert read == viewport
    assert call(modules, "link.js", "viewportOf", "?a=1", "beside") is None


SHAPES = """
async ([name, ...given]) => {
  const shapes = await load("shapes.js");
  const camera = { toPixel: (x, y) => [x, -y] };
  const cameras = ["isSlip", "heldPart"].includes(name) ? [camera] : [];
  return shapes[name](given[0], ...cameras, ...given.slice(1));
}
"""


def shape(modules: Page, name: str, *given: Any) -> Any:
    """The result of a function of shapes; a pixel is a unit, and its y points downwards."""
    return modules.evaluate(SHAPES, [name, *given])


def test_shapes_have_corners_in_order(modules: Page) -> None:
    box = shape(modules, "boxOf", [5, 1], [2, 7])
    assert box == {"kind": "box", "points": [[2, 1], [5, 7]]}
    assert shape(modules, "outline", box) == [[2, 1], [5, 1], [5, 7], [2, 7]]
    lasso = {"kind": "lasso", "points": [[0, 0], [4, 0], [0, 4]]}
    assert shape(modules, "outline", lasso) == lasso["points"]
    side = [0, 0], [10, 0]
    distances = [shape(modules, "distanceToSide", at, *side) for at in ([5, 3], [13, 4], [-3, -4])]
    assert distances == [3, 5, 5]
    assert shape(modules, "distanceToSide", [3, 4], [0, 0], [0, 0]) == 5


@pytest.mark.parametrize(("scale", "off", "corners"), [(1, 0.9, 2), (1, 1.1, 3), (4, 0.3, 3)])
def test_a_lasso_stays_within_a_pixel_of_the_line(
    modules: Page, scale: float, off: float, corners: int
) -> None:
    lasso = shape(modules, "lassoOf", [[0, 0], [5, off], [10, 0]], scale)
    assert lasso["kind"] == "lasso" and len(lasso["points"]) == corners


def test_a_shape_below_four_pixels_is_a_slip(modules: Page) -> None:
    def is_slip(width: float, height: float) -> bool:
        box = {"kind": "box", "points": [[10, 10], [10 + width, 10 + height]]}
        return bool(shape(modules, "isSlip", box))

    assert is_slip(3.9, 3.9) and is_slip(0, 0)
    assert not is_slip(4, 0) and not is_slip(0, 4)
    line = {"kind": "lasso", "points": [[0, 0], [90, 90]]}
    assert shape(modules, "isSlip", line)
    assert not shape(modules, "isSlip", {**line, "points": [*line["points"], [0, 90]]})


def test_a_pointer_holds_corners_and_sides(modules: Page) -> None:
    box = {"kind": "box", "points": [[0, 0], [100, 100]]}
    assert shape(modules, "heldPart", box, 0, 8) == {"corner": 0}
    assert shape(modules, "heldPart", box, 108, 0) == {"corner": 1}
    assert shape(modules, "heldPart", box, 100, -100) == {"corner": 2}
    assert shape(modules, "heldPart", box, 0, 8.1) is None
    assert shape(modules, "heldPart", box, 50, 4) == {"side": True}
    assert shape(modules, "heldPart", box, 50, 4.1) is None
    assert shape(modules, "heldPart", box, 50, -50) is None
    lasso = {"kind": "lasso", "points": [[0, 0], [100, 0], [100, 100]]}
    assert shape(modules, "heldPart", lasso, 0, 0) == {"side": True}
    assert shape(modules, "heldPart", lasso, 50, -54) == {"side": True}  # the last side


def test_a_dragged_corner_leaves_the_opposite_one(modules: Page) -> None:
    box = {"kind": "box", "points": [[0, 0], [10, 10]]}
    assert shape(modules, "dragged", box, {"corner": 1}, 2, -3)["points"] == [[0, -3], [12, 10]]
    assert shape(modules, "dragged", box, {"corner": 0}, 20, 0)["points"] == [[10, 0], [20, 10]]
    assert shape(modules, "dragged", box, {"side": True}, 2, -3)["points"] == [[2, -3], [12, 7]]
    lasso = {"kind": "lasso", "points": [[0, 0], [1, 0], [0, 1]]}
    assert shape(modules, "dragged", lasso, {"side": True}, 1, 2) == {
        "kind": "lasso",
        "points": [[1, 2], [2, 2], [1, 3]],
    }


def test_half_of_a_flight_is_half_of_the_zoom_in_ratio(modules: Page) -> None:
    start, target = {"x": 0, "y": 8, "scale": 1}, {"x": 6, "y": 2, "scale": 4}
    middle = call(modules, "camera.js", "between", start, target, 0.5)
    # The point that does not move is at x = 8, y = 0; windows are 1, 1/2 and 1/4 wide.
    assert middle == pytest.approx({"x": 4, "y": 4, "scale": 2})
    assert call(modules, "camera.js", "between", start, target, 1) == pytest.approx(target)
    level = call(modules, "camera.js", "between", start, {**start, "x": 10}, 0.25)
    assert level == pytest.approx({"x": 2.5, "y": 8, "scale": 1})


CAMERA = """
async (steps) => {
  const { Camera } = await load("camera.js");
  const camera = new Camera([0, 10, 0, 20]);
  camera.showWhole();
  camera.resize(400, 400, 1);
  return steps.map(([name, ...given]) => {
    const result = name === "viewport" || name === "whole" ? camera[name] : camera[name](...given);
    return result ?? null;
  });
}
"""


def test_the_camera_looks_upwards_and_keeps_its_middle(modules: Page) -> None:
    steps: list[list[Any]] = [
        ["toPixel", 0, 20], ["toPixel", 10, 0], ["toData", 200, 100], ["whole"],
        ["panBy", 40, 60], ["viewport"], ["whole"],
        ["resize", 200, 400, 1], ["viewport"],
        ["placeOf", [0, 4, 2, 4]],
        ["show", [4, 6, 9, 10]], ["viewport"],
        ["showWhole"], ["resize", 800, 400, 1], ["viewport"], ["whole"],
    ]  # fmt: skip
    seen = modules.evaluate(CAMERA, steps)
    # The frame is 10 by 20, so a unit has 400 / 20 pixels.
    assert seen[:4] == [[100, 0], [300, 400], [5, 15], True]
    assert seen[5] == [-7, 13, 3, 23] and seen[6] is False
    assert seen[8] == [-2, 8, 3, 23]  # half as wide about the same middle
    assert seen[9] == {"x": 2, "y": 3, "scale": 50}
    assert seen[11] == [4, 6, 7.5, 11.5]
    assert seen[14] == [-15, 25, 0, 20] and seen[15] is True


def test_a_camera_shows_what_a_link_gives_once_it_has_a_size(modules: Page) -> None:
    script = """async (edges) => {
      const { Camera } = await load("camera.js");
      const camera = new Camera([0, 10, 0, 20]);
      camera.show(edges);
      camera.resize(400, 200, 1);
      const first = camera.viewport;
      camera.resize(200, 200, 1);
      return [first, camera.viewport];
    }"""
    first, later = modules.evaluate(script, [4, 6, 9, 10])
    # A square of two units about (5, 9.5), as large as it fits: a unit has 100 pixels.
    assert first == pytest.approx([3, 7, 8.5, 10.5])
    assert later == pytest.approx([4, 6, 8.5, 10.5])


def test_a_flight_takes_its_time(paused: Page) -> None:
    paused.evaluate(
        """async () => {
          const { Camera, fly } = await load("camera.js");
          const camera = (window.flying = new Camera([0, 10, 0, 10]));
          camera.resize(100, 100, 1);
          window.steps = [];
          const target = { x: 8, y: 5, scale: 10 };
          window.end = fly(camera, target, 1000, (landed) => steps.push([camera.x, landed]));
        }"""
    )
    paused.clock.run_for(2000)
    steps = paused.evaluate("() => steps")
    assert steps[-1] == [8, True] and [landed for _, landed in steps[:-1]].count(True) == 0
    places = [x for x, _ in steps]
    assert places == sorted(places)
    # Slow at both ends: at a quarter of the time it has gone 5/32 of the way.
    quarter = min(places, key=lambda x: abs(x - (5 + 3 * 5 / 32)))
    assert quarter == pytest.approx(5 + 3 * 5 / 32, abs=0.1)
    assert places.index(quarter) == pytest.approx(len(places) / 4, abs=2)
    jumped = paused.evaluate(
        """async () => {
          const { fly } = await load("camera.js");
          const seen = [];
          fly(flying, { x: 2, y: 3, scale: 20 }, 0, (landed) => seen.push(landed));
          return [flying.x, flying.y, flying.scale, seen];
        }"""
    )
    assert jumped == [2, 3, 20, [True]]
