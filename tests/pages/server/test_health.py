"""What `/healthz` answers."""

import json
import os

import pytest
from starlette.requests import Request

from pages.server import health, preparation, warm_up


@pytest.mark.parametrize(("prepared", "warm"), [(False, False), (True, False), (True, True)])
def test_health_names_the_process_and_says_whether_it_is_prepared_and_warm(
    prepared: bool, warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation.PREPARED, "is_set", lambda: prepared)
    monkeypatch.setattr(warm_up.WARM, "is_set", lambda: warm)
    answer = health.health(Request({"type": "http"}))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = json.loads(bytes(answer.body))
    assert body.pop("version")
    process = {"status": "ok", "process": os.getpid()}
    assert body == process | {"prepared": prepared, "warm": warm}


def test_the_route_does_not_collide_with_routes_of_streamlit() -> None:
    assert [route.path for route in health.ROUTES] == ["/healthz"]
