"""The parts of the Co-occurrence page."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.clusters.jaccard_components import clarke_2024
from pages.widgets.cooccurrence_parts import PARTS
from tests.pages.conftest import Open, act_in_chart, charts, texts


@pytest.mark.parametrize("tab", PARTS)
def test_every_part_of_the_cooccurrence_page_opens_by_its_link(open_page: Open, tab: str) -> None:
    app = open_page("cooccurrence", tab=tab, latent=11)
    assert not app.exception and not app.error
    assert len(charts(app)) == (2 if tab == "pairs" else 1)
    assert app.query_params.get("tab", "pairs") == tab


def test_a_latent_that_the_bundle_lacks_is_no_subject(open_page: Open) -> None:
    app = open_page("cooccurrence", subject="latent", latent=99_999)
    assert not app.error
    assert app.query_params.get("subject", "selection") == "selection"


def test_the_components_of_clarke_are_a_part(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("cooccurrence", tab="components")
    assert not app.exception
    assert "Clarke et al" in texts(app)
    before = app.query_params.get("select", "")
    sizes = clarke_sizes(planted_bundle)
    act_in_chart(app, f"component-sizes-{len(sizes)}", picked_component=[{"component": 0}])
    assert before == "" and app.query_params["select"].startswith("latent=")
    assert f"**{sizes[0]}** of 200 latents" in texts(app)


def clarke_sizes(bundle: Bundle) -> list[int]:
    active = bundle.latents["active_tokens"].to_numpy()
    dense = np.array(bundle.latents["flag"].to_pylist()) == "dense"
    return list(clarke_2024(bundle.partners, active, eligible=~dense).sizes)


def test_links_of_earlier_versions_open_the_components_in_place_of_communities(
    open_page: Open,
) -> None:
    app = open_page("cooccurrence", tab="communities", community_level=-1, select="community=3")
    assert app.query_params["tab"] == "components"
    assert "community_level" not in app.query_params
    assert "is of an earlier version" in " ".join(e.value for e in app.error)


def test_pairs_with_flagged_latents_are_hidden_by_default(open_page: Open) -> None:
    def listed(app: AppTest) -> int:
        heading = next(m.value for m in app.markdown if m.value.startswith("**Relations**"))
        return int(heading.split(" · ")[1].split(",")[0])

    hidden = open_page("cooccurrence", tab="relations")
    shown = open_page("cooccurrence", tab="relations", flagged="shown")
    assert hidden.selectbox(key="pick flagged").value == "hidden"
    assert listed(shown) >= listed(hidden)
    assert ("hidden ·" in texts(hidden)) == (listed(shown) > listed(hidden))
    assert "hidden ·" not in texts(shown)


def test_a_switch_shows_the_pairs_of_chance(open_page: Open) -> None:
    title = "What chance looks like: the strongest pairs of random data"
    assert title not in texts(open_page("cooccurrence"))
    assert title in texts(open_page("cooccurrence", chance="shown"))
