"""Logouts, known to all processes of a server: an empty file for each, until the login expires.

The name of a file is a digest of the login, and its time is when the login expires. So a process
looks with one call of the system, and nothing needs a lock.
"""

import logging
import os
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from analysis.serve.access.identity import Identity, written

LOG = logging.getLogger("clearwater.access")
LONGEST = 30 * 86_400.0
"""Seconds for which a logout is kept if the login has no expiry; a cookie lives no longer."""


class Logouts:
    """The logins that were ended before they expire. Safe for threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: set[Identity] = set()

    def add(self, identity: Identity) -> None:
        """End a login. If the folder cannot be written, only this process knows of it."""
        now = time.time()
        self._own = {one for one in self._own if one.counts_at(now)} | {identity}
        until = now + LONGEST if identity.expires is None else identity.expires
        file = self._folder / _name(identity)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._forget(now)
            file.touch(mode=0o600)
            os.utime(file, (until, until))
        except OSError as error:
            LOG.error("a logout cannot be shared with the other processes: %s", error)

    def __contains__(self, identity: Identity | None) -> bool:
        return identity is not None and (
            identity in self._own or os.path.exists(self._folder / _name(identity))  # noqa: PTH110
        )

    def _forget(self, now: float) -> None:
        """Remove the logouts of logins that have expired."""
        for file in self._folder.iterdir():
            with suppress(OSError):  # another process has removed it
                if file.stat().st_mtime < now:
                    file.unlink()


def _name(identity: Identity) -> str:
    return sha256(written(identity).encode()).hexdigest()
