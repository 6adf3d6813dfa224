"""The parts of the Co-occurrence page."""

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from analysis.clusters.communities import clarke_2024
from pages.widgets.cooccurrence_parts import PARTS, strongest_latents
from tests.pages.conftest import Open, act_in_chart, charts, texts


@pytest.mark.parametrize("tab", PARTS)
def test_every_part_of_the_cooccurrence_page_opens_by_its_link(open_page: Open, tab: str) -> None:
    app = open_page("cooccurrence", tab=tab, latent=11)
    assert not app.exception and not app.error
    assert len(charts(app)) == (2 if tab == "pairs" else 1)
    assert app.query_params.get("tab", "pairs") == tab


def test_the_components_of_clarke_are_a_choice_beside_the_levels(
    open_page: Open, planted_bundle: Bundle
) -> None:
    app = open_page("cooccurrence", tab="communities", community_level=-1)
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


def test_a_click_on_a_community_selects_it(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("cooccurrence", tab="communities")
    count = planted_bundle.manifest.communities[0].communities
    act_in_chart(app, f"community-sizes-{count}", picked_community=[{"community": 1}])
    assert app.query_params["select"] == "community=1"
    size = sum(one == 1 for one in planted_bundle.communities["community"].to_pylist())
    assert f"**{size}** of 200 latents" in texts(app)


def test_links_of_earlier_versions_open_the_same_part(open_page: Open) -> None:
    app = open_page("cooccurrence", tab="communities", community_level=-1)
    assert app.query_params["communities"] == "components"
    assert "community_level" not in app.query_params


def test_pairs_with_flagged_latents_are_hidden_until_they_are_asked_for(open_page: Open) -> None:
    def listed(app: AppTest) -> int:
        heading = next(m.value for m in app.markdown if m.value.startswith("**Relations**"))
        return int(heading.split(" · ")[1].split(",")[0])

    hidden = open_page("cooccurrence", tab="relations")
    shown = open_page("cooccurrence", tab="relations", flagged="shown")
    assert hidden.selectbox(key="pick flagged").value == "hidden"
    assert listed(shown) >= listed(hidden)
    assert ("hidden ·" in texts(hidden)) == (listed(shown) > listed(hidden))
    assert "hidden ·" not in texts(shown)


def test_the_heatmap_draws_the_latents_of_the_strongest_pairs() -> None:
    rows = pa.table({"latent": [9, 3, 9], "partner": [4, 9, 1]})
    assert strongest_latents(rows, np.arange(20)).tolist() == [9, 4, 3, 1]
    many = pa.table({"latent": np.arange(100), "partner": np.arange(100, 200)})
    assert strongest_latents(many, np.arange(200)).tolist() == [
        end for i in range(20) for end in (i, i + 100)
    ]
    assert strongest_latents(rows.slice(0, 0), np.array([7, 8])).tolist() == [7]
