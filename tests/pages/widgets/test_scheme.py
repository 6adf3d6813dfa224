"""Charts are shown in the scheme of the reader's browser."""

import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st

from charts.core import theme
from pages.widgets import scheme
from tests.conftest import ROOT
from tests.pages.conftest import Open, charts


def test_charts_follow_the_browser(open_page: Open) -> None:
    for name, paper in (("light", theme.PAPER), ("dark", theme.DARK_PAPER)):
        app = open_page("overview")
        app.context = {"theme": name}
        drawn = [json.loads(vars(chart)["proto"].spec) for chart in charts(app.run())]
        assert drawn and {spec["config"]["background"] for spec in drawn} == {paper}


@pytest.mark.parametrize("shown", ["light", "dark"])
def test_the_watch_knows_what_is_drawn(shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted: list[dict[str, Any]] = []

    def component(name: str, js: str) -> Callable[..., None]:
        assert "setTriggerValue" in js
        return lambda **options: mounted.append(options)

    monkeypatch.setattr(scheme, "shown_scheme", lambda: shown)
    monkeypatch.setattr(st.components.v2, "component", component)
    scheme.follow_scheme()
    assert mounted[0]["data"] == {"drawn": shown} and "on_scheme_change" in mounted[0]


def test_pages_and_charts_have_the_same_colours() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for name, shown in (("light", lambda c: c), ("dark", lambda c: theme.DARK.get(c, c))):
        assert settings[name]["backgroundColor"] == shown(theme.PAPER)
        assert settings[name]["textColor"] == shown(theme.INK)
        assert settings[name]["primaryColor"] == shown(theme.ACCENT)
        assert settings[name]["linkColor"] == shown(theme.ACCENT)
    assert "base" not in settings
