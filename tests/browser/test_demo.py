"""The dashboard in a real browser."""

import io
import re
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import read_pair
from charts.pairs import ranked_pairs
from tests.browser.conftest import OpenPage, selected, settle, until

pytestmark = pytest.mark.browser


def figure(page: Page, title: str) -> Locator:
    """The card of the figure with this title."""
    return page.locator("[data-testid=stVegaLiteChart]").and_(page.get_by_label(title)).first


def test_a_link_that_is_the_first_request_to_a_server_opens_its_page(
    open_page: OpenPage, bundle: Bundle
) -> None:
    latent = int(np.argmax(bundle.latents["active_tokens"].to_numpy()))
    page = open_page(f"latent?latent={latent}")
    for name in ("Overview", "Map", "Clusters", "Co-occurrence", "Pair", "Latent"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(rf" latent {latent}$"))).to_be_visible()


def test_a_click_opens_each_part_of_the_cooccurrence_page(open_page: OpenPage) -> None:
    page = open_page("cooccurrence")
    for part, shown in (
        ("Relations", "Relations between latents: joint tokens against chance"),
        ("Components", "components, Clarke et al. 2024"),
        ("Neighbourhood", "The neighbourhood of latent"),
        ("Pairs", "Which latents fire together"),
    ):
        page.get_by_role("radio", name=part).click()
        settle(page)
        assert page.locator("[data-testid=stException]").count() == 0
        expect(
            page.locator(f"[data-testid=stVegaLiteChart][aria-label*='{shown}']").first
        ).to_be_visible()


def test_the_selection_is_kept_from_page_to_page(open_page: OpenPage) -> None:
    page = open_page("map?select=density%3E0.001")
    count = selected(page)
    for name in ("Overview", "Co-occurrence", "Latent", "Map"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        settle(page)
        assert selected(page) == count
        assert "select=density%3E0.001" in page.url
    page.get_by_role("button", name="Clear", exact=True).click()
    until(lambda: selected(page), lambda n: n != count)
    assert "select=" not in page.url


def test_a_bar_of_the_ranking_opens_the_pair_and_swap_exchanges_it(
    open_page: OpenPage, bundle: Bundle
) -> None:
    page = open_page("cooccurrence")
    rows = ranked_pairs(bundle, np.arange(bundle.latents.num_rows), "phi", within=True).rows
    a, b = (rows[end][0].as_py() for end in ("latent", "partner"))
    ranking = figure(page, "Pairs that fire together, by phi")
    ranking.locator("[class*=pairs_marks] path").first.click()
    page.wait_for_url(re.compile(rf"/pair\?.*latent={a}\b.*partner={b}\b"))
    settle(page)
    expect(page.get_by_role("heading", name="Pair", exact=True)).to_be_visible()
    expect(figure(page, f"How often latents {a} and {b} fire together")).to_be_visible()
    expect(figure(page, f"Where {a} and {b} both fire")).to_be_visible()
    expect(page.get_by_text("Do they share documents?")).to_be_visible()
    counted = f"{read_pair(bundle, a, b).tables['token'].n11:,}"
    cells = figure(page, f"How often latents {a} and {b} fire together")
    expect(cells.get_by_text(counted, exact=True).first).to_be_visible()

    page.get_by_role("button", name="Swap").click()
    page.wait_for_url(re.compile(rf"/pair\?.*latent={b}\b.*partner={a}\b"))
    settle(page)
    expect(figure(page, f"How often latents {b} and {a} fire together")).to_be_visible()


def test_a_click_on_a_cluster_shows_and_selects_it(open_page: OpenPage, bundle: Bundle) -> None:
    page = open_page("clusters")
    chart = figure(page, "Clusters from coarse to fine")
    first = bundle.manifest.first_level()
    assert first is not None
    widest = bundle.clusters.filter(pc.field("space") == first.space).sort_by(
        [("level", "descending"), ("size", "descending")]
    )
    cluster, size = widest["cluster"][0].as_py(), widest["size"][0].as_py()
    drawn = chart.locator(f'path[aria-label*="id: {cluster};"]').first
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 3, box["y"] + box["height"] - 5)  # its name is in the middle
    expect(page.get_by_role("heading", name=re.compile(rf"^Cluster {cluster}\b"))).to_be_visible()
    settle(page)
    assert selected(page) == size
    assert f"cluster={cluster}" in page.url
    expect(figure(page, "Evidence for the label")).to_be_visible()
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_role("heading", name="Map", exact=True)).to_be_visible()
    settle(page)
    assert selected(page) == size


def test_figures_are_exported_as_png_and_parquet_with_their_caption(
    open_page: OpenPage, bundle: Bundle
) -> None:
    page = open_page("?select=density%3E0.001")
    card = page.locator("[class*=st-key-card-density-histogram]")
    card.get_by_role("button", name="Export").click()
    picture = _download(page, "Picture, PNG")
    image = Image.open(io.BytesIO(picture))
    image.load()
    assert image.width > 600 and image.height > 200
    assert len(image.convert("RGB").getcolors(2**24) or []) > 20
    assert bundle.manifest.bundle_id in str(image.info.get("Description"))

    rows = pq.read_table(io.BytesIO(_download(page, "Rows, Parquet")))
    caption = (rows.schema.metadata or {})[b"clearwater.caption"].decode()
    assert f"N = {bundle.manifest.tokens:,}" in caption
    dense = (bundle.latents["density"].to_numpy() > 0.001).sum()
    assert sum(rows["selected"].to_pylist()) == dense
    assert sum(rows["latents"].to_pylist()) == bundle.latents.num_rows


def _download(page: Page, name: str) -> bytes:
    with page.expect_download() as started:
        page.get_by_role("button", name=name).click()
    return Path(started.value.path()).read_bytes()
