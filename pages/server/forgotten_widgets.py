"""A session forgets the widgets that it no longer shows.

Streamlit removes the value of such a widget, but keeps what it knows of it, callbacks and keys
included, until the session ends. Most keys name a latent or a cluster, so a reader who clicks on
leaves six such widgets behind with each answer: 50 readers, 1,700 each minute. The latest ones are
kept, because a click on one may still be on its way.
"""

from streamlit.runtime.state.session_state import SessionState

MOST_GONE = 100
"""Widgets that are no longer shown of which a session knows."""


def forget_widgets() -> None:
    """Let the sessions of the server that is started next forget widgets.

    Streamlit has no setting for it.
    """
    SessionState._remove_stale_widgets = _remove_and_forget  # type: ignore[method-assign, assignment]


_remove = SessionState._remove_stale_widgets


def _remove_and_forget(state: SessionState, active_widget_ids: frozenset[str]) -> None:
    _remove(state, active_widget_ids)
    forget(state, active_widget_ids)


def forget(state: SessionState, shown: frozenset[str]) -> None:
    """Forget all but the latest `MOST_GONE` widgets that have no value and are not in `shown`."""
    known, keys = state._new_widget_state.widget_metadata, state._key_id_mapper
    kept = shown | state._new_widget_state.states.keys() | state._old_state.keys()
    gone = [name for name in known if name not in kept]
    for name in gone[:-MOST_GONE]:
        del known[name]
        key = keys.id_key_mapping.get(name)
        # A widget that is shown may have taken the key over.
        if key is not None and keys.get_id_from_key(key) == name:
            keys.delete(key)
        else:
            keys.id_key_mapping.pop(name, None)
