"""A reader of the pages whose clicks and searches are counted, and the rows of a table in view."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import FIELD, PATIENCE, settle
from tests.browser.research_questions import MOST_CLICKS, MOST_SEARCHES


@dataclass
class Reader:
    """Uses a page as a person does, and counts what that costs."""

    page: Page
    clicks: int = 0
    searches: int = 0
    typed: list[str] = field(default_factory=list)

    def click(self, target: Locator) -> None:
        """One click, and what follows from it."""
        self.clicks += 1
        target.click()

    def save(self, target: Locator) -> Path:
        """One click that downloads a file."""
        with self.page.expect_download(timeout=PATIENCE) as started:
            self.click(target)
        return Path(started.value.path())

    def write(self, label: str, text: str) -> None:
        """A click into a field, and a text."""
        place = self.page.get_by_label(label, exact=True)
        self.click(place)
        self.typed.append(text)
        place.press_sequentially(text)

    def search(self, text: str, kind: str, is_wanted: Callable[[str], bool]) -> None:
        """Type a text into the search field and take the first hit of a kind that reads right.

        The hit is marked with the arrow keys and taken with Enter.
        """
        self.searches += 1
        self.typed.append(text)
        place = self.page.locator(FIELD)
        place.click()
        self.page.keyboard.insert_text(text)
        group = self.page.get_by_role("listbox").get_by_role("group", name=kind)
        expect(group).to_be_visible(timeout=PATIENCE)
        every = self.page.get_by_role("listbox").get_by_role("option")
        own = group.get_by_role("option")
        chosen = next(i for i, hit in enumerate(own.all_inner_texts()) if is_wanted(hit))
        wanted = own.nth(chosen)
        for _ in range(every.count()):
            place.press("ArrowDown")
            if wanted.get_attribute("aria-selected") == "true":
                break
        place.press("Enter")

    def wait_for_page(self, name: str) -> None:
        """Until a page is opened, drawn and idle."""
        self.page.wait_for_url(re.compile(rf"/{name}(\?|$)"))
        settle(self.page)

    @property
    def is_quick(self) -> bool:
        """Whether the answer cost no more than it may."""
        return self.searches <= MOST_SEARCHES and self.clicks + self.searches <= MOST_CLICKS


def table_rows(page: Page, *columns: str) -> list[dict[str, str]]:
    """The rows in view of the first table with these columns, as the screen reader has them."""
    table = page.locator("[data-testid=stDataFrame] canvas table")
    for name in columns:
        heads = page.get_by_role("columnheader", name=name, exact=True, include_hidden=True)
        table = table.filter(has=heads)
    table = table.first
    table.locator("tbody tr").first.wait_for(state="attached")
    names, *rows = table.evaluate(
        "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return [dict(zip(names, row, strict=True)) for row in rows]
