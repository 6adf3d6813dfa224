"""Which files of `/media/…` each user has got the address of.

Streamlit gives a file to everybody who knows its address. Here a user gets only those whose address
the server has sent to them, as long as their rights are the same.
"""

import re
from collections import OrderedDict

from analysis.serve.access.rights import User

MOST_FILES = 20_000
"""Addresses that are kept for one user."""
MOST_USERS = 1_000
_ADDRESS = re.compile(rb"/media/([0-9A-Za-z_.-]+)")


class SentFiles:
    """The addresses that were sent to each user; it belongs to the event loop of the server."""

    def __init__(self, most_files: int = MOST_FILES, most_users: int = MOST_USERS) -> None:
        self._most_files = most_files
        self._most_users = most_users
        self._of: OrderedDict[User, OrderedDict[bytes, None]] = OrderedDict()

    def note(self, user: User, message: bytes) -> None:
        """Keep the addresses in a message that is sent to a user."""
        if b"/media/" not in message:
            return
        files = self._of.setdefault(user, OrderedDict())
        self._of.move_to_end(user)
        for name in _ADDRESS.findall(message):
            files[name] = None
            files.move_to_end(name)
        while len(files) > self._most_files:
            files.popitem(last=False)
        while len(self._of) > self._most_users:
            self._of.popitem(last=False)

    def were_sent(self, user: User, path: str) -> bool:
        """Whether the address of a file, such as `/media/abc.png`, was sent to this user."""
        name = _ADDRESS.fullmatch(path.encode())
        return name is not None and name[1] in self._of.get(user, ())
