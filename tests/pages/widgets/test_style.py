"""The style sheet reaches every page and names elements that Streamlit has."""

import re
from pathlib import Path

import pytest
import streamlit as st

from pages.widgets import style


def test_the_style_sheet_is_added_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Path] = []
    monkeypatch.setattr(st, "html", added.append)
    style.apply()
    (sheet,) = added
    assert sheet.name == "style.css" and sheet.is_file()


def test_every_element_that_it_styles_is_one_of_streamlit() -> None:
    names = set(re.findall(r'data-testid="(\w+)"', style._SHEET.read_text("utf-8")))
    scripts = (Path(st.__file__).parent / "static").rglob("*.js")
    unknown = set(names)
    for script in scripts:
        text = script.read_text("utf-8")
        unknown -= {name for name in unknown if name in text}
    assert len(names) > 3 and unknown == set()


def test_what_changes_styles_few_elements_anew() -> None:
    """What `:has()` may concern is styled after every change; a class names few elements."""
    text = re.sub(r"/\*.*?\*/", "", style._SHEET.read_text("utf-8"), flags=re.DOTALL)
    selectors = [
        one.strip() for head in re.findall(r"([^{};]+){", text) for one in _split(head, ",")
    ]
    dear = []
    for selector in selectors:
        *before, last = _split(selector, " >+~\n")
        if any(":has(" in part for part in before) and "." not in re.sub(r"\(.*\)", "", last):
            dear.append(selector)
    assert any(":has(" in selector for selector in selectors)
    # Of the rooms of charts, the element after one: browsers look at one element for each.
    assert [selector for selector in dear if not selector.endswith("+ *")] == []


def _split(text: str, separators: str) -> list[str]:
    """The parts of a selector between characters that stand outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in separators:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]
