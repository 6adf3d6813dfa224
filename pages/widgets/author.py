"""Who writes a note: in the mode *local* the user of this machine."""

from analysis.serve.local_user import local_user


def author() -> str:
    """The name under which the reader of this session writes."""
    return local_user()
