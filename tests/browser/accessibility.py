"""What axe-core finds on a page in elements that Clearwater draws."""

import re
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

IMPACTS = ("serious", "critical")
OF_LIBRARIES = (
    # Vega's marks of an interval that a reader draws; empty until one is drawn.
    ("svg-img-alt", r"^\.\w+_brush(_bg)? <g "),
    # Streamlit's popovers and tables of Markdown that are wider or higher than their place.
    ("scrollable-region-focusable", r'<div data-testid="stPopoverBody"'),
    ("scrollable-region-focusable", r" <table>$"),
)
"""Rule, and selector with the beginning of the element, of what Streamlit and Vega draw."""
_AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
_RUN = """() => axe.run(document, {
  resultTypes: ["violations"],
  runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] },
})"""


def violations(page: Page) -> list[str]:
    """Rule, element and reason of each serious or critical violation."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(_AXE)
    found: list[dict[str, Any]] = page.evaluate(_RUN)["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary'][:200]})"
        for rule in found
        if rule["impact"] in IMPACTS
        for node in rule["nodes"]
        if not _is_of_library(rule["id"], f"{_selector(node['target'])} {node['html']}")
    ]


def _selector(target: list[Any]) -> str:
    """The selector of an element; inside a shadow root, the last part."""
    last = target[-1]
    return str(last[-1] if isinstance(last, list) else last)


def _is_of_library(rule: str, element: str) -> bool:
    return any(rule == known and re.search(place, element) for known, place in OF_LIBRARIES)
