"""Every term of a page is explained where it stands."""

import pytest

from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import LEAST_RECALL, LEAST_TRUSTWORTHINESS
from pages.widgets.glossary import COUNTS, TERMS, TERMS_OF
from tests.pages.conftest import Open, texts

PAGES = {
    "Overview": "overview",
    "Map": "map",
    "Clusters": "clusters",
    "Co-occurrence": "cooccurrence",
    "Pair": "pair",
    "Latent": "latent",
}
UNEXPLAINED = ("Dice", "overlap", "joint tokens", "expected tokens", "P(a given b)")
"""Measures that are explained with another one, or by their name."""


def test_every_page_has_terms_and_every_term_is_on_a_page() -> None:
    assert TERMS_OF.keys() == PAGES.keys()
    assert {name for names in TERMS_OF.values() for name in names} == TERMS.keys()
    assert all(term.meaning.endswith(".") and term.good.endswith(".") for term in TERMS.values())


def test_every_measure_is_explained() -> None:
    named = " ".join(TERMS)
    for measure in MEASURES.values():
        assert measure.label in named or measure.label in UNEXPLAINED
    for symbol in ("n11", "n10", "n01", "n00", "n1 ", "n2 ", "N "):
        assert symbol in COUNTS


def test_the_limits_of_a_map_are_those_of_its_verdict() -> None:
    assert f"Below {LEAST_RECALL:g}, do not read" in TERMS["recall of the map"].good
    assert f", {LEAST_TRUSTWORTHINESS:g} or more is good" in TERMS["trustworthiness"].good


@pytest.mark.parametrize("title", ["Co-occurrence", "Map"])
def test_a_page_shows_its_terms(open_page: Open, title: str) -> None:
    shown = texts(open_page(PAGES[title]))
    for name in TERMS_OF[title]:
        assert TERMS[name].meaning in shown and TERMS[name].good in shown
