"""The files of the page that compares engines."""

import urllib.request
from pathlib import Path

from bench.bench_points import files_served


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
