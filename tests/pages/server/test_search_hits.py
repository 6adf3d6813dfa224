"""The route of the search."""

import json
import time
from dataclasses import asdict

import pytest

from analysis.bundle import Bundle
from charts.search_lines import search_lines
from pages.server import search_hits
from tests.pages.server.conftest import asked

pytestmark = pytest.mark.usefixtures("offered")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_it_answers_at_once_and_has_hits_when_the_index_is_made(planted_bundle: Bundle) -> None:
    request = asked(planted_bundle, {"text": "whale"})
    first = search_hits.search_hits(request)
    assert (first.status_code, bytes(first.body)) == (202, b"[]")
    assert first.headers["cache-control"] == "no-store"
    end = time.monotonic() + 120
    while (answer := search_hits.search_hits(request)).status_code == 202:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert answer.status_code == 200 and "private" in answer.headers["cache-control"]
    lines = [asdict(line) for line in search_lines(planted_bundle, "whale")]
    assert json.loads(bytes(answer.body)) == lines and lines
    nothing = search_hits.search_hits(asked(planted_bundle))
    assert bytes(nothing.body) == b"[]"
