"""The map in a real browser: each gesture, and what it changes on the screen and in the link."""

import itertools
import re

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from analysis.selection import Box, Lasso, evaluate, parse
from tests.browser.conftest import PATIENCE, selected
from tests.browser.map_page import MapPage, colourful, lonely

pytestmark = pytest.mark.browser


def test_a_click_puts_a_latent_in_focus_and_enter_opens_it(shown: MapPage) -> None:
    places = shown.places()
    latent = lonely(places)
    shown.page.mouse.click(*shown.pixel(tuple(places[latent])))
    shown.rest()
    assert shown.link["latent"] == str(latent) and "/map" in shown.page.url
    shown.keys("Enter")
    shown.page.wait_for_url(re.compile(rf"/latent\?.*latent={latent}\b"))
    expect(
        shown.page.get_by_role("heading", name=re.compile(rf" latent {latent}$"))
    ).to_be_visible()


def at(shown: MapPage, place: tuple[float, float]) -> tuple[float, float]:
    """What is at a place, in the units of the map, by the link."""
    x0, x1, y0, y1 = shown.viewport()
    return x0 + place[0] * (x1 - x0), y1 - place[1] * (y1 - y0)


def near(shown: MapPage, a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two points are within two pixels of each other."""
    x0, x1, *_ = shown.viewport()
    pixel = (x1 - x0) / shown.box[2]
    return bool(np.hypot(a[0] - b[0], a[1] - b[1]) < 2 * pixel)


def test_wheel_drag_double_click_and_keys_move_the_map_without_python(shown: MapPage) -> None:
    pointer, centre = (0.7, 0.3), (0.5, 0.5)
    under, before = at(shown, pointer), shown.viewport()
    shown.page.evaluate(_COUNT_MESSAGES)
    shown.page.mouse.move(*shown.pixel(pointer))
    shown.page.mouse.wheel(0, -400)
    shown.pause()
    zoomed = shown.viewport()
    assert zoomed[1] - zoomed[0] < 0.7 * (before[1] - before[0])
    assert near(shown, under, at(shown, pointer))

    grabbed = at(shown, centre)
    shown.drag(centre, (0.35, 0.6))
    shown.pause()
    assert near(shown, grabbed, at(shown, (0.35, 0.6)))

    under = at(shown, centre)
    shown.page.mouse.dblclick(*shown.pixel(centre))
    shown.pause()
    assert near(shown, under, at(shown, centre))
    wide = zoomed[1] - zoomed[0]
    assert shown.viewport()[1] - shown.viewport()[0] == pytest.approx(wide / 1.8**2, rel=0.01)
    assert "latent" not in shown.link

    before = shown.viewport()
    shown.keys("ArrowRight", "ArrowDown")
    shown.pause()
    after = shown.viewport()
    assert after[0] - before[0] == pytest.approx(0.15 * (before[1] - before[0]), rel=0.02)
    assert after[2] - before[2] == pytest.approx(-0.15 * (before[3] - before[2]), rel=0.02)
    shown.keys("+")
    shown.pause()
    assert shown.viewport()[1] - shown.viewport()[0] == pytest.approx(
        (after[1] - after[0]) / 1.8, rel=0.01
    )
    shown.keys("0")
    shown.pause()
    assert "viewport" not in shown.link
    assert shown.page.evaluate("window.messages") == 0


_COUNT_MESSAGES = """() => {
    window.messages = 0;
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (...sent) {
        window.messages += 1;
        return send.apply(this, sent);
    };
}"""


def circle(centre: tuple[float, float], radius: float, corners: int) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, corners + 1)
    return [(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)) for a in angles]


def test_lassos_add_and_subtract_and_fit_in_a_link(shown: MapPage) -> None:
    bundle, page = shown.bundle, shown.page
    shown.keys("l")
    shown.drag(*circle((0.4, 0.5), 0.15, 60), steps=1)
    shown.rest()
    lasso = parse(shown.link["select"])
    assert isinstance(lasso, Lasso) and len(lasso.points) <= 100
    assert len(shown.page.url.split("select=")[1].split("&")[0]) <= 2_000
    first = evaluate(lasso, bundle)
    places = shown.places()
    radius = np.hypot(places[:, 0] - 0.4, places[:, 1] - 0.5)
    clear = np.abs(radius - 0.15) > 0.01
    assert (first == (radius < 0.15))[clear & np.isfinite(radius)].all() and first.any()

    page.keyboard.down("Shift")
    shown.drag(*circle((0.65, 0.5), 0.08, 30), steps=1)
    page.keyboard.up("Shift")
    shown.rest()
    more = evaluate(parse(shown.link["select"]), bundle)
    assert (more & first == first).all() and more.sum() > first.sum()
    page.keyboard.down("Alt")
    shown.drag(*circle((0.4, 0.5), 0.05, 30), steps=1)
    page.keyboard.up("Alt")
    shown.rest()
    less = evaluate(parse(shown.link["select"]), bundle)
    assert (less & ~more).sum() == 0 and 0 < less.sum() < more.sum()
    assert selected(page) == less.sum()
    shown.keys("Escape")
    shown.rest()
    assert "select" not in shown.link and shown.link["mode"] == "lasso"
    shown.keys("Control+z")
    shown.rest()
    assert selected(page) == less.sum()
    shown.keys("Control+z")
    shown.rest()
    assert selected(page) == more.sum()
    shown.keys("Control+Shift+z")
    shown.rest()
    assert selected(page) == less.sum()


def test_a_drawn_box_is_edited_by_its_corner_and_its_side(shown: MapPage) -> None:
    shown.keys("b")
    shown.drag((0.4, 0.4), (0.6, 0.6))
    shown.rest()
    first = parse(shown.link["select"])
    assert isinstance(first, Box)
    shown.drag((0.6, 0.6), (0.7, 0.75))  # its lower right corner
    shown.rest()
    larger = parse(shown.link["select"])
    assert isinstance(larger, Box)
    assert (larger.x0, larger.y1) == pytest.approx((first.x0, first.y1), abs=1e-3)
    assert larger.x1 - larger.x0 == pytest.approx(1.5 * (first.x1 - first.x0), rel=0.03)
    assert larger.y1 - larger.y0 == pytest.approx(1.75 * (first.y1 - first.y0), rel=0.03)
    shown.drag((0.55, 0.4), (0.5, 0.35))  # its upper side
    shown.rest()
    moved = parse(shown.link["select"])
    assert isinstance(moved, Box)
    assert moved.x1 - moved.x0 == pytest.approx(larger.x1 - larger.x0, rel=0.01)
    assert moved.y1 > larger.y1 and moved.x0 < larger.x0


def test_a_selection_moves_and_remounts_nothing(shown: MapPage) -> None:
    page = shown.page
    canvas = page.locator(".map canvas.points").element_handle()
    scroller = "document.querySelector('[data-testid=stMain]')"
    page.evaluate(f"{scroller}.scrollTop = 60")
    page.wait_for_timeout(200)
    shown.keys("b")
    top = page.evaluate(f"{scroller}.scrollTop")
    shown.drag((0.3, 0.3), (0.5, 0.5))
    shown.rest()
    assert page.evaluate(f"{scroller}.scrollTop") == top
    assert canvas is not None and canvas.evaluate("canvas => canvas.isConnected")
    page.evaluate(f"{scroller}.scrollTop = 0")
    page.wait_for_timeout(500)  # an open list closes when the page scrolls
    page.get_by_role("combobox", name="Map by").click()
    page.get_by_role("option", name="co-occurrence").click()
    shown.rest()
    assert canvas.evaluate("canvas => canvas.isConnected")
    assert shown.link["map"] == "cooccurrence" and shown.link["select"].startswith("box(")


def test_an_overtaken_call_of_the_component_does_not_end_the_map(shown: MapPage) -> None:
    kept = shown.page.locator(".map").evaluate(_OVERTAKEN)
    assert kept == {"on the page": True, "after it left": False}


_OVERTAKEN = """async (shown) => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const address = loaded.find((name) => name.endsWith("/index.js"));
  const { default: component } = await import(address);
  const host = shown.parentElement.appendChild(document.createElement("div"));
  const parentElement = host.attachShadow({ mode: "open" });
  const data = {
    bundle: "", content: "", map: "", base: "map-data/none/none", title: "", count: 0, order: [],
    positions: "data:,", colour: { url: "data:," }, sizes: "data:,", size: "even", mode: "move",
    mask: null, maskVersion: "", shapes: [], focus: null, answered: 0, theme: "light",
  };
  const call = () => component({ data, parentElement, setTriggerValue: () => {} });
  const surface = () => parentElement.querySelector(".surface");
  // Streamlit ends the first call before the second one has arrived.
  const end = call();
  const first = surface();
  await end();
  const last = call();
  const stays = surface() === first && first.isConnected;
  host.remove();
  await last();
  const another = call();
  const returned = surface() === first;
  await another(); // else it would draw places that these data do not have
  return { "on the page": stays, "after it left": returned };
}"""


def test_tab_reaches_the_map_and_its_legend_and_opens_nothing(shown: MapPage) -> None:
    page = shown.page
    inside = []
    for _ in range(45):
        page.keyboard.press("Tab")
        inside.append(
            page.evaluate(
                "(() => { let e = document.activeElement;"
                " while (e && e.shadowRoot) e = e.shadowRoot.activeElement;"
                " return Boolean(e && e.closest('.map')); })()"
            )
        )
    # The way around the page may begin again, but the map and its legend are one stop each.
    runs = [len(list(run)) for is_map, run in itertools.groupby(inside) if is_map]
    assert runs and max(runs) == 2
    assert "/map" in page.url and "latent" not in shown.link


def test_a_lost_graphics_context_comes_back(shown: MapPage) -> None:
    before = shown.picture()
    shown.page.locator(".map canvas.points").evaluate(
        "async (canvas) => { const lost = canvas.getContext('webgl2')"
        ".getExtension('WEBGL_lose_context'); lost.loseContext();"
        " await new Promise((done) => setTimeout(done, 300)); lost.restoreContext(); }"
    )
    shown.pause()
    assert colourful(before).mean() > 0.01
    assert (np.abs(shown.picture().astype(int) - before).max(axis=2) > 30).mean() < 0.002


def test_a_ring_shows_which_point_is_under_the_pointer(shown: MapPage) -> None:
    places = shown.places()
    left, top, width, height = shown.box
    # The card lies over the surroundings of some points.
    shown.page.locator(".map .card-place").evaluate("place => place.style.visibility = 'hidden'")
    x, y = np.multiply(places[lonely(places)], (width, height))

    def seen(dx: float) -> np.ndarray:
        """The surroundings [28, 28, 3] of the point with the pointer `dx` pixels beside it."""
        shown.page.mouse.move(left + 2, top + height - 2)
        shown.page.mouse.move(float(left + x + dx), float(top + y))
        shown.pause()
        return shown.picture().astype(int)[int(y) - 14 : int(y) + 14, int(x) - 14 : int(x) + 14]

    far, near_by = seen(20), seen(9)
    rows, columns = np.nonzero(np.abs(near_by - far).max(axis=2) > 60)
    assert len(rows) > 10
    distance = np.hypot(columns - 14 + int(x) - x + 0.5, rows - 14 + int(y) - y + 0.5)
    assert 4 < np.median(distance) < 12 and distance.max() < 14
    assert (seen(-20) == far).all()


def test_fingers_move_zoom_and_point(shown: MapPage) -> None:
    session = shown.page.context.new_cdp_session(shown.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        fingers = [
            {"x": shown.pixel(place)[0], "y": shown.pixel(place)[1], "id": i}
            for i, place in enumerate(places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    grabbed = at(shown, (0.5, 0.5))
    touch("touchStart", (0.5, 0.5))
    for step in range(1, 6):
        touch("touchMove", (0.5 + 0.02 * step, 0.5 - 0.02 * step))
    touch("touchEnd")
    shown.pause()
    assert near(shown, grabbed, at(shown, (0.6, 0.4)))

    before, middle = shown.viewport(), at(shown, (0.5, 0.5))
    touch("touchStart", (0.45, 0.5))
    touch("touchStart", (0.45, 0.5), (0.55, 0.5))
    for step in range(1, 11):
        touch("touchMove", (0.45 - 0.01 * step, 0.5), (0.55 + 0.01 * step, 0.5))
    touch("touchEnd")
    shown.pause()
    after = shown.viewport()
    assert (before[1] - before[0]) / (after[1] - after[0]) == pytest.approx(3, rel=0.05)
    x0, x1, *_ = after
    assert abs(at(shown, (0.5, 0.5))[0] - middle[0]) < 0.02 * (x1 - x0)

    places = shown.places()
    latent = lonely(places)
    x, y = places[latent]
    touch("touchStart", (x, y))
    touch("touchEnd")
    shown.rest()
    assert shown.link["latent"] == str(latent)


def test_back_and_forward_change_selection_and_view(shown: MapPage) -> None:
    shown.keys("b")
    shown.drag((0.4, 0.4), (0.6, 0.6))
    shown.rest()
    first = shown.link
    shown.keys("s")
    shown.pause()
    shown.drag((0.3, 0.3), (0.7, 0.7))
    shown.rest()
    second = shown.link
    assert second["select"] != first["select"] and "viewport" in second
    shown.page.go_back()
    shown.rest()
    assert shown.link["select"] == first["select"]
    count = int(evaluate(parse(first["select"]), shown.bundle).sum())
    assert selected(shown.page) == count
    shown.page.go_forward()
    shown.rest()
    assert shown.link["select"] == second["select"]
    assert shown.link["viewport"] == second["viewport"]


def test_a_browser_without_webgl_gets_a_chart(server: str, chromium: Browser) -> None:
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        " return kind === 'webgl2' ? null : get.call(this, kind, ...more); };"
    )
    page.goto(f"{server}/map?map=decoder")
    chart = page.locator("[data-testid=stVegaLiteChart]").and_(
        page.get_by_label("Map of the decoder vectors")
    )
    chart.first.wait_for(timeout=PATIENCE)
    expect(page.get_by_role("button", name="In", exact=True)).to_be_visible()
    page.context.close()
