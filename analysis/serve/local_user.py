"""The user of this machine, as the author of notes."""

import getpass

UNKNOWN = "reader"


def local_user() -> str:
    """The name of the user; `UNKNOWN` for one without a name, as in some containers."""
    try:
        return getpass.getuser() or UNKNOWN
    except (KeyError, OSError):
        return UNKNOWN
