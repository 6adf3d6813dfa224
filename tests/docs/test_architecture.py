"""docs/architecture.md names every module, and every file that it names exists."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_list_of_modules_is_up_to_date() -> None:
    described = runpy.run_path(str(ROOT / "docs" / "modules.py"))["described"]
    assert described(TEXT) == TEXT, "run `make docs`"


def test_every_named_path_exists() -> None:
    before = TEXT.split("<!-- modules -->")[0]
    folders = "analysis|charts|pages|tests|bench|docs|data|deploy"
    paths = re.findall(rf"`((?:{folders})/[\w/.]*)`", before)
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []
