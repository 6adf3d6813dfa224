"""A widget looks its own value up instead of copying the values of all widgets.

To see whether its value is None, each select box and each field asks Streamlit for a dictionary of
the whole session state, and for each component in it Streamlit makes a class. Eleven such copies
take a fifteenth of the CPU time of the Clusters page. Here the dictionary is a view, which looks up
what is asked of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from streamlit.runtime.state.common import is_element_id, is_keyed_element_id
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState, _is_internal_key


class Values(Mapping[str, Any]):
    """What `SessionState.filtered_state` holds: the values that have a key of the program."""

    def __init__(self, state: SafeSessionState) -> None:
        self._state: SessionState = state._state
        self._lock = state._lock

    def __getitem__(self, key: str) -> Any:
        """The value of a key; raises KeyError without one."""
        with self._lock:
            if self._key_of(self._state._get_widget_id(key)) != key:
                raise KeyError(key)
            return self._state[key]

    def __iter__(self) -> Iterator[str]:
        """The keys that have a value."""
        with self._lock:
            return iter(
                [key for name in self._state._keys() if (key := self._stored(name)) is not None]
            )

    def __len__(self) -> int:
        """The number of keys that have a value."""
        return sum(1 for _ in self)

    def _stored(self, name: str) -> str | None:
        key = self._key_of(name)
        if key is not None and key != name:
            try:
                self._state._getitem(name, key)
            except KeyError:  # left by a widget that is no longer known
                return None
        return key

    def _key_of(self, name: str) -> str | None:
        """The program's key of a key or of an id of a widget; None if it has none."""
        if _is_internal_key(name):
            return None
        if not is_element_id(name):
            return name
        if not is_keyed_element_id(name):
            return None
        return self._state._key_id_mapper.id_key_mapping.get(name)


def look_values_up() -> None:
    """Let the sessions of the server that is started next use `Values`.

    Streamlit has no setting for it.
    """
    SafeSessionState.filtered_state = property(Values)  # type: ignore[assignment, method-assign]
