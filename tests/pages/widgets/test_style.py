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
