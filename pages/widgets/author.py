"""Who writes a note: in the mode *local* the user of this machine."""

import getpass

UNKNOWN = "reader"


def author() -> str:
    """The name under which the reader of this session writes."""
    try:
        return getpass.getuser() or UNKNOWN
    except (KeyError, OSError):  # a user without a name, as in some containers
        return UNKNOWN
