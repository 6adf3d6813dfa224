"""Who writes a note: in the mode *local* the user of this machine, else who has logged in."""

from analysis.bundle import Bundle
from analysis.serve.audit import record
from analysis.serve.local_user import local_user
from analysis.serve.server_settings import server_settings
from pages.widgets.current_user import current_user, require


def author() -> str:
    """The name under which the reader of this session writes."""
    if not server_settings().is_team:
        return local_user()
    user = current_user()
    return "" if user is None else user.name


def writer(bundle: Bundle, what: str) -> str:
    """The author of a change of the notes on a bundle, which is recorded as `what`.

    Raises InputError if the reader of this session may not write there.
    """
    require(bundle, "annotate")
    name = author()
    record("annotate", name, bundle.manifest.bundle_id, what)
    return name
