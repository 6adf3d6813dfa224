"""How often each user may ask the read API: a bucket of requests that fills again over time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 60
"""Requests that a user can send at once."""
PER_SECOND = 2.0
"""Requests by which the bucket of a user fills again."""
MOST_USERS = 1_000


class RateLimit:
    """The buckets of all users. Thread-safe."""

    def __init__(
        self,
        burst: int = BURST,
        per_second: float = PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, user: str) -> float:
        """Take one request of a user; 0, or the seconds until the next one is answered."""
        with self._lock:
            now = self._clock()
            left, then = self._buckets.pop(user, (float(self._burst), now))
            left = min(float(self._burst), left + (now - then) * self._per_second)
            answered = left >= 1
            self._buckets[user] = (left - 1 if answered else left, now)
            while len(self._buckets) > MOST_USERS:
                self._buckets.popitem(last=False)
            return 0.0 if answered else (1 - left) / self._per_second
