"""Exported files in the browser: they equal the screen, and a dropped one opens its view."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from analysis.bundle import Bundle
from charts.core.provenance import read_provenance
from charts.reproduction import reproduce
from tests.browser.conftest import PATIENCE, OpenPage, opened_menu, settle
from tests.browser.map_page import MapPage

pytestmark = pytest.mark.browser

VIEWS = (
    "",
    "clusters",
    "cooccurrence",
    "cooccurrence?tab=relations",
    "cooccurrence?tab=neighbourhood&nodes=selection&select=latent<300",
    "pair?latent=400&partner=615",
    "latent?latent=400",
)


def saved(page: Page, place: Any, label: str, folder: Path) -> Path:
    """A file of the export menu at a place of the page."""
    with (
        opened_menu(page, place.get_by_role("button", name="Export"), label) as item,
        page.expect_download(timeout=PATIENCE) as waiting,
    ):
        item.click()
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    return file


@pytest.mark.parametrize("view", VIEWS)
def test_every_figure_and_table_of_a_page_is_saved_and_made_again(
    open_page: OpenPage, served_bundle: Path, tmp_path: Path, view: str
) -> None:
    page = open_page(view)
    buttons = page.get_by_role("button", name="Export", exact=True)
    names = set()
    for i in range(buttons.count()):
        buttons.nth(i).scroll_into_view_if_needed()
        with (
            opened_menu(page, buttons.nth(i), "Rows, Parquet") as item,
            page.expect_download(timeout=PATIENCE) as waiting,
        ):
            item.click()
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        names.add(file.name)
        made = reproduce(file, served_bundle)
        assert made.difference == "", made.sentence
    assert len(names) == buttons.count() > 0, "no two files of a page have the same name"


def test_a_saved_csv_is_read_as_it_is_and_a_dropped_file_opens_its_view(
    open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page("latent?latent=400&contexts=random")
    card = page.locator("[class*='st-key-card-latent-n-contexts']")
    files = [
        saved(page, card, label, tmp_path)
        for label in ("Rows, Parquet", "Picture, PNG", "Picture, SVG", "Types of the CSV, JSON")
    ]
    assert all(file.name.startswith("latent-400-contexts-random_") for file in files)
    rows = pd.read_csv(saved(page, card, "Rows, CSV", tmp_path), keep_default_na=False)
    assert rows["token"].tolist() == pq.read_table(files[0])["token"].to_pylist()

    page = open_page("")
    asked = drop_all(page, files)
    page.wait_for_url(re.compile(r"/latent\?.*latent=400"), timeout=PATIENCE)
    assert "contexts=random" in page.url
    assert len(asked) == len(files) and len(set(asked)) == 1
    settle(page)
    expect(page.locator("[class*='st-key-card-latent-n-contexts-random']")).to_be_visible()
    drop(page, Path(__file__))
    page.get_by_text("has no view to open. Drop a Parquet").wait_for()
    other = tmp_path / "other.json"  # its view is on no page of figures
    other.write_text('{"clearwater": {"view": "operation?a=1"}}')
    drop(page, other)
    page.get_by_text("other.json has no view to open").wait_for()


def test_files_that_wait_show_their_places_and_can_be_cancelled(
    open_page: OpenPage, server: str, tmp_path: Path
) -> None:
    page = open_page("latent?latent=400")
    card = page.locator("[class*='st-key-card-latent-n-contexts']")
    saved(page, card, "Picture, PNG", tmp_path)
    job_process(server).suspend()  # what it makes next takes for ever
    waiting = page.locator(".st-key-waiting-jobs")
    with opened_menu(page, card.get_by_role("button", name="Export"), "Picture, PNG") as item:
        item.click()
        waiting.get_by_text("is being made").wait_for()
        settle(page)  # a menu that is drawn again loses a click
        page.get_by_role("button", name="Picture, SVG", exact=True).click()
        waiting.get_by_text("place 1 in the queue").wait_for()
        waiting.get_by_role("button", name="Cancel").nth(1).click()
        waiting.get_by_text("place 1 in the queue").wait_for(state="detached")
        expect(waiting.get_by_role("button", name="Cancel")).to_have_count(1)
        waiting.get_by_role("button", name="Cancel").click()
        waiting.wait_for(state="detached")
        settle(page)
    saved(page, card, "Picture, PNG", tmp_path)


def job_process(server: str) -> psutil.Process:
    """The process that makes pictures for a server with one such process."""
    (own,) = (
        one
        for one in psutil.process_iter(["cmdline"])
        if f"--server.port={urlsplit(server).port}" in (one.info["cmdline"] or ())
    )
    (made,) = (one for one in own.children() if "job_loop" in " ".join(one.cmdline()))
    return made


def drop(page: Page, file: Path) -> None:
    """Drop a file on the page."""
    content = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name));
            document.body.dispatchEvent(
                new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [file.name, content],
    )


def drop_all(page: Page, files: Sequence[Path]) -> list[str]:
    """Drop files on the page: the addresses that it asks for, of which only the last is opened."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        is_address = route.request.is_navigation_request()
        if is_address:
            asked.append(route.request.url)
        if is_address and len(asked) < len(files):
            route.fulfill(status=204)  # the page stays open
        else:
            route.continue_()

    page.route(re.compile(r"/(latent|map)\?"), answer)
    for file in files:
        with page.expect_request(lambda request: request.is_navigation_request()):
            drop(page, file)
    return asked


