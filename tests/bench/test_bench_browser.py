"""The parts of the measurement in the browser that need no browser."""

import urllib.request
from pathlib import Path

import pytest

from bench.bench_browser import files_served, print_medians


def test_the_files_of_the_engines_are_served(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.js").write_text("export default 1;")
    with files_served(tmp_path) as address:
        for path, content in (
            ("map/renderer.js", b"WebGL2"),
            ("npm/other/index.js", b"export default 1;"),
            ("", b"window.measure"),
        ):
            with urllib.request.urlopen(address + path, timeout=20) as answer:
                assert content in answer.read()


def test_the_median_of_each_number_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_medians("map", [{"paint s": 1.0}, {"paint s": 9.0}, {"paint s": 2.0}])
    assert capsys.readouterr().out.split() == ["map", "paint", "s", "2"]
