"""What `/map-modules/` serves."""

import hashlib
import re
from pathlib import Path

import pytest
from starlette.requests import Request

from pages.server import map_modules


def asked(version: str, name: str) -> Request:
    return Request({"type": "http", "path_params": {"version": version, "name": name}})


def test_every_module_is_served_as_it_is_and_kept_for_ever() -> None:
    files = sorted(map_modules.FOLDER.glob("*.js"))
    assert "index.js" in [file.name for file in files]
    for file in files:
        answer = map_modules.module(asked(map_modules.version(), file.name))
        assert answer.status_code == 200 and bytes(answer.body) == file.read_bytes()
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["absent.js", "map.css", "../widgets/page.py", ""])
def test_nothing_else_is_served(name: str) -> None:
    answer = map_modules.module(asked(map_modules.version(), name))
    assert answer.status_code == 404 and "cache-control" not in answer.headers


def test_another_version_is_refused() -> None:
    answer = map_modules.module(asked("0" * 16, "index.js"))
    assert answer.status_code == 404 and b"reload" in bytes(answer.body)


def test_the_version_follows_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_modules, "FOLDER", tmp_path)
    (tmp_path / "a.js").write_text("1")
    first = map_modules.version()
    (tmp_path / "b.js").write_text("")
    second = map_modules.version()
    (tmp_path / "b.js").unlink()
    assert first == map_modules.version() != second
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert hashlib.sha256(b"a.js\0001\x001").hexdigest()[:16] == first


def test_modules_import_only_each_other() -> None:
    for file in map_modules.FOLDER.glob("*.js"):
        for path in re.findall(r'from "([^"]+)"', file.read_text(encoding="utf-8")):
            assert path.startswith("./") and (file.parent / path).is_file(), (file.name, path)


def test_modules_have_one_job_each() -> None:
    long = [
        file.name
        for file in map_modules.FOLDER.glob("*.js")
        if len(file.read_text(encoding="utf-8").splitlines()) > 400
    ]
    assert long == []