@pytest.mark.parametrize(
    "view",
    [
        "map?map=decoder&select=density>0.01&colour=association&latent=400&measure=jaccard",
        "map?map=decoder&colour=own_text&own_text=20:1.00,33:0.25",
    ],
)
def test_the_pictures_of_the_map_say_where_they_come_from(
    open_page: OpenPage, bundle: Bundle, served_bundle: Path, tmp_path: Path, view: str
) -> None:
    shown = MapPage(open_page(view), bundle).ready()
    shown.keys("+")
    shown.rest()
    files = []
    for kind in ("png-1", "svg-1", "html-1", "parquet"):
        shown.keys("e")
        with shown.page.expect_download() as waiting:
            shown.page.locator(f".map .export-menu [data-kind='{kind}']").click()
        files.append(tmp_path / f"map.{kind.partition('-')[0]}")
        waiting.value.save_as(files[-1])
    for file in files:
        made = reproduce(file, served_bundle)
        assert made.difference == "", made.sentence
        assert made.figure.call is not None
        assert made.figure.call.arguments["colour"] in view
    assert "viewport=" in read_provenance(files[0]).view
    page = shown.page
    shown.keys("0")
    shown.rest()
    assert "viewport" not in shown.link
    asked = drop_all(page, files[:3])
    page.wait_for_url(re.compile(r"/map\?.*viewport="), timeout=PATIENCE)
    assert len(asked) == 3 and len(set(asked)) == 1
    shown.ready()


STANDALONE = """
async (label) => {
  const { standalonePage } = await load("standalone.js");
  const { Camera } = await load("camera.js");
  const camera = new Camera([0, 1, 0, 1]);
  const [steps, codes] = [Uint16Array.from([9, 60000]), Uint8Array.from([1, 1])];
  const entries = [{ code: 1, last: 1, label, total: 2 }];
  const palette = { light: ["#aaaaaa", "#123456"], dark: ["#aaaaaa", "#123456"] };
  const words = { name: "cluster", title: "Cluster", meaning: "" };
  return standalonePage({
    x: steps, y: steps, frame: camera.frame, camera, counts: [2], selected: 2, theme: "light",
    colour: { ...words, scale: null, bytes: 1, entries, palette, codes },
    states: new Uint8Array(2), palette: new Uint8Array(8), weights: null, spread: 1,
    title: label, lines: [label], provenance: "{}",
    parts: { shapes: [], focus: null, neighbourhood: null, names: null },
  });
}
"""


def test_a_label_stays_text_in_an_exported_page(modules: Page, chromium: Browser) -> None:
    label = "a < b </script><script>window.ran = true</script>"
    page = chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(modules.evaluate(STANDALONE, label))
    shown = page.locator("h1, p, .legend-label, body > :not(h1, p, .map, script)")
    texts, ran = shown.all_inner_texts(), page.evaluate("window.ran ?? false")
    page.close()
    assert (texts, ran, errors) == ([label] * 3, False, [])
