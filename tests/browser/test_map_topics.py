"""A new user looks for given topics on the map: four of five are reached in three gestures."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from analysis.selection import evaluate, parse
from tests.browser.conftest import OpenPage, selected
from tests.browser.map_page import MapPage
from tests.browser.reader import Reader
from tests.browser.research_questions import MOST_GESTURES, MOST_MISSES, TOPICS, Topic
from tests.conftest import DEMO_BUNDLE

pytestmark = pytest.mark.browser

LANGUAGE_OF = {"Python code": "Python", "French": "fr"}
"""Topics that are a language of the corpus: what is reached must fire in its texts."""
MORE_THAN_CHANCE = 2.0
"""Times the share of the language among all tokens."""
LEAST_NAMED = 0.5
"""Share of the reached latents that name the topic by their label or a top token."""


def search_and_take(kind: str) -> Callable[[Reader, Topic], None]:
    """Type the word and take the first hit of a kind that has it in its name."""

    def run(reader: Reader, topic: Topic) -> None:
        typed = topic.typed.casefold()
        reader.search(topic.typed, kind, lambda hit: typed in hit.partition("\n")[0].casefold())

    return run


def colour_by_language(reader: Reader, topic: Topic) -> None:
    """Colour the map by the language of the documents, and click on the language."""
    page = reader.page
    reader.click(page.get_by_role("combobox", name="Colour"))
    reader.click(page.get_by_role("option", name=re.compile("^colour: language")))
    entry = page.locator(".map .legend-entry").filter(
        has_text=re.compile(rf"^{LANGUAGE_OF[topic.name]}\d")
    )
    reader.click(entry)


WAYS: dict[str, Callable[[Reader, Topic], None]] = {
    "Python code": search_and_take("Latents"),
    "Numbers and dates": search_and_take("Latents"),
    "Legal text": search_and_take("Latents"),
    "Quotation marks": search_and_take("Clusters"),
    "French": colour_by_language,
}
"""What a new user does for each topic, in this order: the last one changes the colours."""


def reached(shown: MapPage) -> Bools:
    """The latents [n_latents] that are selected, or the one whose card is open."""
    mask = np.zeros(shown.bundle.latents.num_rows, dtype=bool)
    if "select" in shown.link:
        mask = evaluate(parse(shown.link["select"]), shown.bundle)
        assert selected(shown.page) == mask.sum()
    else:
        latent = int(shown.link["latent"])
        expect(shown.page.locator(".map .card")).to_have_attribute("data-latent", str(latent))
        mask[latent] = True
    return mask


def is_about(topic: Topic, mask: Bools, bundle: Bundle) -> bool:
    """Whether latents [n_latents] fire in the language of a topic, or name it."""
    latents = np.flatnonzero(mask)
    if language := LANGUAGE_OF.get(topic.name):
        return _share_in(bundle, latents, language) > MORE_THAN_CHANCE
    rows = bundle.latents.select(["label", "top_tokens"]).take(latents).to_pylist()
    named = 0
    for row in rows:
        texts = [*(row["top_tokens"] or []), *re.findall(r"\w+|[^\w\s]", row["label"])]
        named += bool({text.strip().casefold() for text in texts} & topic.words)
    return named >= LEAST_NAMED * len(rows) > 0


def _share_in(bundle: Bundle, latents: np.ndarray, language: str) -> float:
    """How much more of the active tokens of the median latent is in a language than of all."""
    values = bundle.document_values.to_pandas()
    own = values[(values["column"] == "language") & (values["value"] == language)]["document"]
    inside = np.isin(bundle.tokens["document"].to_numpy(), own.to_numpy())
    kept = bundle.tokens["kept"].to_numpy()
    shares = [inside[tokens].mean() for _, tokens, _ in bundle.activations.each_of(latents)]
    return float(np.median(shares) / inside[kept].mean())


def start_again(shown: MapPage) -> None:
    """The opening view, without a selection and a focus."""
    clear = shown.page.get_by_role("button", name="Clear", exact=True)
    if clear.is_enabled():
        clear.click()
    shown.keys("Escape", "0")
    shown.rest()
    assert not {"select", "latent", "viewport"} & shown.link.keys()


def test_given_topics_are_reached_in_three_gestures(open_page: OpenPage, bundle: Bundle) -> None:
    if bundle.path != DEMO_BUNDLE:
        pytest.skip("the topics are of the demo")
    shown = MapPage(open_page("map"), bundle, "cooccurrence").ready()
    missed = []
    for name, go in WAYS.items():
        (topic,) = (topic for topic in TOPICS if topic.name == name)
        reader = Reader(shown.page)
        go(reader, topic)
        shown.rest()
        shown.page.wait_for_function("/[?&](select|latent)=/.test(location.search)")
        gestures = reader.clicks + reader.searches
        if gestures > MOST_GESTURES or not is_about(topic, reached(shown), bundle):
            missed.append(name)
        start_again(shown)
    assert len(WAYS) == len(TOPICS) == 5
    assert len(missed) <= MOST_MISSES, missed
