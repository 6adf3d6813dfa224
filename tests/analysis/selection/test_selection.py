"""A selection reads back as itself, and answers as a plain loop over the rows would."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.selection import (
    FLAGS,
    NUMERIC_COLUMNS,
    And,
    Box,
    Cluster,
    Community,
    Compare,
    Everything,
    Flag,
    Latents,
    Near,
    Not,
    Or,
    Partners,
    Search,
    Selection,
    Unclustered,
    both,
    evaluate,
    parse,
    replaced,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
ids = st.lists(st.integers(0, 999_999), min_size=1, max_size=4, unique=True).map(
    lambda values: tuple(sorted(values))
)
atoms: st.SearchStrategy[Selection] = st.one_of(
    st.builds(Latents, ids),
    st.builds(Cluster, ids),
    st.builds(Community, ids),
    st.just(Unclustered()),
    st.builds(Flag, st.sets(st.sampled_from(FLAGS), min_size=1).map(lambda s: tuple(sorted(s)))),
    st.builds(
        Compare,
        st.sampled_from(NUMERIC_COLUMNS),
        st.sampled_from(["<", "<=", ">", ">=", "="]),
        numbers,
    ),
    st.builds(Search, st.text(max_size=12)),
    st.tuples(numbers, numbers, numbers, numbers).map(
        lambda v: Box(min(v[:2]), max(v[:2]), min(v[2:]), max(v[2:]))
    ),
    st.builds(Near, st.integers(0, 9999), st.one_of(st.none(), st.integers(0, 99))),
    st.builds(
        Partners, st.integers(0, 9999), st.sampled_from(["phi", "jaccard"]), st.integers(0, 99)
    ),
)


def _combined(parts: st.SearchStrategy[Selection]) -> st.SearchStrategy[Selection]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, parts))


selections = st.recursive(atoms, _combined, max_leaves=6)


@given(selections)
def test_text_reads_back_as_the_same_selection(selection: Selection) -> None:
    assert parse(str(selection)) == selection


@given(st.text(max_size=60))
def test_any_text_is_a_selection_or_one_sentence(text: str) -> None:
    try:
        assert parse(str(parse(text))) == parse(text)
    except InputError as error:
        assert str(error).startswith("Selection: ")
        assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", Everything()),
        ("whale", Search("whale")),
        ("feature=3", Latents((3,))),
        ("cluster = 12 and not flag=dead", And((Cluster((12,)), Not(Flag(("dead",)))))),
        (
            "max>1 & max<2 | latent=5",
            Or((And((Compare("max", ">", 1), Compare("max", "<", 2))), Latents((5,)))),
        ),
        ("partners(7)", Partners(7, "phi", 20)),
        ("box(2,-1,5,0)", Box(-1, 2, 0, 5)),
        ("box(2,-1,5,0,cooccurrence)", Box(-1, 2, 0, 5, "cooccurrence")),
    ],
)
def test_spellings(text: str, selection: Selection) -> None:
    assert parse(text) == selection


@pytest.mark.parametrize(
    "text",
    [
        "cluster=", "community=none", "density<", "(whale", "whale)", '"open', "box(1,2,3)",
        "near()", "near(x)", "partners(1,nothing)", "colour=3", "density<abc", "latent=-1",
        "flag=happy", "& whale", "max=1,2", "(" * 200, "x" * 30_000, "density<1e999",
        "near(1,2,3)", "latent=99999999999",
        "box(1,2,3,4,sideways)",
    ],
)  # fmt: skip
def test_bad_text_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"^Selection: .*\.$"):
        parse(text)


def _brute(bundle: Bundle, test: Callable[[dict[str, Any]], bool]) -> np.ndarray:
    return np.array([test(row) for row in bundle.latents.to_pylist()])


def _words(row: dict[str, Any]) -> str:
    return "\0".join([row["label"], row["explanation"], *row["top_tokens"]]).lower()


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("density<0.01", lambda r: r["density"] < 0.01),
        ("mean>=1.5", lambda r: r["mean"] is not None and r["mean"] >= 1.5),
        ("!mean>=1.5", lambda r: not (r["mean"] is not None and r["mean"] >= 1.5)),
        ("flag=dead,dense", lambda r: r["flag"] in ("dead", "dense")),
        ("latent=3,7,4000", lambda r: r["latent"] in (3, 7)),
        ('"whale"', lambda r: "whale" in _words(r)),
        ('"WHALE" | latent=0', lambda r: r["latent"] == 0 or "whale" in _words(r)),
        ("cluster=none", lambda r: r["cluster"] is None),
        ("cluster=0", lambda r: r["cluster"] == 0),
        (
            "flag=live & density>0.001 & max<3",
            lambda r: r["flag"] == "live" and r["density"] > 0.001 and (r["max"] or math.inf) < 3,
        ),
    ],
)
def test_answers_equal_a_loop_over_the_rows(
    planted_bundle: Bundle, text: str, test: Callable[[dict[str, Any]], bool]
) -> None:
    assert evaluate(parse(text), planted_bundle).tolist() == _brute(planted_bundle, test).tolist()


def test_box_selects_the_points_inside(planted_bundle: Bundle) -> None:
    rows = planted_bundle.latents.to_pylist()
    placed = [row for row in rows if row["x"] is not None]
    x0, x1 = np.quantile([row["x"] for row in placed], [0.2, 0.7])
    y0, y1 = np.quantile([row["y"] for row in placed], [0.1, 0.8])
    mask = evaluate(Box(float(x0), float(x1), float(y0), float(y1)), planted_bundle)
    inside = {r["latent"] for r in placed if x0 <= r["x"] <= x1 and y0 <= r["y"] <= y1}
    assert set(np.flatnonzero(mask).tolist()) == inside
    assert 0 < len(inside) < len(placed)


def test_near_is_the_latent_and_its_nearest_decoder_vectors(planted_bundle: Bundle) -> None:
    rows = planted_bundle.neighbours.all().to_pylist()
    nearest = {row["neighbour"] for row in rows if row["latent"] == 11 and row["rank"] < 4}
    assert set(np.flatnonzero(evaluate(Near(11, 4), planted_bundle)).tolist()) == nearest | {11}
    assert not evaluate(Near(10**8), planted_bundle).any()


def test_partners_are_ranked_by_the_measure(planted_bundle: Bundle) -> None:
    active = planted_bundle.latents["active_tokens"].to_pylist()
    rows = planted_bundle.partners.of(11).to_pylist()
    ranked = sorted(
        rows,
        key=lambda row: (
            -row["joint_tokens"] / (active[11] + active[row["partner"]] - row["joint_tokens"]),
            row["partner"],
        ),
    )
    expected = {11} | {row["partner"] for row in ranked[:5]}
    mask = evaluate(Partners(11, "jaccard", 5), planted_bundle)
    assert set(np.flatnonzero(mask).tolist()) == expected


def test_communities_are_those_of_their_table(planted_bundle: Bundle) -> None:
    rows = planted_bundle.communities.to_pylist()
    wanted = {row["latent"] for row in rows if row["community"] in (0, 2)}
    assert str(parse("community = 2,0,0")) == "community=0,2"
    mask = evaluate(parse("community=0,2"), planted_bundle)
    assert set(np.flatnonzero(mask).tolist()) == wanted
    assert len(wanted) > 3


def test_a_new_box_replaces_the_old_one_and_leaves_the_search() -> None:
    start = parse('"whale" & box(0,1,0,1)')
    moved = replaced(start, lambda part: isinstance(part, Box), Box(2, 3, 2, 3))
    assert str(moved) == '"whale" & box(2,3,2,3)'
    assert both(moved, Search("whale")) == moved
    assert (
        replaced(parse("box(0,1,0,1)"), lambda p: isinstance(p, Box), Everything()) == Everything()
    )
