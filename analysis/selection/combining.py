"""Join selections, and replace or remove parts of them."""

from collections.abc import Callable
from functools import reduce

from analysis.selection.grammar import (
    And,
    Everything,
    HasStatus,
    InCollection,
    Not,
    Noted,
    Or,
    Selection,
    Tagged,
)


def both(first: Selection, second: Selection) -> Selection:
    """The conjunction of two selections: flat, without repeats and without `Everything`."""
    parts: list[Selection] = []
    for part in (*conjuncts(first), *conjuncts(second)):
        if part not in parts:
            parts.append(part)
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def replaced(
    selection: Selection, matches: Callable[[Selection], bool], new: Selection
) -> Selection:
    """Replace the top-level conjuncts that match by `new`; keep the others.

    A new box on the map replaces the previous box and keeps a search next to it.
    """
    kept = [part for part in conjuncts(selection) if not matches(part)]
    everything: Selection = Everything()
    return reduce(both, [*kept, new], everything)


def conjuncts(selection: Selection) -> tuple[Selection, ...]:
    """The parts that a selection joins by and; none for everything."""
    if isinstance(selection, Everything):
        return ()
    return selection.parts if isinstance(selection, And) else (selection,)


def parts_of(selection: Selection) -> tuple[Selection, ...]:
    """What a selection is joined from: its conjuncts, or its alternatives if it is an `Or`."""
    return selection.parts if isinstance(selection, Or) else conjuncts(selection)


def needs_notes(selection: Selection) -> bool:
    """Whether any part is about notes, so that the result changes when a note is written."""
    match selection:
        case And(parts) | Or(parts):
            return any(map(needs_notes, parts))
        case Not(part):
            return needs_notes(part)
        case _:
            return isinstance(selection, Tagged | HasStatus | Noted | InCollection)


def without(selection: Selection, index: int) -> Selection:
    """The selection without one of its `parts_of`; everything if it was the only one."""
    parts = parts_of(selection)
    kept = (*parts[:index], *parts[index + 1 :])
    if not kept:
        return Everything()
    if len(kept) == 1:
        return kept[0]
    return Or(kept) if isinstance(selection, Or) else And(kept)
