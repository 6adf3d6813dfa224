"""The canonical text of a selection, and how selections are combined."""

import pytest

from analysis.bundle import TABLES
from analysis.selection import (
    FLAGS,
    MAP_COLUMNS,
    NUMERIC_COLUMNS,
    And,
    Box,
    Cluster,
    Compare,
    Everything,
    Flag,
    Lasso,
    Latents,
    Near,
    Not,
    Or,
    Partners,
    Search,
    Selection,
    Unclustered,
    both,
    parse,
    replaced,
)

DENSE = Compare("density", ">", 0.5)
WHALE = Search("whale")


def _is_box(part: Selection) -> bool:
    return isinstance(part, Box)


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (Everything(), ""),
        (Latents((3, 14)), "latent=3,14"),
        (Unclustered(), "cluster=none"),
        (Unclustered("decoder"), "cluster=none,decoder"),
        (Flag(("dead", "dense")), "flag=dead,dense"),
        (Compare("density", "<", 0.01), "density<0.01"),
        (Compare("max", ">=", 2.0), "max>=2"),
        (Compare("active_tokens", "<", 1e15), "active_tokens<1000000000000000.0"),
        (Search('a "b" \\'), '"a \\"b\\" \\\\"'),
        (Box(-1.5, 2, 0, 3.25), "box(-1.5,2,0,3.25)"),
        (Box(0, 1, 2, 3, "cooccurrence"), "box(0,1,2,3,cooccurrence)"),
        (Lasso(((0, 0), (1.5, 0), (1, 2))), "lasso(0,0,1.5,0,1,2)"),
        (
            Lasso(((0, 0), (1, 0), (1, 2)), "cooccurrence"),
            "lasso(0,0,1,0,1,2,cooccurrence)",
        ),
        (Near(7), "near(7)"),
        (Near(7, 0), "near(7,0)"),
        (Partners(7), "partners(7,phi,20)"),
        (Not(Or((WHALE, DENSE))), '!("whale" | density>0.5)'),
        (And((Or((WHALE, DENSE)), Near(1))), '("whale" | density>0.5) & near(1)'),
        (Or((And((WHALE, DENSE)), Near(1))), '"whale" & density>0.5 | near(1)'),
    ],
)
def test_text_of_a_selection(selection: Selection, text: str) -> None:
    assert str(selection) == text


def test_both_is_flat_and_has_no_repeats() -> None:
    assert both(Everything(), Everything()) == Everything()
    assert both(WHALE, Everything()) == WHALE
    assert both(WHALE, WHALE) == WHALE
    assert both(And((WHALE, DENSE)), And((DENSE, Near(1)))) == And((WHALE, DENSE, Near(1)))


def test_both_keeps_the_order() -> None:
    assert both(DENSE, WHALE) == And((DENSE, WHALE))


def test_a_new_box_replaces_the_old_box_and_keeps_the_search() -> None:
    selection = replaced(parse('"whale" & box(0,1,0,1)'), _is_box, Box(2, 3, 2, 3))
    assert str(selection) == '"whale" & box(2,3,2,3)'


def test_replacing_by_everything_removes() -> None:
    assert replaced(Box(0, 1, 0, 1), _is_box, Everything()) == Everything()
    assert replaced(And((WHALE, Box(0, 1, 0, 1))), _is_box, Everything()) == WHALE


def test_a_box_inside_an_alternative_is_not_replaced() -> None:
    either = Or((WHALE, Box(0, 1, 0, 1)))
    assert replaced(either, _is_box, Cluster((1,))) == And((either, Cluster((1,))))


def test_the_columns_and_flags_are_those_of_the_latent_table() -> None:
    columns = {*NUMERIC_COLUMNS, *(axis for axes in MAP_COLUMNS.values() for axis in axes)}
    assert columns <= set(TABLES["latents"].names)
    assert FLAGS == ("live", "dead", "ultralow", "dense")
