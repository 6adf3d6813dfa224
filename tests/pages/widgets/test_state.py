from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.widgets.state import ViewState


def test_a_view_survives_the_address_bar() -> None:
    view = ViewState("abc", 'cluster=12 & "a&b"', 7, "jaccard", 1, "density", "latent")
    view = replace(view, cluster=12, component=3, against=1, viewport="-1,2.5,0,3")
    assert view.part_of_map == (-1, 2.5, 0, 3)
    assert ViewState.from_query_params(view.to_query_params()) == view


def test_only_what_is_unusual_is_written() -> None:
    assert ViewState().to_query_params() == {}
    assert ViewState(bundle="abc", latent=0).to_query_params() == {"bundle": "abc", "latent": "0"}


@pytest.mark.parametrize(
    "name, value",
    [
        ("latent", "-2"), ("latent", "x"), ("latent", "1e9"), ("latent", str(2**31)),
        ("measure", "nonsense"), ("colour", "<b>"), ("level", "-1"), ("subject", "both"),
        ("cluster", "-2"), ("component", "0"), ("against", "x"), ("classes", "word"),
        ("layout", "both"), ("viewport", "1,0,0,1"), ("viewport", "0,1,0,inf"),
        ("viewport", "0,1,0"), ("viewport", "a,b,c,d"), ("pooled", "interval"),
        ("select", "a" * 20_001), ("bundle", "../" * 100),
        ("select", "a" * 20_001), ("bundle", "../" * 100), ("partner", "-2"), ("window", "0"),
        ("threshold", "nan"), ("threshold", "1e999"), ("tab", "none"), ("relation", "friends"),
        ("community_level", "-2"), ("network_level", "-2"), ("loud", "maybe"), ("picking", "all"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_passed_over(name: str, value: str) -> None:
    assert ViewState.from_query_params({name: value, "level": "0"}) == ViewState()


@given(st.dictionaries(st.sampled_from(list(ViewState.__annotations__)), st.text(max_size=50)))
def test_no_link_breaks_the_view(params: dict[str, str]) -> None:
    view = ViewState.from_query_params(params)
    assert ViewState.from_query_params(view.to_query_params()) == view


def test_an_unreadable_selection_says_why_and_selects_everything() -> None:
    view = ViewState(select="density<")
    assert view.selection_error.startswith("Selection:")
    assert str(view.selection) == ""
