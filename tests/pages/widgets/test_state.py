"""The view is restored from the address bar, and links of earlier versions still work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analysis.bundle import WINDOW
from pages.widgets.state import OLD_NAMES, PARAMETERS, ViewState, invalid_parameters

DEFAULTS = {
    "bundle": "",
    "select": "",
    "explain": "hidden",
    "measure": "phi",
    "space": None,
    "level": None,
    "map": None,
    "colour": "cluster",
    "maps": "one",
    "viewport": None,
    "beside": None,
    "mode": "move",
    "size": "even",
    "cluster": None,
    "pooled": "top",
    "component": 1,
    "against": 2,
    "classes": "member",
    "tab": "pairs",
    "subject": "selection",
    "relation": "all",
    "chance": "hidden",
    "profile": "",
    "own_text": "",
    "flagged": "hidden",
    "nodes": "latent",
    "network": None,
    "latent": None,
    "partner": None,
    "contexts": "top",
    "regime": None,
    "passage": None,
    "threshold": 0.0,
    "window": WINDOW,
    "picking": "even",
}
OTHERS: dict[str, tuple[object, str]] = {
    "bundle": ("abc", "abc"),
    "select": ('cluster=12 & "a&b"', 'cluster=12 & "a&b"'),
    "explain": ("shown", "shown"),
    "measure": ("jaccard", "jaccard"),
    "space": ("decoder", "decoder"),
    "level": (2, "2"),
    "map": ("cooccurrence", "cooccurrence"),
    "colour": ("density", "density"),
    "profile": ("language", "language"),
    "own_text": ("20:1,33:0.25", "20:1,33:0.25"),
    "maps": ("both", "both"),
    "viewport": ((-1.0, 2.5, 0.0, 1234.0), "-1,2.5,0,1234"),
    "beside": ((0.0, 2.5, -3.0, 1234.0), "0,2.5,-3,1234"),
    "mode": ("lasso", "lasso"),
    "size": ("density", "density"),
    "cluster": (0, "0"),
    "pooled": ("random", "random"),
    "component": (3, "3"),
    "against": (1, "1"),
    "classes": ("token", "token"),
    "tab": ("relations", "relations"),
    "subject": ("latent", "latent"),
    "relation": ("duplicate", "duplicate"),
    "chance": ("shown", "shown"),
    "flagged": ("shown", "shown"),
    "nodes": ("cluster", "cluster"),
    "network": ("decoder", "decoder"),
    "latent": (0, "0"),
    "partner": (7, "7"),
    "contexts": ("interval", "interval"),
    "regime": ((0.5, 12.25), "0.5,12.25"),
    "passage": ((2**62, 70_000_001), f"{2**62},70000001"),
    "threshold": (1.5, "1.5"),
    "window": (32, "32"),
    "picking": ("random", "random"),
}
"""For every field a value that is not its default, and its text in a link."""


def test_defaults() -> None:
    assert dict(ViewState()) == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_field_is_one_query_parameter(name: str) -> None:
    value, text = OTHERS[name]
    view = ViewState().changed(**{name: value})
    assert view.to_query_params() == {name: text}
    assert ViewState.from_query_params({name: text}) == view
    assert dict(view) == DEFAULTS | {name: value}


def test_a_complete_view_is_restored_from_the_address_bar() -> None:
    view = ViewState().changed(**{name: value for name, (value, _) in OTHERS.items()})
    assert ViewState.from_query_params(view.to_query_params()) == view


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"loud": "shown"}, {"flagged": "shown"}),
        ({"loud": "hidden"}, {}),
        ({"tab": "communities", "community_level": "2"}, {"tab": "components"}),
        ({"network": "cluster"}, {"network": "decoder"}),
        ({"network": "0"}, {}),
        ({"layout": "cooccurrence"}, {"map": "cooccurrence"}),
        ({"layout": "decoder"}, {"map": "decoder"}),
        ({"latent": "-1", "partner": "-1", "cluster": "-1"}, {}),
        (
            {"viewport": "-1.5,2,0,3.25", "latent": "7"},
            {"viewport": "-1.5,2,0,3.25", "latent": "7"},
        ),
    ],
)
def test_links_of_earlier_versions(old: dict[str, str], new: dict[str, str]) -> None:
    assert ViewState.from_query_params(old).to_query_params() == new


@pytest.mark.parametrize("old", OLD_NAMES)
def test_the_new_name_of_a_parameter_takes_precedence(old: str) -> None:
    new = OLD_NAMES[old]
    _, text = OTHERS[new]
    usual = str(DEFAULTS[new])
    for params in ({old: usual, new: text}, {new: text, old: usual}):
        assert ViewState.from_query_params(params).to_query_params() == {new: text}
    assert {old, new} <= PARAMETERS


INVALID = [
    ("latent", "-2"), ("latent", "x"), ("latent", "1e9"), ("latent", str(2**31)),
    ("partner", "-2"), ("partner", str(2**31)), ("cluster", "-2"), ("cluster", str(2**31)),
    ("measure", "nonsense"), ("colour", "<b>"), ("level", "-1"), ("level", "128"),
    ("subject", "both"), ("component", "0"), ("component", "128"), ("against", "x"),
    ("classes", "word"), ("map", "both"), ("layout", "both"), ("viewport", "1,0,0,1"),
    ("viewport", "0,1,1,0"), ("viewport", "0,0,0,1"), ("viewport", "0,1,0,inf"),
    ("viewport", "0,1,0"), ("mode", "circle"), ("size", "big"), ("viewport", "a,b,c,d"),
    ("viewport", ""), ("pooled", "interval"), ("regime", "2,1"), ("regime", "1"),
    ("regime", "nan,1"), ("passage", "3"), ("passage", "3,-1"), ("passage", "a,b"),
    ("passage", f"3,{2**31}"), ("passage", f"{2**63},3"), ("passage", f"{-(2**63)},3"),
    ("viewport", "0,1,2,2"),
    ("beside", "1,0,0,1"), ("maps", "two"),
    ("contexts", "all"), ("select", "a" * 20_001), ("bundle", "a" * 101), ("window", "0"),
    ("window", "1000001"), ("threshold", "nan"), ("threshold", "1e999"), ("tab", "none"),
    ("relation", "friends"), ("space", "map"), ("nodes", "all"), ("network", "-2"),
    ("network", "0"), ("loud", "maybe"), ("flagged", "maybe"), ("picking", "all"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_invalid_values_are_ignored(name: str, value: str) -> None:
    assert ViewState.from_query_params({name: value, "level": "x"}) == ViewState()
    assert ViewState.from_query_params({name: value, "tab": "relations"}) == ViewState(
        tab="relations"
    )
    assert invalid_parameters({name: value, "other": "x"}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latent", str(2**31 - 1)), ("level", "127"), ("component", "127"), ("window", "1"),
        ("window", "1000000"), ("select", "a" * 20_000), ("bundle", "a" * 100),
        ("level", "0"), ("space", "cooccurrence"), ("regime", "2.5,2.5"), ("regime", "-1,0"),
        ("passage", f"{2**63 - 1},{2**31 - 1}"), ("passage", f"{1 - 2**63},0"),
    ],
)  # fmt: skip
def test_values_at_the_bounds_are_read(name: str, value: str) -> None:
    assert ViewState.from_query_params({name: value}).to_query_params() == {name: value}


@given(st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.text(max_size=50)))
def test_no_link_breaks_the_view(params: dict[str, str]) -> None:
    view = ViewState.from_query_params(params)
    assert ViewState.from_query_params(view.to_query_params()) == view


def test_unknown_parameters_are_ignored() -> None:
    assert ViewState.from_query_params({"utm_source": "mail", "embed": "true"}) == ViewState()


def test_a_change_must_be_valid() -> None:
    view = ViewState(latent=3)
    assert view.changed(partner=4) == ViewState(latent=3, partner=4)
    with pytest.raises(ValidationError):
        view.changed(latent=-1)
    with pytest.raises(ValidationError):
        view.changed(nonsense=1)


def test_a_viewport_keeps_seven_digits() -> None:
    view = ViewState(viewport=(0.123456789, 1.00000004, -5, 123456789))
    assert view.viewport == (0.1234568, 1.0, -5.0, 123456800.0)
    assert ViewState.from_query_params(view.to_query_params()) == view


def test_an_invalid_selection_gives_the_reason_and_selects_everything() -> None:
    view = ViewState(select="density<")
    assert view.selection_error.startswith("Selection:")
    assert str(view.selection) == ""
    assert ViewState(select="flag=dead").selection_error == ""
    assert str(ViewState(select=" flag = dead ").selection) == "flag=dead"


def test_another_latent_has_no_range_and_no_open_document() -> None:
    view = ViewState(latent=3, regime=(1.0, 2.0), passage=(4, 5))
    assert view.changed(latent=3, partner=1).regime == (1.0, 2.0)
    assert view.changed(measure="joint").passage == (4, 5)
    other = view.changed(latent=4)
    assert other.regime is None and other.passage is None
    assert view.changed(latent=4, regime=(0.0, 1.0)).regime == (0.0, 1.0)
