"""Selections are joined, and parts of them replaced and removed."""

from analysis.selection import (
    And,
    Box,
    Cluster,
    Compare,
    Everything,
    Near,
    Or,
    Search,
    Selection,
    both,
    conjuncts,
    needs_notes,
    parse,
    parts_of,
    replaced,
    without,
)

DENSE = Compare("density", ">", 0.5)
WHALE = Search("whale")


def _is_box(part: Selection) -> bool:
    return isinstance(part, Box)


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


def test_the_parts_of_a_selection_are_removed_one_by_one() -> None:
    for text, index, rest in (
        ("whale & max>1 & near(3)", 1, '"whale" & near(3)'),
        ("whale & max>1", 0, "max>1"),
        ("whale | max>1 | near(3)", 2, '"whale" | max>1'),
        ("whale | near(3)", 0, "near(3)"),
        ("whale & (a | b)", 1, '"whale"'),
        ("whale", 0, ""),
    ):
        selection = parse(text)
        assert str(without(selection, index)) == rest
        assert len(parts_of(selection)) == text.count(" & ") + text.count(" | ") + 1 - (
            "(" in text and "a |" in text
        )


def test_alternatives_are_parts_but_no_conjuncts() -> None:
    either = Or((WHALE, DENSE))
    assert parts_of(either) == (WHALE, DENSE)
    assert conjuncts(either) == (either,)
    assert parts_of(Everything()) == ()


def test_a_selection_asks_notes_if_any_part_does() -> None:
    for text in ("tag=a", "status=none", "note~a", "collection=a"):
        assert needs_notes(parse(text))
        assert needs_notes(parse(f"whale | latent=3 & !({text} | density>1)"))
    assert not needs_notes(parse("whale | !(flag=dead & note)"))
    assert not needs_notes(Everything())
