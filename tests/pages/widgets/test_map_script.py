"""The JavaScript of the map: files, version and structure."""

import hashlib
import re
from pathlib import Path

import pytest

from pages.widgets import map_script


def test_the_version_follows_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_script, "FOLDER", tmp_path)
    (tmp_path / "a.js").write_text("1")
    first = map_script.version()
    (tmp_path / "b.js").write_text("")
    second = map_script.version()
    assert set(map_script.modules()) == {"a.js", "b.js"}
    (tmp_path / "b.js").unlink()
    assert first == map_script.version() != second
    assert hashlib.sha256(b"a.js\x001\x001").hexdigest()[:16] == first


def test_a_module_is_known_by_its_version_without_looking_at_the_files_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_script, "FOLDER", tmp_path)
    (tmp_path / "a.js").write_text("1")
    first = map_script.version()
    assert map_script.module_of(first, "a.js") == b"1"
    assert map_script.module_of(first, "b.js") is None
    (tmp_path / "a.js").write_text("22")
    assert map_script.module_of(first, "a.js") == b"1"
    second = map_script.version()
    assert map_script.module_of(second, "a.js") == b"22"
    assert map_script.module_of(first, "a.js") is None


def test_what_is_imported_later_is_not_asked_for_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_script, "FOLDER", tmp_path)
    (tmp_path / "index.js").write_text('import { a,\n  b } from "./a.js";\n')
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nimport("./later.js");\n')
    (tmp_path / "b.js").write_text('/** Of a circle. */\nexport { a } from "./a.js";\n')
    (tmp_path / "later.js").write_text('import { b } from "./b.js";\n')
    names = [address.rpartition("/")[2] for address in map_script.addresses()]
    assert names == ["a.js", "b.js", "index.js"]


def test_modules_import_only_each_other() -> None:
    for file in map_script.FOLDER.glob("*.js"):
        for path in re.findall(r'from "([^"]+)"', file.read_text(encoding="utf-8")):
            assert path.startswith("./") and (file.parent / path).is_file(), (file.name, path)


def test_modules_are_short_and_say_what_they_do() -> None:
    for file in map_script.FOLDER.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert text.startswith("/**") and len(text.splitlines()) <= 400, file.name


def test_no_module_writes_markup_from_data() -> None:
    written = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(")
    found = [f.name for f in map_script.FOLDER.glob("*.js") if written.search(f.read_text("utf-8"))]
    assert found == []
