"""A fragment remembers its place in the page without copying what is around it many times.

Where a fragment is declared, Streamlit copies the cursors of the page and the containers around it,
each of them with all of its parents again, by `copy.deepcopy`. Every export menu is a fragment in
four containers, so the copies take an eighth of the CPU time of a page. Here each container is
copied once, and only what changes.
"""

from copy import deepcopy
from typing import Any, TypeVar

from streamlit.cursor import Cursor, SparseList
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime import fragment

_Kind = TypeVar("_Kind")


def copied(value: Any) -> Any:
    """A copy of the cursors of a page, or of containers, for `streamlit.runtime.fragment`."""
    if isinstance(value, dict) and all(isinstance(one, Cursor) for one in value.values()):
        return {container: _cursor(cursor) for container, cursor in value.items()}
    if isinstance(value, tuple) and all(isinstance(one, DeltaGenerator) for one in value):
        copies: dict[int, DeltaGenerator] = {}
        return tuple(_container(one, copies) for one in value)
    return deepcopy(value)


def copy_less() -> None:
    """Let the fragments of the server that is started next use `copied`.

    Streamlit has no setting for it.
    """
    vars(fragment)["deepcopy"] = copied


def _container(container: DeltaGenerator, copies: dict[int, DeltaGenerator]) -> DeltaGenerator:
    """A copy of a container and its parents; `copies` has those that were made, by identity."""
    made = copies.get(id(container))
    if made is None:
        cursor, parent = container._cursor, container._parent
        made = DeltaGenerator(
            root_container=container._root_container,
            cursor=None if cursor is None else _cursor(cursor),
            parent=None if parent is None else _container(parent, copies),
            block_type=container._block_type,
        )
        made._form_data = deepcopy(container._form_data)
        made._creating_fragment_id = container._creating_fragment_id
        copies[id(container)] = made
    return made


def _cursor(cursor: Cursor) -> Cursor:
    made = _shallow(cursor)
    transient: SparseList[Any] = SparseList()
    for index, element in cursor.transient_elements.items():
        transient[index] = deepcopy(element)
    made._transient_elements = transient
    return made


def _shallow(value: _Kind) -> _Kind:
    """An object with the same attributes; `copy.copy` takes ten times as long."""
    made = object.__new__(type(value))
    vars(made).update(vars(value))
    return made
