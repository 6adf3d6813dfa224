"""When a browser has last opened a page of this process."""

import time

_last = [-float("inf")]


def note_opened() -> None:
    """A browser opens a page now."""
    _last[0] = time.monotonic()


def seconds_since() -> float:
    """Seconds since a page was opened; infinite before the first one."""
    return time.monotonic() - _last[0]
