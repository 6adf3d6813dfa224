"""A function with progress, for job processes."""

import time

from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress


def count_to(total: int, seconds: float, progress: Progress) -> int:
    """Count, with a pause between two steps."""
    for i in range(total):
        progress(i + 1, total)
        time.sleep(seconds)
    return total


def refuse(path: str) -> None:
    """Refuse the input."""
    raise InputError(f"{path}: is damaged.")
