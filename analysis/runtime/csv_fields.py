"""Read long fields of CSV files: Python limits them to 131,072 characters in the whole process."""

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def long_fields(most: int) -> Iterator[None]:
    """Let a field have up to `most` characters; afterwards the limit is what it was before.

    Threads that need this wait for each other.
    """
    with _ONE_AT_A_TIME:
        usual = csv.field_size_limit(most)
        try:
            yield
        finally:
            csv.field_size_limit(usual)
