"""How often a user may ask."""

import pytest

from pages.server import rate_limit
from pages.server.rate_limit import RateLimit


def test_a_bucket_empties_and_fills_again() -> None:
    now = [0.0]
    limit = RateLimit(burst=3, per_second=2.0, clock=lambda: now[0])
    assert [limit.wait("ada") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.wait("bob") == 0  # each user has one
    now[0] = 0.25
    assert limit.wait("ada") == pytest.approx(0.25)
    now[0] = 0.5
    assert [limit.wait("ada") for _ in range(2)] == [0, 0.5]
    now[0] = 100.0
    assert [limit.wait("ada") > 0 for _ in range(4)] == [False, False, False, True]


def test_the_number_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MOST_USERS", 2)
    limit = RateLimit(burst=1, per_second=0.001, clock=lambda: 0.0)
    for user in ("ada", "bob", "eve"):
        assert limit.wait(user) == 0
    assert limit.wait("eve") > 0
    assert limit.wait("ada") == 0  # the oldest one was forgotten
