"""The address of the notes database, checked without loading a driver."""

import platformdirs

from analysis.runtime.errors import InputError

FILE = "notes.sqlite"


def local_address() -> str:
    """The address of the database of one person: a file among the data of this user."""
    return f"sqlite:///{platformdirs.user_data_path('clearwater') / FILE}"


def check_address(address: str) -> None:
    """Raise InputError, without the address and its password, if it is of neither database."""
    kind, separator, rest = address.partition("://")
    of_file = kind == "sqlite" and rest.startswith("/") and rest not in ("/", "/:memory:")
    if not (separator and (of_file or kind == "postgresql")):
        raise InputError(
            "The address of the notes database cannot be read; write it like "
            "sqlite:////var/lib/clearwater/notes.sqlite or postgresql://user@host/database."
        )
