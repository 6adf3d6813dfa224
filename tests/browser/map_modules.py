"""The modules of the map in a page without a server."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

MODULES = Path(__file__).parents[2] / "pages" / "latent_map"


def serve(page: Page) -> Page:
    """Let a page import the modules of the map, as `load(name)`."""

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name.endswith(".js"):
            text = (MODULES / name).read_text(encoding="utf-8")
            route.fulfill(body=text, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><body></body>", content_type="text/html")

    page.route("http://map.test/**", answer)
    page.add_init_script("window.load = (name) => import(`http://map.test/${name}`)")
    page.goto("http://map.test/")
    return page


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """The result of a function of a module, by values."""
    script = "async ([module, name, given]) => (await load(module))[name](...given)"
    return page.evaluate(script, [module, function, list(arguments)])
