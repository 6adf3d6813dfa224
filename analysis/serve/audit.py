"""The audit trail of a server for a team: one line in the log for each write and export."""

import logging

from analysis.serve.access.rights import Action
from analysis.serve.server_settings import server_settings
from analysis.serve.server_state import STATE

_WORDS: dict[Action, str] = {
    "see": "looks",
    "export": "exports",
    "annotate": "changes of notes",
    "operate": "operations",
}
LOG = logging.getLogger("clearwater.audit")


def record(action: Action, user: str, bundle_id: str, what: str) -> None:
    """Record that a user does something with a bundle; nothing in the mode *local*."""
    if server_settings().is_team:
        entry = {"action": action, "user": user, "bundle": bundle_id, "what": what}
        STATE.count(_WORDS[action])
        LOG.info("%s", action, extra={"entry": entry})
