"""What `/map-modules/` serves."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from pages.server import map_modules
from pages.widgets.map_script import FOLDER, version


def answered(address: tuple[str, str]) -> Response:
    names = dict(zip(("version", "name"), address, strict=True))
    return asyncio.run(map_modules.module(Request({"type": "http", "path_params": names})))


def test_every_module_is_served_as_it_is_and_kept_for_ever() -> None:
    files = sorted(FOLDER.glob("*.js"))
    assert "index.js" in [file.name for file in files]
    for file in files:
        answer = answered((version(), file.name))
        assert answer.status_code == 200 and bytes(answer.body) == file.read_bytes()
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["absent.js", "map.css", "../widgets/page.py", ""])
def test_nothing_else_is_served(name: str) -> None:
    answer = answered((version(), name))
    assert answer.status_code == 404 and "cache-control" not in answer.headers


def test_another_version_is_refused() -> None:
    answer = answered(("0" * 16, "index.js"))
    assert answer.status_code == 404 and b"reload" in bytes(answer.body)
