"""What a reader of a link to a cluster sees without scrolling."""

import re

import pytest
from playwright.sync_api import Locator, expect

from analysis.bundle import Bundle
from charts.cluster_contexts import cluster_contexts
from tests.browser.conftest import OpenPage
from tests.browser.test_demo import figure

pytestmark = pytest.mark.browser


def test_a_link_to_a_cluster_shows_it_with_its_contexts_at_once(
    open_page: OpenPage, bundle: Bundle
) -> None:
    last = bundle.clusters.filter(bundle.clusters["level"].to_numpy() == 0)["cluster"][-1].as_py()
    page = open_page(f"clusters?cluster={last}", 1024, 768)
    head = page.get_by_role("heading", name=re.compile(rf"^Cluster {last}\b"))
    contexts = figure(page, "Strongest contexts of the members")
    line = contexts.get_by_text("100 %", exact=True).first
    first = cluster_contexts(bundle, last).rows["latent"][0].as_py()
    member = contexts.get_by_text(re.compile(rf"^{first}\b")).first
    for width, height in ((1024, 768), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        for part in (head, head.locator(".stMarkdownBadge"), line, member):
            expect(part).to_be_in_viewport(ratio=1)
        assert _top(head) < _top(page.get_by_text("Clusters of this level").first)


def _top(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["y"]
