"""The head of a page: the title, the names of the bundle, and the mask of the selection."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle
from pages.widgets.page import Page, _names, basis
from pages.widgets.state import ViewState
from tests.pages.conftest import Open, texts


def test_a_selection_of_everything_makes_no_latent_stand_out(planted_bundle: Bundle) -> None:
    view = ViewState(select="density<0.5")
    mask = np.ones(200, dtype=bool)
    everything = Page(planted_bundle, view, mask)
    assert everything.selected is None and everything.selection == ""
    mask = mask.copy()
    mask[3] = False
    part = Page(planted_bundle, view, mask)
    assert part.selected is mask and part.selection == "density<0.5"


@pytest.mark.parametrize(
    ("name", "hook", "shown"),
    [
        ("mine", "blocks.1.hook_resid_post", "planted · mine · blocks.1.hook"),
        ("mine-blocks.1.hook_resid_post", "blocks.1.hook_resid_post", "planted · mine-blocks.1"),
        ("mine", None, "planted · mine · unknown hook point"),
    ],
)
def test_the_hook_point_is_named_once(
    name: str, hook: str | None, shown: str, planted_bundle: Bundle
) -> None:
    sae = planted_bundle.manifest.sae.model_copy(update={"name": name, "hook_point": hook})
    manifest = planted_bundle.manifest.model_copy(update={"sae": sae})
    text = _names(replace(planted_bundle, manifest=manifest)).replace("\\", "")
    assert text.startswith(shown)
    assert text.count("resid_post") == (0 if hook is None else 1)


def test_the_head_names_the_page_and_asks_its_question(open_page: Open) -> None:
    app = open_page("pair")
    assert app.title[0].value == "Pair"
    assert "Do these two latents fire together, on which text, and is it chance?" in texts(app)


def test_the_data_of_all_figures_is_stated_once(open_page: Open, planted_bundle: Bundle) -> None:
    shown = texts(open_page("latent"))
    facts = basis(planted_bundle.manifest)
    assert facts[0] == "N = 19,980 kept tokens of 60 documents."
    assert facts[1] == "A latent is active when activation > 0."
    for fact in facts:
        assert shown.count(f"- {fact}") == 1
    assert planted_bundle.manifest.bundle_id in facts[-1]
