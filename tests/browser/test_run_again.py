"""The timers of pages in a browser whose clock the test moves."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import ROOT

pytestmark = pytest.mark.browser
SCRIPT = ROOT / "pages" / "widgets" / "run_again.js"
PAGE = '<div data-testid="stApp" data-test-script-state="notRunning"></div>'
START = """async ([source, data]) => {
  window.asked = 0;
  window.sent = [];
  window.answer = "1";
  window.fetch = async () => {
    window.asked += 1;
    const text = window.answer;
    if (text === "none") throw new Error("no answer");
    return { ok: text !== "failed", text: async () => text };
  };
  const file = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: runAgain } = await import(file);
  const setTriggerValue = (name, value) => window.sent.push(`${name} ${value}`);
  window.end = runAgain({ data, setTriggerValue });
}"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.set_content(PAGE)
    yield page
    page.close()


def start(page: Page, seconds: float = 4, address: str = "http://x/notes", after: str = "") -> None:
    data = {"seconds": seconds, "address": address, "drawn": "1", "after": after}
    page.evaluate(START, [SCRIPT.read_text("utf-8"), data])


def after(page: Page, seconds: float) -> Any:
    """How often the address was asked, and what was sent, when so much time has passed."""
    page.clock.run_for(round(seconds * 1000))
    return page.evaluate("[window.asked, window.sent]")


def test_it_sends_only_an_answer_that_is_another_one(page: Page) -> None:
    start(page)
    assert after(page, 3.9) == [0, []]
    assert after(page, 8.4) == [3, []]
    page.evaluate("window.answer = '2'")
    assert after(page, 4) == [4, ["due 2"]]
    assert after(page, 8) == [6, ["due 2"]]
    page.evaluate("window.end()")
    page.evaluate("window.answer = '3'")
    assert after(page, 8) == [6, ["due 2"]]


@pytest.mark.parametrize("answer", ["none", "failed"])
def test_a_server_that_fails_is_asked_more_and_more_seldom(page: Page, answer: str) -> None:
    start(page)
    page.evaluate(f"window.answer = '{answer}'")
    asked, sent = after(page, 64)
    assert (asked, sent) == (4, [])  # after 4, 12, 28 and 60 seconds
    page.evaluate("window.answer = '2'")
    assert after(page, 59) == [5, ["due 2"]]
    assert after(page, 8) == [7, ["due 2"]]


def test_a_hidden_tab_asks_nothing_until_it_is_shown(page: Page) -> None:
    start(page)
    show = "Object.defineProperty(document, 'hidden', {{ value: {}, configurable: true }})"
    page.evaluate(show.format("true"))
    assert after(page, 30) == [0, []]
    page.evaluate("window.answer = '2'")
    page.evaluate(show.format("false"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert after(page, 0.1) == [1, ["due 2"]]


def test_nothing_is_sent_while_the_page_runs_or_is_about_to_run(page: Page) -> None:
    start(page, 0.5, "")
    state = "document.querySelector('[data-testid=stApp]').dataset.testScriptState = '{}'"
    page.evaluate(state.format("running"))
    assert after(page, 3)[1] == []
    page.evaluate(state.format("notRunning"))
    page.keyboard.press("Enter")
    assert after(page, 0.9)[1] == []
    assert len(after(page, 0.5)[1]) == 1
    page.mouse.click(5, 5)
    assert len(after(page, 0.9)[1]) == 1
    assert len(after(page, 2.1)[1]) >= 4


def test_after_a_click_on_certain_elements_it_sends_once(page: Page) -> None:
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button><b>Save</b></button>')")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<i>other</i>')")
    start(page, 2, "", "button")
    assert after(page, 9)[1] == []
    page.locator("i").dispatch_event("click")
    assert after(page, 9)[1] == []
    page.locator("b").dispatch_event("click")
    assert after(page, 1.9)[1] == []
    assert len(after(page, 0.2)[1]) == 1
    assert len(after(page, 9)[1]) == 1
    page.locator("b").dispatch_event("click")
    assert len(after(page, 2.1)[1]) == 2
    page.evaluate("window.end()")
    page.locator("b").dispatch_event("click")
    assert len(after(page, 9)[1]) == 2
