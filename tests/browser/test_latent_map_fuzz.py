"""Random sequences of pointer, wheel, touch and keys on the map.

They never raise, never leave a mode stuck, never open a page unasked, and the map never leaves the
page. The environment variables MAP_SEQUENCES and MAP_SEED set how many there are, and their seed.
"""

import os
import random

import pytest
from playwright.sync_api import CDPSession

from analysis.bundle import Bundle
from tests.browser.conftest import OpenPage
from tests.browser.map_page import MapPage

pytestmark = pytest.mark.browser

SEQUENCES = int(os.environ.get("MAP_SEQUENCES", "60"))
SEED = int(os.environ.get("MAP_SEED", "20261129"))
KEYS = ("ArrowLeft", "ArrowUp", "+", "-", "0", "m", "b", "l", "s", "d", "Escape", "Control+z",
        "Shift+Control+z", "x", "Home")  # fmt: skip
"""All keys with a meaning but Enter, which may open a page."""


_IS_OPEN_BUTTON = """([x, y]) => {
  let at = document.elementFromPoint(x, y);
  while (at?.shadowRoot) {
    const inside = at.shadowRoot.elementFromPoint(x, y);
    if (!inside || inside === at) break;
    at = inside;
  }
  return Boolean(at?.closest(".card-open"));
}"""
"""Whether a press at a place asks for the page of a latent."""


class Hand:
    """A hand that does not know what it does."""

    def __init__(self, shown: MapPage, seed: int) -> None:
        self.shown = shown
        self.mouse, self.keyboard = shown.page.mouse, shown.page.keyboard
        self.touch: CDPSession = shown.page.context.new_cdp_session(shown.page)
        self.random = random.Random(seed)
        self.fingers: list[dict[str, float]] = []

    def place(self) -> tuple[float, float]:
        """A place on the map beside its buttons, or just above or below it."""
        while True:
            across, down = self.random.uniform(0.1, 0.9), self.random.uniform(-0.01, 1.01)
            place = self.shown.pixel((across, down))
            if not self.shown.page.evaluate(_IS_OPEN_BUTTON, place):
                return place

    def act(self) -> None:
        """Do one random thing."""
        acts = (self.move, self.move, self.down, self.up, self.wheel, self.key, self.click,
                self.hold, self.finger, self.finger_move, self.finger_up)  # fmt: skip
        self.random.choice(acts)()

    def move(self) -> None:
        self.mouse.move(*self.place(), steps=self.random.choice((1, 3)))

    def down(self) -> None:
        self.mouse.down(button=self.random.choice(("left", "left", "middle")))

    def up(self) -> None:
        self.mouse.up(button=self.random.choice(("left", "left", "middle")))

    def wheel(self) -> None:
        self.mouse.wheel(self.random.uniform(-50, 50), self.random.choice((-3000, -80, 80, 3000)))

    def key(self) -> None:
        self.keyboard.press(self.random.choice(KEYS))

    def click(self) -> None:
        self.shown.page.mouse.click(*self.place(), click_count=self.random.choice((1, 2, 3)))

    def hold(self) -> None:
        modifier = self.random.choice(("Shift", "Alt", "Control"))
        self.random.choice((self.keyboard.down, self.keyboard.up))(modifier)

    def finger(self) -> None:
        if len(self.fingers) < 3:
            x, y = self.place()
            self.fingers.append({"x": x, "y": y, "id": self.random.randrange(1, 10**6)})
            self.send("touchStart")

    def finger_move(self) -> None:
        if self.fingers:
            finger = self.random.choice(self.fingers)
            finger["x"], finger["y"] = self.place()
            self.send("touchMove")

    def finger_up(self) -> None:
        if self.fingers:
            self.fingers.pop()
            self.send("touchEnd" if not self.fingers else "touchMove")

    def send(self, kind: str) -> None:
        points = [] if kind == "touchEnd" else self.fingers
        self.touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def let_go(self) -> None:
        """Release everything."""
        for modifier in ("Shift", "Alt", "Control"):
            self.keyboard.up(modifier)
        for button in ("left", "middle"):
            self.mouse.up(button=button)
        if self.fingers:
            self.fingers = []
            self.touch.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})


def test_random_gestures_leave_a_map_that_works(open_page: OpenPage, bundle: Bundle) -> None:
    shown = MapPage(open_page("map?map=decoder"), bundle).ready()
    surface = shown.page.locator(".map .surface").element_handle()
    hand = Hand(shown, SEED)
    for sequence in range(SEQUENCES):
        for _ in range(6):
            hand.act()
        hand.let_go()
        assert "/map" in shown.page.url, sequence
        assert surface.evaluate("surface => surface.isConnected"), sequence
    # The page is as usable as at the start; `open_page` fails the test for an error in the console.
    shown.rest()
    shown.page.mouse.move(*shown.pixel((0.5, 0.5)))
    shown.keys("Escape", "Escape", "Escape", "m", "0")
    shown.rest()
    assert "mode" not in shown.link and "viewport" not in shown.link
    assert "select" not in shown.link and "latent" not in shown.link
    shown.drag((0.5, 0.5), (0.4, 0.45))
    shown.pause()
    moved = shown.viewport()
    shown.page.mouse.move(*shown.pixel((0.8, 0.8)))
    shown.pause()
    assert shown.viewport() == moved and "viewport" in shown.link
    shown.ready()
