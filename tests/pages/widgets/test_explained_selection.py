"""The explanation of a selection below its bar."""

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from pages.widgets import explained_selection as module
from tests.pages.conftest import Open, charts, click, texts

TITLES = (
    "**Fires on, more than the rest**",
    "**Words in the labels of the selection**",
    "**Fires together with, outside of the selection**",
    "**Clusters that overlap the selection most**",
)


@pytest.mark.parametrize("page", ["overview", "latent"])
def test_the_button_explains_the_selection_and_hides_it_again(open_page: Open, page: str) -> None:
    app = open_page(page, select="latent=0,1,2,3,4,5,6,7", latent=3)
    before = len(charts(app))
    assert not any(title in texts(app) for title in TITLES)
    click(app, "Explain this selection")
    assert not app.exception and app.query_params["explain"] == "shown"
    assert all(title in texts(app) for title in TITLES)
    assert "8 selected and 186 other active latents, 60 documents" in texts(app)
    assert "Selected: 8 live." in texts(app)
    shown = {metric.label: metric.value for metric in app.metric}
    lift, random = re.findall(r"[\d.]+", shown["Member lift"])
    # Words of one topic against random latents.
    assert float(lift) > 2 * float(random) and "random" in shown["Without their own words"]
    # The selection is a whole topic but for two near-duplicates, which fire together with it.
    assert len(charts(app)) == before + 4
    click(app, "Hide the explanation")
    assert "explain" not in app.query_params and len(charts(app)) == before


def test_a_link_shows_the_explanation(open_page: Open) -> None:
    app = open_page("overview", select="latent=0,1,2", explain="shown")
    assert all(title in texts(app) for title in TITLES)


@pytest.mark.parametrize("select", ["", '"no such token anywhere"'])
def test_everything_and_nothing_are_not_explained(open_page: Open, select: str) -> None:
    app = open_page("overview", select=select)
    button = next(b for b in app.button if b.label == "Explain this selection")
    assert button.disabled
    shown = open_page("overview", select=select, explain="shown")
    assert "no selection to explain" in shown.info[0].value
    click(shown, "Hide the explanation")
    assert not shown.info


def test_a_selection_of_dead_latents_has_nothing_in_common(open_page: Open) -> None:
    app = open_page("overview", select="flag=dead", explain="shown")
    assert not app.exception and not app.error
    assert "0 selected and 194 other active latents" in texts(app)
    assert "Selected: 6 dead." in texts(app)


def test_each_number_stands_beside_that_of_random_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, tuple[str, str]] = {}
    captions: list[str] = []
    monkeypatch.setattr(module, "metrics", written.update)
    monkeypatch.setattr(st, "caption", captions.append)
    lift = SimpleNamespace(lift=6.5, share=0.625, other_words=2.5, members=8)
    rest = SimpleNamespace(lift=1.5, share=0.125, other_words=0.75, members=8)
    profile: Any = SimpleNamespace(
        lift=lift, lift_rest=rest, density=0.01, density_rest=math.nan, flags={"live": 8, "dead": 1}
    )
    module._numbers(profile)
    values = {name: value.replace("\u00a0", " ") for name, (value, _) in written.items()}
    assert values == {
        "Median density": "1.0e-2 (1 %)",
        "Member lift": "6.5 (random: 1.5)",
        "Lift of 5 or more": "62.5 % (random: 12.5 %)",
        "Without their own words": "2.5 (random: 0.75)",
    }
    assert "Of the rest: –." in written["Median density"][1]
    assert "of 8 latents. Random" in written["Member lift"][1]
    assert captions == ["Selected: 8 live, 1 dead."]
