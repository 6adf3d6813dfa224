"""Text of a corpus that would do something if it were not shown as text, on every page.

Labels, top tokens, explanations, titles, sources and tokens of a small bundle are hostile.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page

from charts.core.text import visible
from tests.browser.conftest import FIELD, new_profile, serving, settle
from tests.charts import conftest as world

pytestmark = pytest.mark.browser

TEXTS = [
    "<script>alert(1)</script>", "**bold** [a](https://evil.test/a)", "=cmd()", "\u202egnp.exe",
    "a\0b", "<img src=https://evil.test/b onerror=alert(2)>", "\n", " the", "日本語", "مرحبا",
    "x" * 10_000, "https://evil.test/c?d=1", "$x^2$", "</script><!--", ":material/home: :red[x]",
    "<svg onload=alert(3)>`code`", "www.evil.test", "e" + "\u0301" * 5, '"\'&lt;', "😀",
]  # fmt: skip
"""Every fifth latent has one of those at 0, 5, 10 and 15 as its label; all are top tokens."""
PAGES = (
    "",
    "map?map=decoder&latent=20",
    "clusters?cluster=0",
    "cooccurrence",
    "cooccurrence?tab=neighbourhood&latent=20",
    "pair?latent=20&partner=28",
    "latent?latent=20",
)
REPORTED = "latent"
"""The page whose report is opened."""
_ELEMENTS = """() => {
  const roots = [document];
  for (const root of roots)
    for (const one of root.querySelectorAll("*")) if (one.shadowRoot) roots.push(one.shadowRoot);
  const every = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
  return {
    addresses: every("[href], [src]").map((one) => one.href?.baseVal ?? one.href ?? one.src),
    handlers: every("[onerror], [onload], [onclick]").map((one) => one.outerHTML.slice(0, 200)),
    formulas: every(".katex").length,
    bold: every("strong").map((one) => one.textContent),
    text: every("body *, .map *").map((one) =>
      [...one.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("")).join("\\n"),
  };
}"""


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The address of a dashboard of the hostile bundle."""
    usual = list(world.HOSTILE)
    assert len(TEXTS) == len(usual)
    world.HOSTILE[:] = TEXTS
    try:
        bundle = world.make_bundle(tmp_path_factory.mktemp("hostile"))
    finally:
        world.HOSTILE[:] = usual
    with serving(bundle.path, tmp_path_factory.mktemp("hostile-server")) as address:
        yield address


def check(page: Page) -> str:
    """The text of a page, in which nothing of a corpus has become an element."""
    seen = page.evaluate(_ELEMENTS)
    assert [one for one in seen["addresses"] if "evil.test" in str(one)] == []
    assert seen["handlers"] == [] and seen["formulas"] == 0
    assert "bold" not in seen["bold"]
    text = str(seen["text"])
    assert "\u202e" not in text and "\0" not in text
    assert re.search("x{500}", text) is None, "a long text is cut"
    return text


def test_hostile_text_is_shown_as_itself_everywhere(
    hostile_server: str, chromium: Browser, tmp_path: Path
) -> None:
    context = new_profile(chromium)
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    dialogs: list[str] = []
    asked: list[str] = []
    errors: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    context.on("dialog", refuse)
    context.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    shown = ""
    for path in PAGES:
        page.goto(f"{hostile_server}/{path}")
        settle(page)
        shown += check(page)
        if path.startswith(REPORTED):
            shown += check(report(page, tmp_path))
    page.goto(f"{hostile_server}/")
    settle(page)
    page.locator(FIELD).click()
    page.keyboard.insert_text("bold")  # at once: a slow page searches for no part of it
    page.get_by_role("option").first.wait_for()
    shown += check(page)
    assert dialogs == [] and errors == []
    others = {urlsplit(url).netloc for url in asked} - {urlsplit(hostile_server).netloc, ""}
    assert others == set()
    plain = shown.replace("\u2060", "").replace("\u00a0", " ")
    for text in TEXTS:
        expected = visible(text).strip()[:18]
        assert expected in plain, f"{expected!r} is on no page"
    context.close()


def report(page: Page, folder: Path) -> Page:
    """The report of a page, opened from a file."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save this page as a report").click()
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    opened = page.context.new_page()
    opened.goto(file.as_uri())
    return opened
