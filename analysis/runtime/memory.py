"""The defaults for the memory that counting, sorting and the caches of the dashboard may use."""

import os

MEMORY_BYTES = 512_000_000
"""In addition to the model and the SAE. It affects the size of blocks, never the result."""

CACHE_MEGABYTES = "CLEARWATER_CACHE_MEGABYTES"
"""Environment variable that limits the caches of one server process."""
DEFAULT_CACHE_MEGABYTES = 256
MOST_DIGITS = 9
"""Of that number; a longer one counts as a slip, and so as the default."""


def cache_bytes() -> int:
    """Bytes that the caches of this server process may hold together."""
    named = os.environ.get(CACHE_MEGABYTES, "")
    is_number = named.isdecimal() and len(named) <= MOST_DIGITS
    return (int(named) if is_number else DEFAULT_CACHE_MEGABYTES) * 1_000_000
